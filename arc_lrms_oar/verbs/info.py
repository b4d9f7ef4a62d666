"""Info: what A-REX's information provider publishes of OAR, in the shape of LRMSInfo.pm's schema.

Three commands, however many jobs and nodes there are: the resources, the jobs that have not ended,
and the states of A-REX's own jobs. Source of the shape: ARC 6.17 `infoproviders/LRMSInfo.pm`.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any

from arc_lrms_oar.errors import ConfigError
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.record import JobRecord
from arc_lrms_oar.oar.states import State, state_of
from arc_lrms_oar.settings import QueueSettings, Settings

_OCCUPYING = {State.LAUNCHING, State.RUNNING, State.RESUMING, State.FINISHING, State.TO_ERROR}


def options_schema() -> dict[str, Any]:
    """The options that the provider hands over, as ARC's InfoChecker describes them."""
    return {"lrms": "*", "queues": {"*": {"users": [""]}}, "jobs": [""], "controldir": "*"}


def read_options(path: str | None, settings: Settings) -> dict[str, Any]:
    """The provider's options from a JSON file (`-`: stdin), or those that follow from arc.conf.

    Raises ConfigError.
    """
    if path is None:
        return {"queues": {name: {"users": []} for name in settings.queues}, "jobs": []}
    try:
        if path == "-":
            found = json.load(sys.stdin)
        else:
            with open(path, encoding="utf-8") as file:
                found = json.load(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot read the provider's options: {error}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: the provider's options must be a JSON object")
    return found


def lrms_info(settings: Settings, client: OarClient, options: dict[str, Any]) -> dict[str, Any]:
    """What there is to publish for the queues, users and jobs that `options` name.

    Raises OarUnavailable, at which the provider keeps its last document.
    """
    slots = _Slots(client.resources(), settings.common)
    active = client.active()
    queues = options.get("queues") or {}
    return {
        "cluster": _cluster(client.version(), slots, active),
        "queues": {
            name: _queue(settings.queue(name).oar_queue or name, queue, slots, active)
            for name, queue in queues.items()
        },
        "jobs": _jobs(client, options.get("jobs") or [], active),
        "nodes": slots.nodes(),
    }


class _Slots:
    """OAR's resources, counted by node and core as the site's settings name them."""

    def __init__(self, resources: Iterable[dict[str, Any]], queue: QueueSettings) -> None:
        self.cores: dict[str, set[str]] = {}
        self.alive: dict[str, bool] = {}
        for resource in resources:
            if resource.get("type", "default") != "default":
                continue
            node = str(resource.get(queue.node_level, ""))
            core = str(resource.get(queue.core_level, resource.get("resource_id", "")))
            self.cores.setdefault(node, set()).add(core)
            alive = resource.get("state") == "Alive"
            self.alive[node] = self.alive.get(node, False) or alive

    def total(self) -> int:
        """The slots of all nodes that are alive."""
        return sum(len(cores) for node, cores in self.cores.items() if self.alive[node])

    def distribution(self) -> str:
        """How many nodes have how many slots, such as `2cpu:4 16cpu:10`."""
        sizes = Counter(len(cores) for node, cores in self.cores.items() if self.alive[node])
        return " ".join(f"{size}cpu:{count}" for size, count in sorted(sizes.items()))

    def nodes(self) -> dict[str, Any]:
        """Each node with its availability and slots."""
        return {
            node: {
                "isavailable": int(self.alive[node]),
                "isfree": int(self.alive[node]),
                "slots": len(cores),
                "lcpus": len(cores),
            }
            for node, cores in self.cores.items()
        }


def _cluster(version: str, slots: _Slots, active: list[JobRecord]) -> dict[str, Any]:
    running, waiting = _split(active)
    return {
        "lrms_type": "oar",
        "lrms_version": version,
        "totalcpus": slots.total(),
        "usedcpus": _cores(running),
        "queuedcpus": _cores(waiting),
        "queuedjobs": len(waiting),
        "runningjobs": len(running),
        "cpudistribution": slots.distribution(),
    }


def _split(records: Iterable[JobRecord]) -> tuple[list[JobRecord], list[JobRecord]]:
    running: list[JobRecord] = []
    waiting: list[JobRecord] = []
    for record in records:
        (running if state_of(record.state) in _OCCUPYING else waiting).append(record)
    return running, waiting


def _cores(records: Iterable[JobRecord]) -> int:
    return sum(record.cores or 1 for record in records)


def _queue(
    oar_queue: str, queue: dict[str, Any], slots: _Slots, active: list[JobRecord]
) -> dict[str, Any]:
    running, waiting = _split(record for record in active if record.queue == oar_queue)
    used = _cores(_split(active)[0])
    free = max(0, slots.total() - used)
    return {
        "status": 1,
        "maxrunning": slots.total(),
        "running": _cores(running),
        "queued": len(waiting),
        "total": len(running) + len(waiting),
        "totalcpus": slots.total(),
        "users": {
            str(user): {"freecpus": {str(free): 0}, "queuelength": len(waiting)}
            for user in queue.get("users") or []
        },
        "nodes": sorted(slots.cores),
    }


def _jobs(client: OarClient, ids: list[Any], active: list[JobRecord]) -> dict[str, Any]:
    wanted = [int(job_id) for job_id in ids if str(job_id).isdecimal()]
    known = {record.job_id: record for record in active}
    ended = client.states(job_id for job_id in wanted if job_id not in known)
    jobs: dict[str, Any] = {}
    for job_id in wanted:
        record = known.get(job_id)
        word = record.state if record else ended.get(job_id, State.TERMINATED.word)
        state = state_of(word)
        row: dict[str, Any] = {"status": state.published if state else "O"}
        row["nodes"] = list(record.nodes) if record else []
        row["comment"] = [record.message] if record and record.message else []
        if record and record.cores:
            row["cpus"] = record.cores
        jobs[str(job_id)] = row
    return jobs
