"""What scan tells Prometheus: numbers in, text out, for node_exporter's textfile collector.

Counters count from the first scan with this option on, in the control directory's memory; where
that is lost they begin at 0, which Prometheus takes for a restart. The format is Prometheus' text
format 0.0.4; the names follow its conventions (base units, `_total`, `_seconds`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from arc_lrms_oar.arex.controldir import CANCELING, IN_LRMS
from arc_lrms_oar.commands.query import UNKNOWN
from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.oar.outcome import KINDS
from arc_lrms_oar.oar.states import State
from arc_lrms_oar.version import __version__

OK = "ok"
_RESULTS = (OK, "oar_unavailable", "failed")
_COMMANDS = ("oarstat", "oardel")


class Numbers(NamedTuple):
    """All that there is to tell after a cycle, times in seconds (since 1970).

    `counted` are the counters by their words, `jobs` the jobs by A-REX's state, `states` those by
    OAR's with the time `asked` when it was asked for all of them.
    """

    counted: Mapping[str, float]
    jobs: Mapping[str, int]
    states: Mapping[str, float]
    seconds: float
    now: float
    up: bool


def result_of(error: BaseException | None) -> str:
    """The word for how a cycle ended that raised `error`."""
    if error is None:
        return OK
    return "oar_unavailable" if isinstance(error, OarUnavailable) else "failed"


def text_of(numbers: Numbers) -> str:
    """The file's text."""
    return "".join(_families(numbers))


def write(path: str, text: str) -> None:
    """Puts the text in place at once, readable for all; raises OSError.

    Aside means under a name that node_exporter does not read.
    """
    aside = f"{path}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(aside, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        os.fchmod(file.fileno(), 0o644)
    os.replace(aside, path)


def _families(numbers: Numbers) -> Iterator[str]:
    counted = numbers.counted
    yield _family("build_info", "gauge", "Version of arc_lrms_oar.")
    yield _sample("build_info", 1, version=__version__)
    yield _family("up", "gauge", "Whether the last cycle of scan could ask OAR all that it wanted.")
    yield _sample("up", int(numbers.up))
    yield _family("jobs", "gauge", "Grid jobs that A-REX has in OAR, by A-REX's state.")
    for state in (IN_LRMS, CANCELING):
        yield _sample("jobs", numbers.jobs.get(state, 0), state=state)
    yield from _batch_jobs(numbers.states)
    yield _family("submissions_total", "counter", "Grid jobs that scan has seen come into OAR.")
    yield _sample("submissions_total", counted.get("submissions", 0))
    yield _family("verdicts_total", "counter", "Grid jobs reported to A-REX, by how they ended.")
    for kind in _words("verdict", KINDS, counted):
        yield _sample("verdicts_total", counted.get(f"verdict {kind}", 0), reason=kind)
    yield from _cycles(numbers)
    yield from _commands(counted)


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
    counted = numbers.counted
    counts = {result: counted.get(f"cycles {result}", 0) for result in _RESULTS}
    yield _family("scan_cycles_total", "counter", "Cycles of scan, by how they ended.")
    for result, count in counts.items():
        yield _sample("scan_cycles_total", count, result=result)
    yield _family("scan_duration_seconds", "summary", "How long the cycles of scan took.")
    yield _sample("scan_duration_seconds_sum", counted.get("cycle_seconds", 0))
    yield _sample("scan_duration_seconds_count", sum(counts.values()))
    for name, text, value in (
        ("scan_last_duration_seconds", "How long the last cycle took.", numbers.seconds),
        ("scan_last_timestamp_seconds", "When the last cycle began.", numbers.now),
        (
            "scan_last_success_timestamp_seconds",
            "When the last cycle began that could ask OAR all that it wanted.",
            counted.get("last_success", 0),
        ),
    ):
        yield _family(name, "gauge", text)
        yield _sample(name, value)


def _commands(counted: Mapping[str, float]) -> Iterator[str]:
    commands = _words("commands", _COMMANDS, counted)
    name = "command_duration_seconds"
    yield _family(name, "summary", "How long OAR's commands took in scan.")
    for command in commands:
        yield _sample(f"{name}_sum", counted.get(f"command_seconds {command}", 0), command=command)
        yield _sample(f"{name}_count", counted.get(f"commands {command}", 0), command=command)
    name = "command_failures_total"
    yield _family(
        name, "counter", "OAR's commands that did not run, not end in time, or not with code 0."
    )
    for command in commands:
        failures = counted.get(f"command_failures {command}", 0)
        yield _sample(name, failures, command=command)


def _words(start: str, known: tuple[str, ...], counted: Mapping[str, float]) -> list[str]:
    """The known words, from the first cycle on, and others that were counted under `start`."""
    met = (name[len(start) + 1 :] for name in counted if name.startswith(f"{start} "))
    return [*known, *sorted(set(met) - set(known))]


def _family(name: str, kind: str, text: str) -> str:
    return f"# HELP arc_oar_{name} {text}\n# TYPE arc_oar_{name} {kind}\n"


def _sample(name: str, value: float, **labels: str) -> str:
    inside = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
    shown = f"{value:.6f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"
    return f"arc_oar_{name}{{{inside}}} {shown}\n" if inside else f"arc_oar_{name} {shown}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
