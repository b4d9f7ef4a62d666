"""Sets of job IDs as ranges."""

from __future__ import annotations

import pytest

from arc_lrms_oar.id_ranges import IdRange, outside, ranges_of


@pytest.mark.parametrize(
    ("ids", "ranges"),
    [
        ([], []),
        ([7], [(7, 7)]),
        ([9, 7, 8, 8], [(7, 9)]),
        ([1, 2, 4, 6, 7, 2**40], [(1, 2), (4, 4), (6, 7), (2**40, 2**40)]),
    ],
)
def test_ranges_of(ids: list[int], ranges: list[IdRange]) -> None:
    assert ranges_of(ids) == ranges
    assert outside(ranges, ids) == []


def test_outside() -> None:
    ranges = [(3, 5), (7, 7), (10, 2000)]
    assert outside(ranges, [1, 3, 4, 5, 6, 7, 8, 9, 10, 1999, 2001]) == [1, 6, 8, 9, 2001]
    assert outside([], [1]) == [1]
