"""Selects jobs of the overview by state, and formats a selection as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from arc_lrms_oar.admin.job_overview import JobRow, Overview
from arc_lrms_oar.arex.job_listing import STATES
from arc_lrms_oar.errors import OarLrmsError
from arc_lrms_oar.oar.states import UNKNOWN, State

PROBLEM, FAILED = "problem", "failed"
_CHOICES = (*STATES, *(state.word for state in State), UNKNOWN, PROBLEM, FAILED)


def parse_state(text: str | None) -> str | None:
    """The state that --state names in any case; raises OarLrmsError for an unknown one."""
    if text is None:
        return None
    for choice in _CHOICES:
        if choice.lower() == text.lower():
            return choice
    raise OarLrmsError(f"--state {text}: no such state; expected one of {', '.join(_CHOICES)}")


def select_rows(rows: Sequence[JobRow], state: str | None) -> list[JobRow]:
    """The rows in `state` (of A-REX or OAR), those with a problem, or failed; all for None."""
    if state == PROBLEM:
        return [row for row in rows if row.problem]
    if state == FAILED:
        return [row for row in rows if row.failed]
    return [row for row in rows if state in (None, row.arex_state, row.state)]


def as_json_object(overview: Overview, rows: Sequence[JobRow]) -> dict[str, Any]:
    """The selected `rows` of `overview`, and what the summary says besides."""
    return {
        "oar_error": overview.oar_error,
        "unreadable": overview.unreadable,
        "jobs": [vars(row) for row in rows],
    }
