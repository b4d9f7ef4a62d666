"""Info: what A-REX's information provider publishes of OAR, in the shape of LRMSInfo.pm's schema.

The story: ask OAR for its version, its resources, the jobs that have not ended and its queues, and
once more for those of A-REX's jobs that have ended meanwhile or are about to start; then count.
The number of commands grows neither with the jobs nor with the nodes, only with the queues that
have `properties` of their own. Source of the shape: ARC 6.17 `infoproviders/LRMSInfo.pm`, the same
in ARC 7.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

from arc_lrms_oar.errors import ConfigError, ControlDirError
from arc_lrms_oar.info.job_list import Load, job_info, ranks
from arc_lrms_oar.info.queues import cluster_info, policy_of, queue_info, reservations
from arc_lrms_oar.info.site_state import site_state
from arc_lrms_oar.info.slots import Slot, Slots, nodes_info
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.resources import Queue, resource_id
from arc_lrms_oar.oar.states import State, state_of
from arc_lrms_oar.settings import QueueSettings, Settings

# So many of A-REX's waiting jobs, the oldest, are asked when they will start: OAR 2 tells it with
# all else it has of a job, at some ten SQL queries each.
FORETOLD = 100


def options_schema() -> dict[str, Any]:
    """The options that the provider hands over, as ARC's InfoChecker describes them."""
    return {"lrms": "*", "queues": {"*": {"users": [""]}}, "jobs": [""], "controldir": "*"}


def read_options(path: str | None, settings: Settings) -> dict[str, Any]:
    """The provider's options from a JSON file (`-`: stdin), or what A-REX would ask for now.

    Raises ConfigError.
    """
    if path is None:
        return _usual_options(settings)
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


def _usual_options(settings: Settings) -> dict[str, Any]:
    """All queues of arc.conf, the grid jobs that are in OAR, and the users whose they are.

    Of a control directory that the caller may not read no job and no user is known.
    """
    from arc_lrms_oar.arex.job_listing import IN_OAR, JobListing, user_of

    try:
        jobs = [job for job in JobListing(settings.control_dir).refresh() if job.state in IN_OAR]
    except ControlDirError:
        jobs = []
    users = sorted({user for job in jobs if (user := user_of(job))})
    return {
        "queues": {name: {"users": users} for name in settings.queues},
        "jobs": [str(job.local_id) for job in jobs if job.local_id],
    }


def plain(value: Any) -> Any:
    """Options as Python has them: Inline::Python hands over Perl's strings as bytes."""
    if isinstance(value, dict):
        return {plain(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _checked(options: dict[str, Any]) -> dict[str, Any]:
    """`options` where they have the shape of `options_schema`; raises ConfigError."""
    queues, jobs = options.get("queues") or {}, options.get("jobs") or []
    if not isinstance(queues, dict) or not all(isinstance(row, dict) for row in queues.values()):
        raise ConfigError("the provider's option queues must be an object of objects")
    users = [row.get("users") or [] for row in queues.values()]
    if not all(isinstance(one, list) for one in (jobs, *users)):
        raise ConfigError("the provider's options jobs and users must be lists")
    return {"queues": queues, "jobs": jobs}


def lrms_info(settings: Settings, client: OarClient, options: dict[str, Any]) -> dict[str, Any]:
    """What there is to publish for the queues, users and jobs that `options` name.

    Raises OarUnavailable, at which the provider keeps its last document, and ConfigError for
    options that are none.
    """
    now = time.time()
    asked = _checked(plain(options))
    slots = Slots(client.resources(), settings, now)
    active = client.with_resources(client.active())
    queues = client.queues()
    wanted = [int(job_id) for job_id in asked["jobs"] if str(job_id).isdecimal()]
    names = {name: settings.queue(name).oar_queue or name for name in asked["queues"]}
    whole = Load(active, slots)
    policy = policy_of(queues, set(names.values()))
    held = reservations(active, slots)
    of_conditions = _slots_by_condition(settings, client, names, slots)
    loads = {
        name: Load((record for record in active if record.queue == name), slots)
        for name in set(names.values())
    }
    published = {
        name: queue_info(
            settings.queue(name),
            oar_name,
            _own(settings.queue(name), oar_name, of_conditions, queues),
            [str(user) for user in asked["queues"][name].get("users") or []],
            slots,
            whole.taken,
            loads[oar_name],
            queues,
            held,
            now,
        )
        for name, oar_name in names.items()
    }
    known = {record.job_id: record for record in active}
    foretell(client, known, wanted)
    places = ranks(whole)
    site = site_state(settings, slots, queues)
    jobs: dict[str, Any] = _ended(client, [job_id for job_id in wanted if job_id not in known])
    for job_id in wanted:
        record = known.get(job_id)
        if record is not None:
            jobs[str(job_id)] = job_info(record, slots, places.get(job_id), site, now)
    info: dict[str, Any] = {
        "cluster": cluster_info(client.version(), slots, whole, policy),
        "queues": published,
        "jobs": jobs,
        "nodes": nodes_info(slots, whole.taken),
    }
    if policy:
        # Where ARC1ClusterInfo.pm of ARC 6.17 and 7.0 looks for it, beside the schema.
        info["schedpolicy"] = policy
    return info


def _own(
    settings: QueueSettings,
    oar_name: str,
    of_conditions: Mapping[str, set[Slot]],
    queues: Mapping[str, Queue] | None,
) -> set[Slot]:
    """The slots of one queue; one that OAR does not have has none."""
    if queues is not None and oar_name not in queues:
        return set()
    return of_conditions[settings.properties]


def _slots_by_condition(
    settings: Settings, client: OarClient, names: Mapping[str, str], slots: Slots
) -> dict[str, set[Slot]]:
    """The slots that fulfil each queue's `properties`, for which OAR itself is asked."""
    found = {"": set(slots.until)}
    for name in names:
        condition = settings.queue(name).properties
        if condition not in found:
            rows = client.resources(condition)
            found[condition] = slots.taken_by(resource_id(row) for row in rows)
    return found


def foretell(client: OarClient, known: dict[int, JobRecord], wanted: Iterable[int]) -> None:
    """Adds the predicted start of the oldest of A-REX's waiting jobs, where it is not there yet."""
    waiting = [
        known[job_id]
        for job_id in sorted(wanted)
        if job_id in known
        and state_of(known[job_id].state) is State.WAITING
        and known[job_id].scheduled_start is None
    ]
    if client.dialect.foretells or not waiting:
        return
    known.update(client.records({record.job_id: record.state for record in waiting[:FORETOLD]}))


def _ended(client: OarClient, job_ids: list[int]) -> dict[str, Any]:
    """Those of A-REX's jobs that OAR no longer has among the living.

    A job that has come back to life in between, or that has a state of no known name, is left to
    the next look.
    """
    found: dict[str, Any] = {}
    states = client.states(job_ids)
    for job_id in job_ids:
        word = states.get(job_id, State.TERMINATED.word)
        state = state_of(word)
        status = state.published if state else "O"
        found[str(job_id)] = {"status": status, "nodes": [], "comment": []}
    return found
