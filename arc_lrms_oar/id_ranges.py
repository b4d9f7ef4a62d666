"""Large sets of job IDs as ranges: the first and last ID of each stretch without a gap."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

IdRange = tuple[int, int]


def ranges_of(ids: Iterable[int]) -> list[IdRange]:
    """Return the ranges of `ids` in ascending order."""
    ordered = sorted(set(ids))
    if not ordered:
        return []
    starts = [i for i in range(1, len(ordered)) if ordered[i] != ordered[i - 1] + 1]
    return [
        (ordered[start], ordered[end - 1])
        for start, end in zip([0, *starts], [*starts, len(ordered)])
    ]


def outside(ranges: Sequence[IdRange], ids: Iterable[int]) -> list[int]:
    """Return those of `ids` that are in none of `ranges`, which must be in ascending order."""
    firsts = [first for first, _ in ranges]
    return [
        job_id
        for job_id in ids
        if (index := bisect_right(firsts, job_id)) == 0 or ranges[index - 1][1] < job_id
    ]
