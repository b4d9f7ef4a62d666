"""How many jobs have ended and failed on each node lately, to find a node that ends every job.

The numbers are those of the current and the previous half hour. They are kept in scan's state, with
one row of numbers for each half hour and two numbers for each node that has ended a job.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from arc_lrms_oar.oar.outcome import Cause
from arc_lrms_oar.scan.state import ScanState

# Seconds of one row, and how many rows count.
_SLICE = 1800
_SLICES = 2
# The nodes with the most failures that are shown, so that the number of series stays small.
MOST_NODES = 20

_SECTION = "ends "
_ENDED = "ended "
_FAILED = "failed "
_ALL = ""
# The job's user or the site has wanted these ends.
_WANTED = (Cause.SUCCESS, Cause.DELETED, Cause.PREEMPTED, Cause.CHECKPOINTED)


class Ends(NamedTuple):
    """Ended jobs, and those of them that failed."""

    ended: int
    failed: int


class RecentEnds(NamedTuple):
    """The recent ends of all jobs, and by node those of the nodes with the most failures."""

    total: Ends
    nodes: Mapping[str, Ends]


def count(state: ScanState, now: float, nodes: Collection[str], cause: Cause) -> None:
    """Count the end of a job that ran on these nodes; on each of them, once."""
    row = state.section(f"{_SECTION}{now // _SLICE:.0f}")
    for node in (_ALL, *dict.fromkeys(nodes)):
        for prefix in (_ENDED, *(() if cause in _WANTED else (_FAILED,))):
            row[prefix + node] = row.get(prefix + node, 0) + 1


def recent(state: ScanState, now: float) -> RecentEnds:
    """The ends of the last half hour to hour; drops older ones from the state."""
    current = now // _SLICE
    numbers: dict[str, float] = {}
    for name in state.sections(_SECTION):
        if not 0 <= current - float(name[len(_SECTION) :]) < _SLICES:
            state.drop_section(name)
            continue
        for key, number in state.section(name).items():
            numbers[key] = numbers.get(key, 0) + number
    nodes = [key[len(_FAILED) :] for key in numbers if key.startswith(_FAILED)]
    worst = sorted(filter(None, nodes), key=lambda node: (-numbers[_FAILED + node], node))
    shown = {node: _ends(numbers, node) for node in worst[:MOST_NODES]}
    return RecentEnds(_ends(numbers, _ALL), shown)


def _ends(numbers: Mapping[str, float], node: str) -> Ends:
    return Ends(int(numbers.get(_ENDED + node, 0)), int(numbers.get(_FAILED + node, 0)))
