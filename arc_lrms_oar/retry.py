"""How long something is tried again while OAR does not answer, and with what pauses between."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat


class Patience:
    """Tries for `seconds` in all, pausing as `pauses` (seconds) say, the last one repeated.

    `now` and `sleep` are the clock, which tests replace.
    """

    def __init__(
        self,
        seconds: float,
        pauses: Sequence[float],
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.seconds = seconds
        self.sleep = sleep
        self._pauses = pauses
        self._now = now
        self._started = now()

    def spent(self) -> float:
        """Seconds since the first try."""
        return self._now() - self._started

    def tries(self) -> Iterator[None]:
        """One step for each try; at least one, and none that would begin after the time."""
        yield
        for pause in chain(self._pauses, repeat(self._pauses[-1])):
            if self.spent() + pause >= self.seconds:
                return
            self.sleep(pause)
            yield
