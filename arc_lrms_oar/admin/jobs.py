"""Jobs: every grid job with A-REX's side and OAR's, as a table or as JSON, once or again."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from arc_lrms_oar.admin.job_overview import Lookout, Overview, Row
from arc_lrms_oar.admin.job_table import has_colours, lines_of, summary, width_of
from arc_lrms_oar.arex.job_listing import STATES
from arc_lrms_oar.commands.query import UNKNOWN
from arc_lrms_oar.errors import OarLrmsError
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.states import State
from arc_lrms_oar.settings import Settings

TROUBLE, FAILED = "trouble", "failed"
_WORDS = (*STATES, *(state.word for state in State), UNKNOWN, TROUBLE, FAILED)


def jobs(
    settings: Settings,
    client: OarClient,
    state: str | None = None,
    watch: bool = False,
    as_json: bool = False,
) -> int:
    """Shows the jobs of arc.conf's control directory; the exit code.

    `state` chooses by A-REX's or OAR's word for it, "trouble" or "failed". Raises OarLrmsError for
    a word that is none of them and for what is no control directory.
    """
    wanted = chosen(state)
    lookout = Lookout(settings, client)
    if watch:
        from arc_lrms_oar.admin.jobs_watch import watch_jobs

        return watch_jobs(lookout, wanted, as_json)
    now = time.time()
    overview = lookout.look(now)
    rows = matching(overview.rows, wanted)
    if as_json:
        print(json.dumps(as_values(overview, rows), indent=2))
    else:
        colours = has_colours(sys.stdout, os.environ)
        lines = lines_of(rows, now, width_of(sys.stdout), colours) if rows else []
        print("\n".join([*lines, *summary(overview, len(rows))]))
    return 0


def chosen(state: str | None) -> str | None:
    """`state` in the letters that A-REX or OAR write it in; raises OarLrmsError."""
    if state is None:
        return None
    for word in _WORDS:
        if word.lower() == state.lower():
            return word
    raise OarLrmsError(f"--state {state}: no such state; there are {', '.join(_WORDS)}")


def matching(rows: Sequence[Row], wanted: str | None) -> list[Row]:
    """Those of `rows` that are in the state `wanted`, all of them for None."""
    if wanted == TROUBLE:
        return [row for row in rows if row.trouble]
    if wanted == FAILED:
        return [row for row in rows if row.failed]
    return [row for row in rows if wanted in (None, row.state, row.oar_state)]


def as_values(overview: Overview, rows: Sequence[Row]) -> dict[str, Any]:
    """`rows` of `overview` and what is to be said besides, as JSON has it."""
    return {
        "oar_trouble": overview.oar_trouble,
        "unreadable": overview.unreadable,
        "jobs": [vars(row) for row in rows],
    }
