"""The command `jobs`: prints every grid job with its state in A-REX and in OAR."""

from __future__ import annotations

import json
import os
import sys
import time

from arc_lrms_oar.admin.job_overview import OverviewReader
from arc_lrms_oar.admin.job_selection import as_json_object, parse_state, select_rows
from arc_lrms_oar.admin.job_table import summary_lines, table_lines, terminal_width, use_colours
from arc_lrms_oar.admin.jobs_watch import watch_jobs
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.settings import Settings


def jobs(
    settings: Settings,
    client: OarClient,
    state: str | None = None,
    watch: bool = False,
    as_json: bool = False,
) -> int:
    """Print the jobs of arc.conf's control directory.

    Args:
        settings: the options of arc.conf.
        client: the connection to OAR.
        state: a state of A-REX or OAR, "problem" or "failed"; None for all jobs.
        watch: refresh until q is pressed.
        as_json: print JSON instead of a table.

    Returns:
        The exit status.

    Raises:
        OarLrmsError: `state` is unknown, or the control directory is not one.
    """
    selected = parse_state(state)
    reader = OverviewReader(settings, client)
    if watch:
        return watch_jobs(reader, selected, as_json)
    now = time.time()
    overview = reader.read(now)
    rows = select_rows(overview.rows, selected)
    if as_json:
        print(json.dumps(as_json_object(overview, rows), indent=2))
        return 0
    colours = use_colours(sys.stdout, os.environ)
    lines = table_lines(rows, now, terminal_width(sys.stdout), colours) if rows else []
    print("\n".join([*lines, *summary_lines(overview, len(rows))]))
    return 0
