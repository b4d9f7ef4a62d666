"""The metrics of one cycle: collect them, add them to the counters, and write the file.

The counters are kept in scan's state, in the control directory. If that is lost they begin at 0,
which Prometheus takes for a restart.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.files import atomic_write
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.metering import Meter
from arc_lrms_oar.scan.metrics_text import OK, UNKNOWN, Numbers, text_of
from arc_lrms_oar.scan.state import ScanState

# The state file is read by later versions, so these names stay as they were first written.
_COUNTERS = "metrics"
_STATES = "states"


class CycleMetrics:
    """The metrics of the cycle that began at `now` (seconds since 1970).

    Set `jobs` to the number of jobs by A-REX's state.
    """

    def __init__(self, path: str, state: ScanState, client: OarClient, now: float) -> None:
        self.jobs: Mapping[str, int] = {}
        self._path = path
        self._state = state
        self._now = now
        self._started = time.monotonic()
        self._meter = Meter()
        client.observe(self._meter.record)

    def count(self, name: str, number: float = 1) -> None:
        """Add to a counter, which lives on from cycle to cycle."""
        counters = self._state.section(_COUNTERS)
        counters[name] = counters.get(name, 0) + number

    def set_states(self, states: Iterable[str]) -> None:
        """Set OAR's states of all jobs, "" for a job that OAR does not know."""
        self._state.drop_section(_STATES)
        counted = Counter(state or UNKNOWN for state in states)
        self._state.section(_STATES).update(counted, asked=self._now)

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
        counters = self._state.section(_COUNTERS)
        if result == OK:
            counters["last_success"] = self._now
        states = self._state.section(_STATES)
        up = result == OK
        text = text_of(Numbers(counters, self.jobs, states, seconds, self._now, up))
        atomic_write(self._path, text.encode(), mode=0o644)


def result_of(error: BaseException | None) -> str:
    """The label for the result of a cycle that raised `error`."""
    if error is None:
        return OK
    return "oar_unavailable" if isinstance(error, OarUnavailable) else "failed"
