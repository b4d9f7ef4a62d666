"""What A-REX makes of a job before a backend sees it: the values of its GRAMi file.

For a job description that no A-REX has seen yet. What only A-REX knows, such as the grid ID and
the session directory, is the caller's to make up; GRID_GLOBAL_JOBID and its like are left out.

Sources (ARC 6.17 and 7.0): `src/services/a-rex/grid-manager/jobs/JobDescriptionHandler.cpp`
(`write_grami`), and `src/hed/libs/compute/JobDescription.cpp` (`Prepare`) for the files that the
user's client adds. One thing is otherwise: A-REX waits for a start time itself and leaves
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
class Place:
    """Where A-REX keeps a job, and under which ID."""

    session_dir: str
    control_dir: str
    grid_id: str


def grami_values(job: XrslJob, place: Place) -> Values:
    """The GRAMi values of a job with its files in `place`."""
    said = job.description
    values = {
        "directory": place.session_dir,
        "controldir": place.control_dir,
        "gridid": place.grid_id,
        "stdin": said.stdin or _NOWHERE,
        "stdout": _inside(place, said.stdout),
        "stderr": _inside(place, said.stderr),
        "jobname": said.name or "",
        "queue": said.queue or "",
        "cputime": _number(said.cpu_time),
        "walltime": _number(said.wall_time),
        "memory": _number(said.memory),
        "disk": _number(said.disk),
        "priority": str(said.priority or _DEFAULT_PRIORITY),
        "starttime": _moment(said.start_time),
        **_slots(job),
        **_numbered("arg", [_program(said.executable), *said.arguments]),
        **_numbered("env", [f"{name}={value}" for name, value in said.environment]),
        **_runtime_environments(said),
        **_numbered("inputfile", _rooted(_input_files(said))),
        **_numbered("outputfile", _rooted(_output_files(job))),
    }
    return {f"joboption_{name}": value for name, value in values.items()}


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


def _moment(seconds: int | None) -> str:
    if seconds is None or not 0 <= seconds < 2**37:
        return ""
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))


def _inside(place: Place, name: str | None) -> str:
    return f"{place.session_dir}/{name}" if name else _NOWHERE


def _program(executable: str) -> str:
    executable = executable.strip(" \t\n\v\f\r")
    return executable if executable.startswith(("/", "$", "./")) else "./" + executable


def _numbered(name: str, values: list[str]) -> Values:
    return {f"{name}_{index}": value for index, value in enumerate(values)}


def _slots(job: XrslJob) -> Values:
    said = job.description
    values = {"count": str(said.count)}
    if "count" not in job.unsaid:
        values["countpernode"] = str(said.count_per_node or -1)
    if said.num_nodes:
        values["numnodes"] = str(said.num_nodes)
    if said.exclusive:
        values["exclusivenode"] = "true"
    return values


def _runtime_environments(said: JobDescription) -> Values:
    values = {}
    for index, rte in enumerate(said.runtime_environments):
        values[f"runtime_{index}"] = rte.name
        for number, option in enumerate(rte.options, 1):
            values[f"runtime_{index}_{number}"] = option
    return values


def _input_files(said: JobDescription) -> list[str]:
    """The job's own, then the executable and standard input, which the client brings as well."""
    brought = [name for name in (said.executable, said.stdin) if name and name[0] != "/"]
    return [*said.input_files, *_further(said.input_files, brought)]


def _output_files(job: XrslJob) -> list[str]:
    """The job's own, then what the client fetches as well: stdout and stderr, joined or not."""
    said = job.description
    fetched = [name for name in (said.stdout, said.stderr, job.log_dir) if name]
    return [*said.output_files, *_further(said.output_files, fetched)]


def _further(known: Sequence[str], names: list[str]) -> list[str]:
    return [name for name in names if name not in known]


def _rooted(names: list[str]) -> list[str]:
    return [name if name.startswith("/") else "/" + name for name in names]
