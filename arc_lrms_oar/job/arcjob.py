"""Convert ARC's JobDescription object into a `JobDescription` of this package.

The object comes from ARC's Python bindings: from the parsers of its client, or from ARC 6's
`arc.lrms`, which reads the GRAMi file. The latter loses quotes, the directories of files and whole
nodes (ARC 6.17 `lrms/arc/lrms/common/parse.py`), so a submission takes only the path of the GRAMi
file from it. Nothing here imports `arc`; only the names of the object's attributes are used.
"""

from __future__ import annotations

from typing import Any

from arc_lrms_oar.job.description import JobDescription, RuntimeEnvironment

# The key under which `arc.lrms` keeps values that exist only in a GRAMi file.
_OTHER = "joboption;{}"
# ARC's value for no time; other times before 1970 are valid.
_NO_TIME = -1


def from_arc(jobdesc: Any) -> JobDescription:
    """Return the job that an `arc.JobDescription` describes; of alternatives, the first.

    ARC keeps times in seconds and memory and disk in MB; -1 and "" mean not set. All runtime
    environments count as required, as in A-REX, because the bindings of ARC 6 and 7 do not expose
    the relation between the job and a runtime environment.
    """
    application, resources = jobdesc.Application, jobdesc.Resources
    executable, slots = application.Executable, resources.SlotRequirement
    count, per_node = _positive(slots.NumberOfSlots), _positive(slots.SlotsPerHost)
    wall_time = _set(resources.TotalWallTime.range.max)
    if wall_time is None:
        wall_time = _set(resources.IndividualWallTime.range.max)
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
        cpu_time=_set(resources.TotalCPUTime.range.max),
        wall_time=wall_time,
        memory=_set(resources.IndividualPhysicalMemory.max),
        virtual_memory=_set(resources.IndividualVirtualMemory.max),
        disk=_set(resources.DiskSpaceRequirement.DiskSpace.max),
        count=count or 1,
        count_per_node=per_node,
        num_nodes=-(-count // per_node) if count and per_node else None,
        exclusive=slots.ExclusiveExecution == slots.EE_TRUE,
        runtime_environments=_runtime_environments(resources),
        start_time=None if start == _NO_TIME else start,
        priority=_set(application.Priority),
        input_files=tuple(file.Name for file in jobdesc.DataStaging.InputFiles),
        output_files=tuple(file.Name for file in jobdesc.DataStaging.OutputFiles),
        success_code=code.second if code.first else None,
        grid_id=_other(jobdesc, "gridid"),
        session_dir=_other(jobdesc, "directory"),
        control_dir=_other(jobdesc, "controldir"),
    )


def _set(number: int) -> int | None:
    return number if number >= 0 else None


def _positive(number: int) -> int | None:
    return number if number > 0 else None


def _runtime_environments(resources: Any) -> tuple[RuntimeEnvironment, ...]:
    # Called without arguments, a Software returns its name with version.
    return tuple(
        RuntimeEnvironment(software(), tuple(software.getOptions()))
        for software in resources.RunTimeEnvironment.getSoftwareList()
        if not software.empty()
    )


def _other(jobdesc: Any, name: str) -> str:
    attributes, key = jobdesc.OtherAttributes, _OTHER.format(name)
    return str(attributes[key]) if key in attributes else ""
