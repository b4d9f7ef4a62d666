"""Many whole numbers, told by their runs."""

from __future__ import annotations

import pytest

from arc_lrms_oar.id_ranges import Run, outside, runs_of


@pytest.mark.parametrize(
    ("numbers", "runs"),
    [
        ([], []),
        ([7], [(7, 7)]),
        ([9, 7, 8, 8], [(7, 9)]),
        ([1, 2, 4, 6, 7, 2**40], [(1, 2), (4, 4), (6, 7), (2**40, 2**40)]),
    ],
)
def test_runs(numbers: list[int], runs: list[Run]) -> None:
    assert runs_of(numbers) == runs
    assert outside(runs, numbers) == []


def test_what_no_run_has() -> None:
    runs = [(3, 5), (7, 7), (10, 2000)]
    assert outside(runs, [1, 3, 4, 5, 6, 7, 8, 9, 10, 1999, 2001]) == [1, 6, 8, 9, 2001]
    assert outside([], [1]) == [1]
