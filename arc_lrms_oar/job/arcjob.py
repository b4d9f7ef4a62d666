"""Reads ARC's own JobDescription object into ours.

The object comes from ARC's Python bindings: from its client's parsers, or from the GRAMi file by
ARC 6's `arc.lrms`. The latter loses much on the way (quotes, the directories of files, whole nodes;
ARC 6.17 `lrms/arc/lrms/common/parse.py`), so a submission takes from it only where the GRAMi file
is. Nothing here imports `arc`: an object is read by what ARC calls its parts.
"""

from __future__ import annotations

from typing import Any

from arc_lrms_oar.job.description import JobDescription, RuntimeEnvironment

# How `arc.lrms` files what only a GRAMi file says.
_OTHER = "joboption;{}"
# Other times before 1970 are times.
_NO_TIME = -1


def from_arc(jobdesc: Any) -> JobDescription:
    """The job that an `arc.JobDescription` describes, of alternatives the first.

    ARC keeps times in seconds and memory and disk in MB; -1 and "" stand for nothing said. All
    runtime environments are taken for required, as A-REX takes them, since the bindings of ARC 6
    and 7 do not give away the relations between them and the job. Raises nothing of its own.
    """
    application, resources = jobdesc.Application, jobdesc.Resources
    executable, slots = application.Executable, resources.SlotRequirement
    count, per_node = _positive(slots.NumberOfSlots), _positive(slots.SlotsPerHost)
    wall_time = _said(resources.TotalWallTime.range.max)
    if wall_time is None:
        wall_time = _said(resources.IndividualWallTime.range.max)
    code, start = executable.SuccessExitCode, application.ProcessingStartTime.GetTime()
    return JobDescription(
        executable=executable.Path,
        arguments=tuple(executable.Argument),
        name=jobdesc.Identification.JobName or None,
        environment=tuple((name, value) for name, value in application.Environment),
        stdin=application.Input or None,
        stdout=application.Output or None,
        stderr=application.Error or None,
        queue=resources.QueueName or None,
        cpu_time=_said(resources.TotalCPUTime.range.max),
        wall_time=wall_time,
        memory=_said(resources.IndividualPhysicalMemory.max),
        virtual_memory=_said(resources.IndividualVirtualMemory.max),
        disk=_said(resources.DiskSpaceRequirement.DiskSpace.max),
        count=count or 1,
        count_per_node=per_node,
        num_nodes=-(-count // per_node) if count and per_node else None,
        exclusive=slots.ExclusiveExecution == slots.EE_TRUE,
        runtime_environments=_runtime_environments(resources),
        start_time=None if start == _NO_TIME else start,
        priority=_said(application.Priority),
        input_files=tuple(file.Name for file in jobdesc.DataStaging.InputFiles),
        output_files=tuple(file.Name for file in jobdesc.DataStaging.OutputFiles),
        success_code=code.second if code.first else None,
        grid_id=_other(jobdesc, "gridid"),
        session_dir=_other(jobdesc, "directory"),
        control_dir=_other(jobdesc, "controldir"),
    )


def _said(number: int) -> int | None:
    return number if number >= 0 else None


def _positive(number: int) -> int | None:
    return number if number > 0 else None


def _runtime_environments(resources: Any) -> tuple[RuntimeEnvironment, ...]:
    # Called without arguments, a Software gives its name with version.
    return tuple(
        RuntimeEnvironment(software(), tuple(software.getOptions()))
        for software in resources.RunTimeEnvironment.getSoftwareList()
        if not software.empty()
    )


def _other(jobdesc: Any, name: str) -> str:
    attributes, key = jobdesc.OtherAttributes, _OTHER.format(name)
    return str(attributes[key]) if key in attributes else ""
