"""A clock that only moves when somebody sleeps."""

from __future__ import annotations

from arc_lrms_oar.retry import Patience


class FakeClock:
    """`pauses` are the sleeps that were asked for, in order."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.pauses: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.time += seconds

    def patience(self, seconds: float = 600.0, *pauses: float) -> Patience:
        return Patience(seconds, pauses or (5.0, 10.0, 20.0, 40.0, 60.0), self.now, self.sleep)
