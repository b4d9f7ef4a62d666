"""The metrics of one cycle: collect them, add them to the counters, and write the file.

The counters are kept in scan's state, in the control directory. If that is lost they begin at 0,
which Prometheus takes for a restart. What OAR is not asked for in scan is measured by the
information provider (`info.site_metrics`).
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.exposition import observe
from arc_lrms_oar.files import atomic_write
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.metering import Meter
from arc_lrms_oar.oar.outcome import Cause
from arc_lrms_oar.scan import recent_ends
from arc_lrms_oar.scan.metrics_text import (
    DELAYS,
    END_TO_END_DELAY,
    OK,
    QUEUE_TIME,
    QUEUE_TIMES,
    REPORT_DELAY,
    UNKNOWN,
    Numbers,
    text_of,
)
from arc_lrms_oar.scan.state import ScanState

# Seconds without a question to OAR after which it is asked only to see whether it answers.
ASK_AFTER = 300.0

# The state file is read by later versions, so these names stay as they were first written.
_COUNTERS = "metrics"
_STATES = "states"
# When the jobs ended in OAR that are reported and that A-REX still has in the LRMS.
_NOT_TAKEN = "not taken"


class CycleMetrics:
    """The metrics of the cycle that began at `now` (seconds since 1970).

    Set `jobs` to the number of jobs by A-REX's state, and `answered` when OAR has answered a query
    that needs its database (`oarstat -V` does not).
    """

    def __init__(self, path: str, state: ScanState, client: OarClient, now: float) -> None:
        self.jobs: Mapping[str, int] = {}
        self.answered = False
        self._path = path
        self._state = state
        self._now = now
        self._started = time.monotonic()
        self._meter = Meter()
        client.observe(self._meter.record)

    @property
    def is_due(self) -> bool:
        """Whether OAR has been asked for no job for `ASK_AFTER` seconds."""
        return not 0 <= self._now - self._counters.get("asked", 0) < ASK_AFTER

    @property
    def _counters(self) -> dict[str, float]:
        return self._state.section(_COUNTERS)

    def count(self, name: str, number: float = 1) -> None:
        """Add to a counter, which lives on from cycle to cycle."""
        self._counters[name] = self._counters.get(name, 0) + number

    def set_states(self, states: Iterable[str]) -> None:
        """Set OAR's states of all jobs, "" for a job that OAR does not know."""
        self._state.drop_section(_STATES)
        counted = Counter(state or UNKNOWN for state in states)
        self._state.section(_STATES).update(counted, asked=self._now)

    def count_end(self, status_name: str, record: JobRecord | None, cause: Cause) -> None:
        """Count a job that has been reported to A-REX; `record` is None if OAR does not know it."""
        self.count(f"verdict {cause.label}")
        self._counters["last_report"] = self._now
        if record is None:
            return
        if record.submission_time and record.start_time:
            waited = max(0, record.start_time - record.submission_time)
            observe(self._counters, QUEUE_TIME, QUEUE_TIMES, waited)
        if record.stop_time:
            delay = max(0.0, time.time() - record.stop_time)
            observe(self._counters, REPORT_DELAY, DELAYS, delay)
            self._state.section(_NOT_TAKEN)[status_name] = record.stop_time
        if record.nodes:
            recent_ends.count(self._state, self._now, record.nodes, cause)

    def count_taken(self, in_lrms: Iterable[str]) -> None:
        """Count the reported jobs that A-REX has taken out of the LRMS, where `in_lrms` still are.

        They are seen in the next cycle, so the delay is too long by up to the interval of cycles.
        """
        waiting = self._state.section(_NOT_TAKEN)
        if not waiting:
            return
        for name in waiting.keys() - set(in_lrms):
            delay = max(0.0, self._now - waiting.pop(name))
            observe(self._counters, END_TO_END_DELAY, DELAYS, delay)

    def set_unreported(self, records: Collection[JobRecord]) -> None:
        """Set the records of the jobs that have ended in OAR and are not reported to A-REX yet."""
        ends = [record.stop_time for record in records if record.stop_time]
        self._counters["oldest_end"] = min(ends, default=0)

    def write(self, error: BaseException | None) -> None:
        """Count the cycle, which `error` has ended, and write the file; raises OSError."""
        seconds = time.monotonic() - self._started
        result = result_of(error)
        self.count(f"cycles {result}")
        self.count("cycle_seconds", seconds)
        for command, usage in self._meter.usage.items():
            self.count(f"commands {command}", usage.calls)
            self.count(f"command_failures {command}", usage.failures)
            self.count(f"command_seconds {command}", usage.seconds)
        counters = self._counters
        unavailable = isinstance(error, OarUnavailable)
        if unavailable or self.answered:
            counters.update(asked=self._now, up=not unavailable)
        if result == OK:
            counters["last_success"] = self._now
        states = self._state.section(_STATES)
        recent = recent_ends.recent(self._state, self._now)
        text = text_of(Numbers(counters, self.jobs, states, recent, seconds, self._now))
        atomic_write(self._path, text.encode(), mode=0o644)


def result_of(error: BaseException | None) -> str:
    """The label for the result of a cycle that raised `error`."""
    if error is None:
        return OK
    return "oar_unavailable" if isinstance(error, OarUnavailable) else "failed"
