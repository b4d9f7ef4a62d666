"""Many whole numbers, told by their runs: first and last of each stretch without a gap. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

Run = tuple[int, int]


def runs_of(numbers: Iterable[int]) -> list[Run]:
    """The runs of `numbers`, in ascending order, each number once."""
    found = sorted(set(numbers))
    if not found:
        return []
    ends = [i for i in range(1, len(found)) if found[i] != found[i - 1] + 1]
    return [(found[start], found[end - 1]) for start, end in zip([0, *ends], [*ends, len(found)])]


def outside(runs: Sequence[Run], numbers: Iterable[int]) -> list[int]:
    """Those of `numbers` that are in none of `runs`, which ascend."""
    firsts = [first for first, _ in runs]
    return [
        number
        for number in numbers
        if (place := bisect_right(firsts, number)) == 0 or runs[place - 1][1] < number
    ]
