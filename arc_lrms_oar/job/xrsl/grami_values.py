"""The GRAMi values that A-REX would write for a job description in xRSL.

The caller chooses what only A-REX can choose, such as the grid job ID and the session directory.
Variables that A-REX adds to the environment, such as GRID_GLOBAL_JOBID, are left out.

Sources (ARC 6.17 and 7.0): `src/services/a-rex/grid-manager/jobs/JobDescriptionHandler.cpp`
(`write_grami`), and `src/hed/libs/compute/JobDescription.cpp` (`Prepare`) for the files that the
user's client adds. One difference: A-REX waits for a start time itself and leaves
`joboption_starttime` empty.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.job.grami import Values
from arc_lrms_oar.job.xrsl.draft import XrslJob

_DEFAULT_PRIORITY = 50
_NOWHERE = "/dev/null"


@dataclass(frozen=True)
class JobPaths:
    """The directories and the grid job ID of a job in A-REX."""

    session_dir: str
    control_dir: str
    grid_id: str


def grami_values(job: XrslJob, paths: JobPaths) -> Values:
    """Return the GRAMi values of a job with its files in `paths`."""
    asked = job.description
    values = {
        "directory": paths.session_dir,
        "controldir": paths.control_dir,
        "gridid": paths.grid_id,
        "stdin": asked.stdin or _NOWHERE,
        "stdout": _inside(paths, asked.stdout),
        "stderr": _inside(paths, asked.stderr),
        "jobname": asked.name or "",
        "queue": asked.queue or "",
        "cputime": _number(asked.cpu_time),
        "walltime": _number(asked.wall_time),
        "memory": _number(asked.memory),
        "disk": _number(asked.disk),
        "priority": str(asked.priority or _DEFAULT_PRIORITY),
        "starttime": _moment(asked.start_time),
        **_slots(job),
        **_numbered("arg", [_program(asked.executable), *asked.arguments]),
        **_numbered("env", [f"{name}={value}" for name, value in asked.environment]),
        **_runtime_environments(asked),
        **_numbered("inputfile", _rooted(_input_files(asked))),
        **_numbered("outputfile", _rooted(_output_files(job))),
    }
    return {f"joboption_{name}": value for name, value in values.items()}


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


def _moment(seconds: int | None) -> str:
    if seconds is None or not 0 <= seconds < 2**37:
        return ""
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))


def _inside(paths: JobPaths, name: str | None) -> str:
    return f"{paths.session_dir}/{name}" if name else _NOWHERE


def _program(executable: str) -> str:
    executable = executable.strip(" \t\n\v\f\r")
    return executable if executable.startswith(("/", "$", "./")) else "./" + executable


def _numbered(name: str, values: list[str]) -> Values:
    return {f"{name}_{index}": value for index, value in enumerate(values)}


def _slots(job: XrslJob) -> Values:
    asked = job.description
    values = {"count": str(asked.count)}
    if "count" not in job.unset:
        values["countpernode"] = str(asked.count_per_node or -1)
    if asked.num_nodes:
        values["numnodes"] = str(asked.num_nodes)
    # ARC's ADL parser reads ExclusiveExecution only beside SlotsPerHost (6.17 and 7.0
    # `src/hed/acc/JobDescriptionParser/ADLParser.cpp`).
    if asked.exclusive and asked.count_per_node:
        values["exclusivenode"] = "true"
    return values


def _runtime_environments(asked: JobDescription) -> Values:
    values = {}
    for index, rte in enumerate(asked.runtime_environments):
        values[f"runtime_{index}"] = rte.name
        for number, option in enumerate(rte.options, 1):
            values[f"runtime_{index}_{number}"] = option
    return values


def _input_files(asked: JobDescription) -> list[str]:
    """The job's own, then the executable and standard input, which the client also uploads."""
    brought = [name for name in (asked.executable, asked.stdin) if name and name[0] != "/"]
    return [*asked.input_files, *_further(asked.input_files, brought)]


def _output_files(job: XrslJob) -> list[str]:
    """The job's own, then stdout and stderr, which the client also downloads."""
    asked = job.description
    fetched = [name for name in (asked.stdout, asked.stderr, job.log_dir) if name]
    return [*asked.output_files, *_further(asked.output_files, fetched)]


def _further(known: Sequence[str], names: list[str]) -> list[str]:
    return [name for name in names if name not in known]


def _rooted(names: list[str]) -> list[str]:
    return [name if name.startswith("/") else "/" + name for name in names]
