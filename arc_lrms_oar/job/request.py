"""Turn a JobDescription and the settings of a queue into the arguments of oarsub.

Pure. OAR puts names, projects and queues into its SQL without escaping them, so names that a user
chose are reduced here to an alphabet that is safe there. The user's own name of the job stays in
A-REX's `.local` file, from which ARC shows it.
"""

from __future__ import annotations

import re
import shlex
import time
from typing import NamedTuple

from arc_lrms_oar import oarsub_values
from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.job.oar_name import job_name, safe_name
from arc_lrms_oar.settings import QueueSettings

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_DIRECTORY = re.compile(r"/[^'\"\\`$%\x00-\x1f\x7f]*")
_SIGUSR2 = 12
# The end of the last year that has four digits, as OAR reads them.
_LATEST = 253402300799
_KB_OF_UNIT = {"kb": 1, "mb": 1024, "gb": 1024 * 1024}


class OarRequest(NamedTuple):
    """The request to OAR for one job; times in seconds.

    `resources` are alternatives; `wall_time` applies to those that name none. OAR sends
    `checkpoint_signal` (0: its default) `checkpoint` seconds before the end of the wall time (0:
    never).
    """

    name: str
    project: str
    queue: str
    resources: tuple[str, ...]
    wall_time: int | None
    properties: str
    types: tuple[str, ...]
    checkpoint: int
    checkpoint_signal: int
    notify: str
    directory: str
    output: str
    script: str

    def argv(self) -> list[str]:
        """Return the arguments of oarsub, using only options that OAR 2.5, 2.6 and 3 share."""
        line = ["--name", self.name]
        if self.project:
            line += ["--project", self.project]
        if self.queue:
            line += ["-q", self.queue]
        length = "" if self.wall_time is None else f",walltime={clock(self.wall_time)}"
        for resources in self.resources:
            line += ["-l", resources + ("" if ",walltime=" in resources else length)]
        if self.properties:
            line += ["-p", self.properties]
        for kind in self.types:
            line += ["-t", kind]
        if self.checkpoint:
            line += ["--checkpoint", str(self.checkpoint)]
            if self.checkpoint_signal:
                line += ["--signal", str(self.checkpoint_signal)]
        if self.notify:
            line += ["--notify", self.notify]
        line += ["-d", self.directory, "-O", self.output, "-E", self.output]
        return [*line, shlex.quote(self.script)]


def clock(seconds: int) -> str:
    """Return hours:minutes:seconds; OAR reads a plain number as hours."""
    return f"{seconds // 3600}:{seconds // 60 % 60}:{seconds % 60}"


def make_request(job: JobDescription, queue: QueueSettings, script: str, now: float) -> OarRequest:
    """Return the request for `job` with the job script at `script`.

    `now` is the time in seconds since 1970. Raises JobError, with a text for the grid user, for a
    job that OAR cannot get.
    """
    if not _DIRECTORY.fullmatch(job.session_dir):
        raise JobError(
            f"the session directory {job.session_dir!r} has characters that OAR cannot handle; "
            "the site's sessiondir must be an absolute path without quotes, $, % and \\"
        )
    resources, properties = _placed(_resources(job, queue), _conditions(job, queue))
    return OarRequest(
        name=job_name(job.name or "", job.grid_id),
        project=safe_name(job.project or "") or queue.project,
        queue=queue.oar_queue or _queue_name(job.queue or ""),
        resources=resources,
        wall_time=wall_time(job, queue),
        properties=properties,
        types=queue.types + _start_type(job, now),
        checkpoint=checkpoint(job, queue),
        checkpoint_signal=queue.checkpoint_signal,
        notify=queue.notify,
        directory=job.session_dir,
        output=job.session_dir + ".comment",
        script=script,
    )


def _queue_name(queue: str) -> str:
    if queue and not _WORD.fullmatch(queue):
        raise JobError(f"the queue name {queue!r} cannot be the name of a queue of OAR")
    return queue


def wall_time(job: JobDescription, queue: QueueSettings) -> int | None:
    """Return the wall time in seconds: as asked, CPU time / slots, the site's default, or None."""
    if job.wall_time:
        return job.wall_time
    if job.cpu_time:
        return -(-job.cpu_time // job.count)
    return queue.default_walltime or None


def checkpoint(job: JobDescription, queue: QueueSettings) -> int:
    """Return how many seconds before its end the job gets a signal; 0 for a shorter job."""
    length = wall_time(job, queue)
    return queue.checkpoint if length is None or length > queue.checkpoint else 0


def checkpoint_signal(job: JobDescription, queue: QueueSettings) -> int:
    """Return the signal that the job script passes on to the program, 0 for none."""
    return (queue.checkpoint_signal or _SIGUSR2) if checkpoint(job, queue) else 0


def _resources(job: JobDescription, queue: QueueSettings) -> tuple[str, ...]:
    if queue.resources:
        return tuple(text.replace("{count}", str(job.count)) for text in queue.resources)
    nodes, per_node = _layout(job)
    if queue.gpus and job.exclusive:
        raise JobError("a job cannot ask for both whole nodes and GPUs of a node; choose one")
    if queue.gpus:
        return (f"/{queue.node_level}={nodes or 1}/{queue.gpu_level}={queue.gpus}",)
    if job.exclusive:
        return (f"/{queue.node_level}={nodes or _whole_nodes(job, queue)}",)
    if nodes is None:
        return (f"/{queue.core_level}={job.count}",)
    return (f"/{queue.node_level}={nodes}/{queue.core_level}={per_node}",)


def _whole_nodes(job: JobDescription, queue: QueueSettings) -> int:
    if job.count == 1:
        return 1
    if not queue.cores_per_node:
        raise JobError(
            f"{job.count} slots on whole nodes: the number of nodes is unknown here; "
            "set the number of slots on each node with countpernode"
        )
    return -(-job.count // queue.cores_per_node)


def _layout(job: JobDescription) -> tuple[int | None, int]:
    """Return the number of nodes (None: any) and of slots on each."""
    if job.count_per_node:
        per_node = min(job.count_per_node, job.count)
        return -(-job.count // per_node), per_node
    if job.num_nodes:
        return job.num_nodes, -(-job.count // job.num_nodes)
    return None, job.count


def _conditions(job: JobDescription, queue: QueueSettings) -> str:
    """Return the conditions of the site and of the job, joined with AND."""
    conditions = [queue.properties.strip()] if queue.properties.strip() else []
    conditions += [_condition(text) for text in job.node_properties if text.strip()]
    if queue.gpus and not queue.resources:
        # OAR counts the resources without a value there as one more GPU (seen on 2.5.9).
        conditions.append(f"{queue.gpu_level} <> '0'")
    memory = job.memory if job.memory is not None else queue.default_memory
    if queue.memory_property and memory:
        slots = _slots_on_one_node(job, queue) if queue.memory_scope == "node" else 1
        asked = -(-memory * slots * 1024 // _KB_OF_UNIT[queue.memory_unit])
        conditions.append(f"{queue.memory_property}>={asked}")
    if len(conditions) < 2:
        return "".join(conditions)
    return " AND ".join(f"({condition})" for condition in conditions)


def _slots_on_one_node(job: JobDescription, queue: QueueSettings) -> int:
    """Return how many slots of the job may share a node; ARC's memory is per slot."""
    nodes, slots = _layout(job)
    return min(slots, queue.cores_per_node) if nodes is None and queue.cores_per_node else slots


def _placed(resources: tuple[str, ...], conditions: str) -> tuple[tuple[str, ...], str]:
    """Return the resources and the condition for -p, which OAR applies to every group.

    Resources of other types than default, such as licences, do not have the properties of nodes. If
    the request has groups with and without a type, the condition goes to the groups without one.
    """
    if not conditions or not any("+" in text for text in resources):
        return resources, conditions
    from arc_lrms_oar.oarsub_grammar import Group, alternatives

    parsed = [alternative for text in resources for alternative in alternatives(text)]
    typed = [_has_type(group.condition) for one in parsed for group in one.groups]
    if all(typed) or not any(typed):
        return resources, conditions
    if "}" in conditions:
        raise JobError(f"a condition on a group of resources cannot contain }}: {conditions}")

    def placed(group: Group) -> Group:
        if _has_type(group.condition):
            return group
        own = f"({group.condition}) AND " if group.condition else ""
        return Group(f"{own}({conditions})" if own else conditions, group.levels)

    found = (one._replace(groups=tuple(map(placed, one.groups))) for one in parsed)
    return tuple(map(str, found)), ""


def _has_type(condition: str) -> bool:
    # OAR's own admission rule adds type = 'default' to the others.
    return re.search(r"\btype\b", condition) is not None


def _condition(text: str) -> str:
    try:
        return oarsub_values.condition(text)
    except ValueError as error:
        raise JobError(
            f"joboption_nodeproperty {text[:60]!r} is wrong: it must be {error}",
            getattr(error, "details", ""),
        ) from None


def _start_type(job: JobDescription, now: float) -> tuple[str, ...]:
    # OAR reads the date in its server's local time (2.5 `oar_sched_gantt_with_timesharing`).
    if job.start_time is None or job.start_time <= now:
        return ()
    if job.start_time > _LATEST:
        raise JobError("the start time is after the year 9999")
    return (time.strftime("postpone=%Y-%m-%d %H:%M:%S", time.localtime(job.start_time)),)
