"""Attempts and pauses, by a clock that only sleeping moves."""

from __future__ import annotations

import pytest
from support.fake_clock import FakeClock

from arc_lrms_oar.retry import PAUSES


@pytest.mark.parametrize(
    ("seconds", "pauses", "slept"),
    [
        (0, [5.0], []),
        (5, [5.0], []),
        (5.1, [5.0], [5.0]),
        (60, [5.0, 10.0, 20.0], [5.0, 10.0, 20.0, 20.0]),
        (600, PAUSES, [2.0, 5.0, 10.0, 20.0, 40.0, *[60.0] * 8]),
    ],
)
def test_pauses(clock: FakeClock, seconds: float, pauses: list[float], slept: list[float]) -> None:
    attempts = len(list(clock.retry(seconds, *pauses).attempts()))
    assert clock.pauses == slept
    assert attempts == len(slept) + 1


def test_duration_of_the_attempts_counts(clock: FakeClock) -> None:
    retry = clock.retry(600, 60.0)
    starts = []
    for _ in retry.attempts():
        starts.append(retry.elapsed())
        clock.time += 120
    assert starts == [0.0, 180.0, 360.0, 540.0]
    assert retry.elapsed() == 660.0
