"""What a job asks for and OAR does not heed, each wish with the reason.

Pure, and part of a CE: a submission may say the same to the user that `translate` says. What A-REX
or the client alone look at never comes here; the readers name it.
"""

from __future__ import annotations

from collections.abc import Mapping

from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.job.request import checkpoint
from arc_lrms_oar.settings import QueueSettings

# Keys of GRAMi that none of ARC's backends, nor this one, makes anything of.
_UNUSED_KEYS = (
    (
        "joboption_pre_",
        "A-REX hands on executables to run before the job, and no backend runs them",
    ),
    (
        "joboption_post_",
        "A-REX hands on executables to run after the job, and no backend runs them",
    ),
    ("joboption_penv_", "a parallel environment is chosen by a runtime environment"),
)
# What A-REX writes for a job that asks for no priority (ARC 6.17 `ControlFileContent.cpp`).
_USUAL_PRIORITY = 50


def unheeded(job: JobDescription, queue: QueueSettings, now: float) -> list[str]:
    """One line "wish: reason" for each wish that OAR is not told, or does not enforce."""
    lines = []
    if job.cpu_time and job.wall_time:
        lines.append("cputime: OAR limits the wall time alone")
    elif job.cpu_time:
        lines.append("cputime: OAR limits the wall time alone, which is made of it")
    if job.memory and queue.memory_property:
        lines.append("memory: OAR chooses nodes by it and does not hold the job to it")
    elif job.memory:
        lines.append("memory: OAR is not told, since no memory_property is set for this queue")
    if job.virtual_memory:
        lines.append("virtualmemory: OAR knows no such thing")
    if job.disk:
        lines.append("disk: OAR knows nothing of its nodes' disks")
    if job.priority not in (None, _USUAL_PRIORITY):
        lines.append("priority: A-REX orders its own work by it, OAR lets no user choose one")
    if job.start_time is not None and job.start_time <= now:
        lines.append("starttime: it is past, so the job starts as soon as it can")
    if queue.resources:
        lines += _instead(job, "{count}" in "".join(queue.resources))
    elif queue.gpus and job.count > 1:
        lines.append("count: the job gets GPUs whole, with the slots that belong to them")
    if queue.checkpoint and not checkpoint(job, queue):
        lines.append("checkpoint: the wall time is no longer than that, so no signal is sent")
    return lines


def _instead(job: JobDescription, counted: bool) -> list[str]:
    """What the option resources has put its own levels in place of."""
    wishes = {
        "count": job.count > 1 and not counted,
        "countpernode": job.count_per_node,
        # A-REX makes one of the other (ARC 6.17 `JobDescriptionHandler.cpp`).
        "numnodes": job.num_nodes and not job.count_per_node,
        "exclusiveexecution": job.exclusive,
    }
    return [f"{name}: resources says what the job gets" for name, wish in wishes.items() if wish]


def unused_keys(values: Mapping[str, str]) -> list[str]:
    """One line "key: reason" for each kind of GRAMi key that is set and has no effect."""
    lines = []
    for start, reason in _UNUSED_KEYS:
        found = [key for key, value in values.items() if key.startswith(start) and value]
        if found:
            lines.append(f"{min(found)}: {reason}")
    return lines
