"""Recent ends by node: which nodes are shown, which ends are failures, and what is dropped."""

from __future__ import annotations

from arc_lrms_oar.oar.outcome import Cause
from arc_lrms_oar.scan import recent_ends
from arc_lrms_oar.scan.recent_ends import MOST_NODES, Ends
from arc_lrms_oar.scan.state import ScanState


def test_only_the_nodes_with_the_most_failures_are_shown() -> None:
    state = ScanState(b"")
    for number in range(MOST_NODES + 5):
        for _ in range(number + 1):
            recent_ends.count(state, 0, [f"node{number}"], Cause.NODE)
    shown = recent_ends.recent(state, 0).nodes
    assert list(shown) == [f"node{number}" for number in range(MOST_NODES + 4, 4, -1)]


def test_ends_that_were_wanted_are_no_failures() -> None:
    state = ScanState(b"")
    wanted = (Cause.SUCCESS, Cause.DELETED, Cause.PREEMPTED, Cause.CHECKPOINTED)
    for cause in (*wanted, Cause.EXIT_CODE):
        recent_ends.count(state, 0, ["node1", "node1"], cause)
    assert recent_ends.recent(state, 0) == (Ends(5, 1), {"node1": Ends(5, 1)})


def test_half_hours_that_count() -> None:
    state = ScanState(b"")
    for moment in (0, 1800, 3600):
        recent_ends.count(state, moment, ["node1"], Cause.NODE)
    assert recent_ends.recent(state, 3700).total == Ends(2, 2)
    assert recent_ends.recent(state, 1800).total == Ends(1, 1)


def test_nothing_has_ended() -> None:
    assert recent_ends.recent(ScanState(b""), 1e9) == (Ends(0, 0), {})
