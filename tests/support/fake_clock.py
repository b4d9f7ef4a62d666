"""A clock for tests that moves only by its own `sleep`."""

from __future__ import annotations

from arc_lrms_oar.retry import PAUSES, Retry


class FakeClock:
    """`time`: the current time in seconds. `pauses`: the durations of all sleeps, in order."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.pauses: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds

    def retry(self, seconds: float = 600.0, *pauses: float) -> Retry:
        return Retry(seconds, pauses or PAUSES, self.now, self.sleep)
