"""Helpers for the tests of the three readers: a stand-in for ARC's object, and the differences."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from job.xrsl import compare

# Descriptions that lose information in ARC's object.
NOT_IN_THE_OBJECT = dict.fromkeys(
    (
        "relation runtimeenvironment !=",
        "relation runtimeenvironment <",
        "relation runtimeenvironment >",
        "runtimeenvironment mixed",
    ),
    "the bindings do not tell which relation a runtime environment stands in",
)


class Software:
    """A runtime environment in ARC's object."""

    def __init__(self, name: str, options: list[str]) -> None:
        self._name = name
        self._options = options

    def __call__(self) -> str:
        return self._name

    def empty(self) -> bool:
        return not self._name

    def getOptions(self) -> list[str]:
        return self._options


def arc_object(answer: compare.Answer, **other: str) -> Any:
    """A plain object with the attributes of `arc.JobDescription`, filled with a recorded answer.

    `other` are attributes as `arc.lrms` makes them of a GRAMi file's `joboption_…`.
    """
    get = answer.get
    slots = SimpleNamespace(
        EE_DEFAULT=0,
        EE_TRUE=1,
        EE_FALSE=2,
        NumberOfSlots=get("count", -1),
        SlotsPerHost=get("count_per_node", -1),
    )
    slots.ExclusiveExecution = {"yes": 1, "no": 2}.get(get("exclusive", ""), 0)
    software = [Software(name, options) for _, name, options in get("runtime_environments", [])]
    start = get("start_time", -1)
    return SimpleNamespace(
        Identification=SimpleNamespace(JobName=get("name", "")),
        Application=SimpleNamespace(
            Executable=SimpleNamespace(
                Path=get("executable", ""),
                Argument=get("arguments", []),
                SuccessExitCode=SimpleNamespace(first="code" in answer, second=get("code", 0)),
            ),
            Environment=[tuple(pair) for pair in get("environment", [])],
            Input=get("stdin", ""),
            Output=get("stdout", ""),
            Error=get("stderr", ""),
            ProcessingStartTime=SimpleNamespace(GetTime=lambda: start),
            Priority=get("priority", -1),
        ),
        Resources=SimpleNamespace(
            QueueName=get("queue", ""),
            TotalCPUTime=_limits(get("cpu_time", -1)),
            TotalWallTime=_limits(get("wall_time", -1)),
            IndividualWallTime=_limits(get("individual_wall_time", -1)),
            IndividualPhysicalMemory=SimpleNamespace(max=get("memory", -1)),
            IndividualVirtualMemory=SimpleNamespace(max=get("virtual_memory", -1)),
            DiskSpaceRequirement=SimpleNamespace(DiskSpace=SimpleNamespace(max=get("disk", -1))),
            SlotRequirement=slots,
            RunTimeEnvironment=SimpleNamespace(getSoftwareList=lambda: software),
        ),
        DataStaging=SimpleNamespace(
            InputFiles=[SimpleNamespace(Name=name) for name in get("input_files", [])],
            OutputFiles=[SimpleNamespace(Name=name) for name in get("output_files", [])],
        ),
        OtherAttributes={f"joboption;{name}": value for name, value in other.items()},
    )


def _limits(most: int) -> Any:
    return SimpleNamespace(range=SimpleNamespace(max=most))
