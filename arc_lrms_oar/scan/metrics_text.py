"""The metrics as text for node_exporter's textfile collector: numbers in, text out.

The format is Prometheus' text format 0.0.4; the names follow its conventions (base units, `_total`,
`_seconds`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from arc_lrms_oar.arex.controldir import CANCELING, IN_LRMS
from arc_lrms_oar.job.failed_submission import KINDS
from arc_lrms_oar.oar.outcome import Cause
from arc_lrms_oar.oar.states import State
from arc_lrms_oar.version import __version__

OK = "ok"
# The label of a job that OAR does not know.
UNKNOWN = "unknown"
_RESULTS = (OK, "oar_unavailable", "failed")
_COMMANDS = ("oarstat", "oardel")


class Numbers(NamedTuple):
    """The numbers after a cycle; times are in seconds, moments in seconds since 1970.

    `counters` are the counters by name, `jobs` the number of jobs by A-REX's state, `states` the
    number of jobs by OAR's state, with the moment `asked` at which OAR was asked for all of them.
    """

    counters: Mapping[str, float]
    jobs: Mapping[str, int]
    states: Mapping[str, float]
    seconds: float
    now: float
    up: bool


def text_of(numbers: Numbers) -> str:
    """The content of the file."""
    return "".join(_families(numbers))


def _families(numbers: Numbers) -> Iterator[str]:
    counters = numbers.counters
    yield _family("build_info", "gauge", "Version of arc_lrms_oar.")
    yield _sample("build_info", 1, version=__version__)
    yield _family("up", "gauge", "Whether OAR answered all queries of the last scan cycle.")
    yield _sample("up", int(numbers.up))
    yield _family("jobs", "gauge", "Grid jobs that A-REX has in OAR, by A-REX's state.")
    for state in (IN_LRMS, CANCELING):
        yield _sample("jobs", numbers.jobs.get(state, 0), state=state)
    yield from _batch_jobs(numbers.states)
    yield _family("submissions_total", "counter", "Grid jobs that scan has found in OAR.")
    yield _sample("submissions_total", counters.get("submissions", 0))
    yield _family("verdicts_total", "counter", "Grid jobs reported to A-REX, by how they ended.")
    for label in _labels("verdict", tuple(cause.label for cause in Cause), counters):
        yield _sample("verdicts_total", counters.get(f"verdict {label}", 0), reason=label)
    name = "failed_submissions"
    yield _family(f"{name}_total", "counter", "Grid jobs that were not submitted to OAR, by why.")
    for label in _labels(name, KINDS, counters):
        yield _sample(f"{name}_total", counters.get(f"{name} {label}", 0), reason=label)
    yield from _cycles(numbers)
    yield from _commands(counters)


def _batch_jobs(states: Mapping[str, float]) -> Iterator[str]:
    name = "batch_jobs"
    known = [*(state.word for state in State), UNKNOWN]
    others = sorted(set(states) - {*known, "asked"})
    yield _family(
        name,
        "gauge",
        "Grid jobs by OAR's state, when OAR was last asked for all "
        "(arc_oar_batch_jobs_timestamp_seconds).",
    )
    for word in [*known, *others]:
        yield _sample(name, states.get(word, 0), state=word)
    name += "_timestamp_seconds"
    yield _family(name, "gauge", "When OAR was last asked for the states of all grid jobs.")
    yield _sample(name, states.get("asked", 0))


def _cycles(numbers: Numbers) -> Iterator[str]:
    counters = numbers.counters
    counts = {result: counters.get(f"cycles {result}", 0) for result in _RESULTS}
    yield _family("scan_cycles_total", "counter", "Scan cycles, by result.")
    for result, count in counts.items():
        yield _sample("scan_cycles_total", count, result=result)
    yield _family("scan_duration_seconds", "summary", "Duration of the scan cycles.")
    yield _sample("scan_duration_seconds_sum", counters.get("cycle_seconds", 0))
    yield _sample("scan_duration_seconds_count", sum(counts.values()))
    for name, text, value in (
        ("scan_last_duration_seconds", "Duration of the last scan cycle.", numbers.seconds),
        ("scan_last_timestamp_seconds", "When the last scan cycle began.", numbers.now),
        (
            "scan_last_success_timestamp_seconds",
            "When the last scan cycle began in which OAR answered all queries.",
            counters.get("last_success", 0),
        ),
    ):
        yield _family(name, "gauge", text)
        yield _sample(name, value)


def _commands(counters: Mapping[str, float]) -> Iterator[str]:
    commands = _labels("commands", _COMMANDS, counters)
    name = "command_duration_seconds"
    yield _family(name, "summary", "Duration of OAR's commands in scan.")
    for command in commands:
        yield _sample(f"{name}_sum", counters.get(f"command_seconds {command}", 0), command=command)
        yield _sample(f"{name}_count", counters.get(f"commands {command}", 0), command=command)
    name = "command_failures_total"
    yield _family(
        name,
        "counter",
        "OAR's commands that could not be started, exceeded the timeout, or failed.",
    )
    for command in commands:
        failures = counters.get(f"command_failures {command}", 0)
        yield _sample(name, failures, command=command)


def _labels(prefix: str, known: tuple[str, ...], counters: Mapping[str, float]) -> list[str]:
    """The known labels, which exist from the first cycle on, and those counted under `prefix`."""
    counted = (name[len(prefix) + 1 :] for name in counters if name.startswith(f"{prefix} "))
    return [*known, *sorted(set(counted) - set(known))]


def _family(name: str, kind: str, text: str) -> str:
    return f"# HELP arc_oar_{name} {text}\n# TYPE arc_oar_{name} {kind}\n"


def _sample(name: str, value: float, **labels: str) -> str:
    inside = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
    shown = f"{value:.6f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"
    return f"arc_oar_{name}{{{inside}}} {shown}\n" if inside else f"arc_oar_{name} {shown}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
