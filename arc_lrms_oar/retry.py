"""How often, and for how long, something is tried again while OAR is unavailable."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, repeat

# Seconds between two attempts; the last one repeats.
PAUSES = (2.0, 5.0, 10.0, 20.0, 40.0, 60.0)


class Retry:
    """Attempts within `seconds`, with `pauses` (seconds, the last one repeated) between them.

    `now` and `sleep` are the clock, which tests replace.
    """

    def __init__(
        self,
        seconds: float,
        pauses: Sequence[float] = PAUSES,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.seconds = seconds
        self.sleep = sleep
        self._pauses = pauses
        self._now = now
        self._started = now()

    def elapsed(self) -> float:
        """Return the seconds since the first attempt."""
        return self._now() - self._started

    def attempts(self) -> Iterator[None]:
        """Yield once per attempt: at least once, and never later than `seconds` after the start."""
        yield
        for pause in chain(self._pauses, repeat(self._pauses[-1])):
            if self.elapsed() + pause >= self.seconds:
                return
            self.sleep(pause)
            yield
