"""The metrics of scan as text for node_exporter's textfile collector: numbers in, text out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from arc_lrms_oar.arex.controldir import CANCELING, IN_LRMS
from arc_lrms_oar.exposition import family, gauge, histogram, sample
from arc_lrms_oar.job.failed_submission import KINDS
from arc_lrms_oar.oar.outcome import Cause
from arc_lrms_oar.oar.states import State
from arc_lrms_oar.scan.recent_ends import RecentEnds
from arc_lrms_oar.version import __version__

OK = "ok"
# The label of a job that OAR does not know.
UNKNOWN = "unknown"
# Histograms, by the names of their counters, and their buckets in seconds.
QUEUE_TIME = "queue_time_seconds"
QUEUE_TIMES = (10, 60, 300, 1800, 3600, 21600, 86400, 604800)
REPORT_DELAY = "report_delay_seconds"
END_TO_END_DELAY = "end_to_end_delay_seconds"
DELAYS = (1, 2, 5, 10, 20, 60, 300, 1800)
_RESULTS = (OK, "oar_unavailable", "failed")
_COMMANDS = ("oarstat", "oardel")


class Numbers(NamedTuple):
    """The numbers after a cycle; times are in seconds, moments in seconds since 1970.

    `counters` are the counters by name, `jobs` the number of jobs by A-REX's state, `states` the
    number of jobs by OAR's state, with the moment `asked` at which OAR was asked for all of them,
    `recent` are the jobs that have ended lately.
    """

    counters: Mapping[str, float]
    jobs: Mapping[str, int]
    states: Mapping[str, float]
    recent: RecentEnds
    seconds: float
    now: float


def text_of(numbers: Numbers) -> str:
    """The content of the file."""
    return "".join(_families(numbers))


def _families(numbers: Numbers) -> Iterator[str]:
    counters = numbers.counters
    yield family("build_info", "gauge", "Version of arc_lrms_oar.")
    yield sample("build_info", 1, version=__version__)
    yield gauge(
        "up",
        "Whether OAR answered when scan last asked it (arc_oar_last_asked_timestamp_seconds).",
        counters.get("up", 0),
    )
    yield gauge(
        "last_asked_timestamp_seconds",
        "When scan last asked OAR, which it does every five minutes without jobs, too.",
        counters.get("asked", 0),
    )
    yield family("jobs", "gauge", "Grid jobs that A-REX has in OAR, by A-REX's state.")
    for state in (IN_LRMS, CANCELING):
        yield sample("jobs", numbers.jobs.get(state, 0), state=state)
    yield from _batch_jobs(numbers.states)
    yield family("submissions_total", "counter", "Grid jobs that scan has found in OAR.")
    yield sample("submissions_total", counters.get("submissions", 0))
    yield family("verdicts_total", "counter", "Grid jobs reported to A-REX, by how they ended.")
    for label in _labels("verdict", tuple(cause.label for cause in Cause), counters):
        yield sample("verdicts_total", counters.get(f"verdict {label}", 0), reason=label)
    name = "failed_submissions"
    yield family(f"{name}_total", "counter", "Grid jobs that were not submitted to OAR, by why.")
    for label in _labels(name, KINDS, counters):
        yield sample(f"{name}_total", counters.get(f"{name} {label}", 0), reason=label)
    yield from _ends(numbers)
    yield from _cycles(numbers)
    yield from _commands(counters)


def _batch_jobs(states: Mapping[str, float]) -> Iterator[str]:
    name = "batch_jobs"
    known = [*(state.word for state in State), UNKNOWN]
    others = sorted(set(states) - {*known, "asked"})
    yield family(
        name,
        "gauge",
        "Grid jobs by OAR's state, when OAR was last asked for all "
        "(arc_oar_batch_jobs_timestamp_seconds).",
    )
    for word in [*known, *others]:
        yield sample(name, states.get(word, 0), state=word)
    name += "_timestamp_seconds"
    text = "When OAR was last asked for the states of all grid jobs."
    yield gauge(name, text, states.get("asked", 0))


def _ends(numbers: Numbers) -> Iterator[str]:
    """How long jobs waited, how soon their ends were reported, and where they failed."""
    counters = numbers.counters
    text = "Time from submission to OAR to the start of the job, of the jobs that have ended."
    yield from histogram(QUEUE_TIME, text, QUEUE_TIMES, counters)
    text = "Time from the end of a job in OAR to its report to A-REX."
    yield from histogram(REPORT_DELAY, text, DELAYS, counters)
    text = "Time from the end of a job in OAR until scan sees that A-REX has gone on with it."
    yield from histogram(END_TO_END_DELAY, text, DELAYS, counters)
    oldest = counters.get("oldest_end", 0)
    yield gauge(
        "oldest_unreported_end_seconds",
        "Time since the oldest end of a job in OAR that is not reported to A-REX; 0: none.",
        max(0.0, numbers.now - oldest) if oldest else 0,
    )
    yield gauge(
        "last_report_timestamp_seconds",
        "When scan last reported an ended job to A-REX.",
        counters.get("last_report", 0),
    )
    total, nodes = numbers.recent
    since = "in the last half hour to hour"
    yield gauge("recent_ended_jobs", f"Jobs that ended {since}, of those that ran.", total.ended)
    yield gauge("recent_failed_jobs", f"Jobs that failed {since}, of those that ran.", total.failed)
    for name, index, text in (
        ("node_ended_jobs", 0, f"Jobs that ended {since}, on the nodes where most jobs failed."),
        ("node_failed_jobs", 1, f"Jobs that failed {since}, on the nodes where most jobs failed."),
    ):
        yield family(name, "gauge", text)
        for node, ends in nodes.items():
            yield sample(name, ends[index], node=node)


def _cycles(numbers: Numbers) -> Iterator[str]:
    counters = numbers.counters
    counts = {result: counters.get(f"cycles {result}", 0) for result in _RESULTS}
    yield family("scan_cycles_total", "counter", "Scan cycles, by result.")
    for result, count in counts.items():
        yield sample("scan_cycles_total", count, result=result)
    yield family("scan_duration_seconds", "summary", "Duration of the scan cycles.")
    yield sample("scan_duration_seconds_sum", counters.get("cycle_seconds", 0))
    yield sample("scan_duration_seconds_count", sum(counts.values()))
    for name, text, value in (
        ("scan_last_duration_seconds", "Duration of the last scan cycle.", numbers.seconds),
        ("scan_last_timestamp_seconds", "When the last scan cycle began.", numbers.now),
        (
            "scan_last_success_timestamp_seconds",
            "When the last scan cycle began in which OAR answered all queries.",
            counters.get("last_success", 0),
        ),
    ):
        yield gauge(name, text, value)


def _commands(counters: Mapping[str, float]) -> Iterator[str]:
    commands = _labels("commands", _COMMANDS, counters)
    name = "command_duration_seconds"
    yield family(name, "summary", "Duration of OAR's commands in scan.")
    for command in commands:
        yield sample(f"{name}_sum", counters.get(f"command_seconds {command}", 0), command=command)
        yield sample(f"{name}_count", counters.get(f"commands {command}", 0), command=command)
    name = "command_failures_total"
    yield family(
        name,
        "counter",
        "OAR's commands that could not be started, exceeded the timeout, or failed.",
    )
    for command in commands:
        failures = counters.get(f"command_failures {command}", 0)
        yield sample(name, failures, command=command)


def _labels(prefix: str, known: tuple[str, ...], counters: Mapping[str, float]) -> list[str]:
    """The known labels, which exist from the first cycle on, and those counted under `prefix`."""
    counted = (name[len(prefix) + 1 :] for name in counters if name.startswith(f"{prefix} "))
    return [*known, *sorted(set(counted) - set(known))]
