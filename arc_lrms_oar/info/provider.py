"""What A-REX's information provider publishes about OAR, in the shape of LRMSInfo.pm's schema.

`lrms_info` asks OAR for its resources, its active jobs and its queues, then for the details of
waiting jobs and for A-REX's jobs that have ended meanwhile, and counts. The number of commands
grows neither with the jobs nor with the nodes, only with the queues that have `properties` of their
own.

Source of the shape: ARC 6.17 and 7.0 `infoproviders/LRMSInfo.pm`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from arc_lrms_oar.arex.job_listing import arc_queues_of_jobs
from arc_lrms_oar.info import site_metrics
from arc_lrms_oar.info.details import add_details
from arc_lrms_oar.info.jobs import Load, Occupation, job_info, status_of
from arc_lrms_oar.info.options import check_options
from arc_lrms_oar.info.queues import (
    Cluster,
    cluster_info,
    policy_of,
    queue_info,
    reservations,
    taken_for,
)
from arc_lrms_oar.info.site_state import site_state
from arc_lrms_oar.info.slots import Slot, Slots, nodes_info
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.resources import Queue, resource_id
from arc_lrms_oar.oar.states import State
from arc_lrms_oar.oar.transport import CommandFailed, CommandTimeout
from arc_lrms_oar.oar.waiting import SiteState
from arc_lrms_oar.settings import Settings


def lrms_info(
    settings: Settings, client: OarClient, options: dict[Any, Any], metrics: bool = False
) -> dict[str, Any]:
    """Collect what is published for the queues, users and jobs in the provider's options.

    With `metrics` it also writes the metrics of the site, if arc.conf names a file for metrics.
    Raises OarUnavailable, on which the provider keeps its last document, and ConfigError for wrong
    options.
    """
    now = time.time()
    wanted = check_options(options)
    slots = Slots(client.resources(), settings, now)
    records = {record.job_id: record for record in client.with_resources(client.active())}
    queues = client.queues()
    add_details(client, records, wanted.job_ids, all_requests=not slots.alike)
    oar_queues = {name: settings.queue(name).oar_queue or name for name in wanted.users}
    own = _own_slots(settings, client, oar_queues, slots, queues)
    jobs_of = _jobs_of_queues(settings, records, wanted.job_ids, oar_queues)
    active = records.values()
    occupation = Occupation(active, slots)
    held = reservations(active, slots)
    cluster = Cluster(slots, Load(active), occupation, queues, held, now)
    policy = policy_of(queues, set(oar_queues.values()))
    site = site_state(settings, slots, queues)
    if metrics and settings.metrics_file:
        site_metrics.write(settings, cluster, records.values(), site.server_error)
    info: dict[str, Any] = {
        "cluster": cluster_info(client.version(), cluster, policy),
        "queues": {
            name: queue_info(
                settings.queue(name),
                oar_queue,
                own[name],
                Load(jobs_of[name]),
                wanted.users[name],
                cluster,
            )
            for name, oar_queue in oar_queues.items()
        },
        "jobs": {
            **_jobs(client, cluster, site, records, wanted.job_ids),
            **{local_id: _ended_job() for local_id in wanted.unsubmitted},
        },
        "nodes": nodes_info(slots, taken_for(settings.common, "", occupation)),
    }
    if policy:
        # ARC1ClusterInfo.pm of ARC 6.17 and 7.0 reads it here, the schema has it in `cluster`.
        info["schedpolicy"] = policy
    return info


def _jobs(
    client: OarClient,
    cluster: Cluster,
    site: SiteState,
    records: Mapping[int, JobRecord],
    job_ids: Iterable[int],
) -> dict[str, Any]:
    """A-REX's jobs. One that is not active is asked for its state; an unknown one has ended."""
    ranks = cluster.load.ranks()
    states = client.states([job_id for job_id in job_ids if job_id not in records])
    found: dict[str, Any] = {}
    for job_id in job_ids:
        record = records.get(job_id)
        if record is None:
            found[str(job_id)] = _ended_job(states.get(job_id, State.TERMINATED.word))
        else:
            rank = ranks.get(job_id)
            found[str(job_id)] = job_info(record, cluster.slots, rank, site, cluster.now)
    return found


def _ended_job(state: str = State.TERMINATED.word) -> dict[str, Any]:
    """A job that is not active in OAR."""
    return {"status": status_of(state), "nodes": [], "comment": []}


def _own_slots(
    settings: Settings,
    client: OarClient,
    oar_queues: Mapping[str, str],
    slots: Slots,
    queues: Mapping[str, Queue] | None,
) -> dict[str, set[Slot] | None]:
    """The slots of each ARC queue: those that fulfil its `properties`, for which OAR is asked.

    A queue that OAR does not have has none. None marks a queue with a wrong condition: OAR 3
    refuses it with an error, and the other queues must still be published.
    """
    by_condition: dict[str, set[Slot] | None] = {"": set(slots.until)}
    found: dict[str, set[Slot] | None] = {}
    for name, oar_queue in oar_queues.items():
        condition = settings.queue(name).properties
        if condition not in by_condition:
            try:
                rows = list(client.resources(condition))
                by_condition[condition] = slots.taken_by(resource_id(row) for row in rows)
            except CommandFailed as failed:
                if failed.code is None or isinstance(failed, CommandTimeout):
                    raise
                by_condition[condition] = None
                Log("info", settings.log_level).say(
                    "WARNING",
                    f'queue {name} is published as inactive: OAR refuses properties = "{condition}"'
                    f" ({failed})",
                )
        missing = queues is not None and oar_queue not in queues
        found[name] = set() if missing else by_condition[condition]
    return found


def _jobs_of_queues(
    settings: Settings,
    records: Mapping[int, JobRecord],
    job_ids: Iterable[int],
    oar_queues: Mapping[str, str],
) -> dict[str, list[JobRecord]]:
    """The active jobs that count in each ARC queue.

    A grid job counts in its own ARC queue, whatever OAR queue it is in, as in A-REX. A local job
    counts in each ARC queue of its OAR queue that has `local_jobs`.
    """
    found: dict[str, list[JobRecord]] = {name: [] for name in oar_queues}
    arc_queues: dict[int, str] = {}
    if len(oar_queues) > 1:
        arc_queues = arc_queues_of_jobs(settings.control_dir)
    by_oar_queue: dict[str, list[str]] = {}
    for name, oar_queue in oar_queues.items():
        by_oar_queue.setdefault(oar_queue, []).append(name)
    grid = set(job_ids)
    for record in records.values():
        names = by_oar_queue.get(record.queue, [])
        if record.job_id not in grid:
            names = [name for name in names if settings.queue(name).local_jobs]
        elif arc_queues.get(record.job_id) in found:
            names = [arc_queues[record.job_id]]
        else:
            names = names[:1] or list(found)[:1]
        for name in names:
            found[name].append(record)
    return found
