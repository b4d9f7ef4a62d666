"""How long something is tried again, by a clock that only sleeping moves."""

from __future__ import annotations

import pytest
from support.fake_clock import FakeClock


@pytest.mark.parametrize(
    ("seconds", "pauses", "slept"),
    [
        (0, [5.0], []),
        (5, [5.0], []),
        (5.1, [5.0], [5.0]),
        (60, [5.0, 10.0, 20.0], [5.0, 10.0, 20.0, 20.0]),
        (600, [5.0, 10.0, 20.0, 40.0, 60.0], [5.0, 10.0, 20.0, 40.0, *[60.0] * 8]),
    ],
)
def test_pauses(clock: FakeClock, seconds: float, pauses: list[float], slept: list[float]) -> None:
    tries = len(list(clock.patience(seconds, *pauses).tries()))
    assert clock.pauses == slept
    assert tries == len(slept) + 1


def test_time_that_the_tries_themselves_take(clock: FakeClock) -> None:
    patience = clock.patience(600, 60.0)
    starts = []
    for _ in patience.tries():
        starts.append(patience.spent())
        clock.time += 120
    assert starts == [0.0, 180.0, 360.0, 540.0]
    assert patience.spent() == 660.0
