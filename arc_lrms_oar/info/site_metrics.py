"""Metrics of the site that the information provider writes: OAR's server, slots, nodes and queue.

A-REX runs the provider every few minutes, and it asks OAR for all of this anyway. So nothing of it
costs scan any time, and only the accounting database is read in addition.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from arc_lrms_oar.arex.accounting import last_end
from arc_lrms_oar.exposition import family, gauge, sample
from arc_lrms_oar.files import atomic_write
from arc_lrms_oar.info.jobs import status_of
from arc_lrms_oar.info.queues import Cluster
from arc_lrms_oar.info.slots import CONDITIONS, MIXED
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.states import State, state_of
from arc_lrms_oar.oar.waiting import unscheduled_since
from arc_lrms_oar.settings import Settings

# How the published statuses of jobs (`oar.states`) are called. Held jobs are apart from suspended
# ones, though ARC has one status for both.
_STATUSES = {"Q": "waiting", "R": "running", "S": "suspended"}
_HELD = "held"
_OTHER = "other"


class SiteNumbers(NamedTuple):
    """The numbers; times are in seconds, moments in seconds since 1970.

    `slots` and `nodes` by state, `jobs` those of all users of OAR by status. None means that a
    number is not known, and its family is left out. `unscheduled` is the time for which a job has
    waited without being looked at by OAR's scheduler, or past the start that was predicted for it.
    """

    slots: Mapping[str, int]
    nodes: Mapping[str, int]
    jobs: Mapping[str, int]
    server_up: bool | None
    last_activity: float
    unscheduled: float
    last_accounted: float | None
    now: float


def path_of(metrics_file: str) -> str:
    """The file beside scan's `metrics_file`: arc_oar_site.prom for arc_oar.prom."""
    stem, end = os.path.splitext(metrics_file)
    return f"{stem}_site{end}"


def write(
    settings: Settings,
    cluster: Cluster,
    active: Collection[JobRecord],
    server_error: str | None,
) -> None:
    """Write the file; what prevents that is logged, and the provider goes on.

    `active` are OAR's jobs that have not ended; `server_error` is as in `SiteState`.
    """
    path = path_of(settings.metrics_file)
    numbers = site_numbers(cluster, active, server_error, last_end(settings.control_dir))
    try:
        atomic_write(path, text_of(numbers).encode(), mode=0o644)
    except OSError as error:
        problem = f"the metrics cannot be written to {path}: {error.strerror}"
        Log("info", settings.log_level).say("WARNING", problem)


def site_numbers(
    cluster: Cluster,
    active: Collection[JobRecord],
    server_error: str | None,
    last_accounted: float | None,
) -> SiteNumbers:
    """The numbers of a site."""
    slots, taken = cluster.slots, cluster.occupation.taken
    free = slots.free(taken)
    starts = [record.start_time or 0 for record in active if status_of(record.state) == "R"]
    return SiteNumbers(
        slots={
            "free": len(free),
            "used": len(taken),
            "down": len(slots.until.keys() - slots.up - taken),
            "closed": len(slots.up - free - taken),
        },
        nodes=Counter(node.condition for node in slots.nodes.values()),
        jobs=Counter(_status(record) for record in active),
        server_up=None if server_error is None else not server_error,
        last_activity=max(slots.last_used, *starts, 0),
        unscheduled=_unscheduled(cluster),
        last_accounted=last_accounted,
        now=cluster.now,
    )


def _status(record: JobRecord) -> str:
    if state_of(record.state) is State.HOLD:
        return _HELD
    return _STATUSES.get(status_of(record.state), _OTHER)


def _unscheduled(cluster: Cluster) -> float:
    """See `SiteNumbers`. OAR places no job while its queue is inactive or no node is Alive."""
    if not cluster.slots.up:
        return 0.0
    waiting = [record for record in cluster.load.waiting if cluster.is_active(record.queue)]
    since = [unscheduled_since(record, cluster.now) for record in waiting]
    known = [moment for moment in since if moment is not None]
    return max(0.0, cluster.now - min(known)) if known else 0.0


def text_of(numbers: SiteNumbers) -> str:
    """The content of the file."""
    return "".join(_families(numbers))


def _families(numbers: SiteNumbers) -> Iterator[str]:
    yield gauge(
        "info_last_timestamp_seconds",
        "When the information provider last began in which OAR answered all queries.",
        numbers.now,
    )
    if numbers.server_up is not None:
        text = "Whether OAR's server accepts connections; without it no job starts or ends."
        yield gauge("server_up", text, int(numbers.server_up))
    yield gauge(
        "scheduler_lag_seconds",
        "Time for which a job waits that OAR's scheduler has not looked at; 0: there is none.",
        numbers.unscheduled,
    )
    yield gauge(
        "last_activity_timestamp_seconds",
        "When OAR last started a job that runs, or ended one.",
        numbers.last_activity,
    )
    yield from _by_state("slots", "Slots (cores) of OAR, by state.", numbers.slots)
    nodes = {**dict.fromkeys([*CONDITIONS, MIXED], 0), **numbers.nodes}
    yield from _by_state("nodes", "Nodes of OAR, by state.", nodes)
    jobs = {**dict.fromkeys([*_STATUSES.values(), _HELD, _OTHER], 0), **numbers.jobs}
    yield from _by_state("site_jobs", "Jobs of all users of OAR that have not ended.", jobs)
    if numbers.last_accounted is not None:
        text = "When the last job ended that is in A-REX's accounting database."
        yield gauge("accounting_last_end_timestamp_seconds", text, numbers.last_accounted)


def _by_state(name: str, text: str, numbers: Mapping[str, int]) -> Iterator[str]:
    yield family(name, "gauge", text)
    for state, number in numbers.items():
        yield sample(name, number, state=state)
