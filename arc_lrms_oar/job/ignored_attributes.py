"""Attributes of a job that have no effect on OAR, each with the reason.

Pure. `submit` and `translate` print the same lines. Attributes that concern only A-REX or the
client are reported by the readers of the job description, not here.
"""

from __future__ import annotations

from collections.abc import Mapping

from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.job.request import checkpoint
from arc_lrms_oar.settings import QueueSettings

# Keys of GRAMi that no backend of ARC uses, and this one neither.
_UNUSED_KEYS = (
    (
        "joboption_pre_",
        "no backend of A-REX runs executables before the job",
    ),
    (
        "joboption_post_",
        "no backend of A-REX runs executables after the job",
    ),
    ("joboption_penv_", "only a runtime environment can choose a parallel environment"),
)
# A-REX writes this for a job without a priority (ARC 6.17 `ControlFileContent.cpp`).
_DEFAULT_PRIORITY = 50


def ignored_by_oar(job: JobDescription, queue: QueueSettings, now: float) -> list[str]:
    """Return a line "attribute: reason" for each attribute that OAR does not get or enforce."""
    lines = []
    if job.cpu_time and job.wall_time:
        lines.append("cputime: OAR limits only the wall time")
    elif job.cpu_time:
        lines.append("cputime: OAR limits only the wall time, which is computed from it")
    if job.memory and queue.memory_property:
        lines.append("memory: OAR chooses nodes by it and does not enforce it")
    elif job.memory:
        lines.append("memory: OAR does not get it, because this queue has no memory_property")
    if job.virtual_memory:
        lines.append("virtualmemory: OAR has no such limit")
    if job.disk:
        lines.append("disk: OAR has no information about disk space on its nodes")
    if job.priority not in (None, _DEFAULT_PRIORITY):
        lines.append("priority: only A-REX uses it; users cannot set a priority in OAR")
    if job.start_time is not None and job.start_time <= now:
        lines.append("starttime: it is in the past, so the job starts as soon as possible")
    if queue.resources:
        lines += _replaced(job, "{count}" in "".join(queue.resources))
    elif queue.gpus and job.count > 1:
        lines.append("count: the job gets whole GPUs with all slots that belong to them")
    if queue.checkpoint and not checkpoint(job, queue):
        lines.append("checkpoint: the wall time is not longer, so no signal is sent")
    return lines


def _replaced(job: JobDescription, counted: bool) -> list[str]:
    """Lines about the attributes that the option `resources` replaces."""
    attributes = {
        "count": job.count > 1 and not counted,
        "countpernode": job.count_per_node,
        # A-REX computes one from the other (ARC 6.17 `JobDescriptionHandler.cpp`).
        "numnodes": job.num_nodes and not job.count_per_node,
        "exclusiveexecution": job.exclusive,
    }
    return [
        f"{name}: the option resources determines what the job gets"
        for name, value in attributes.items()
        if value
    ]


def ignored_keys(values: Mapping[str, str]) -> list[str]:
    """Return a line "key: reason" for each kind of GRAMi key that is set and has no effect."""
    lines = []
    for start, reason in _UNUSED_KEYS:
        found = [key for key, value in values.items() if key.startswith(start) and value]
        if found:
            lines.append(f"{min(found)}: {reason}")
    return lines
