"""The command `jobs`: prints grid jobs with their state in A-REX and in OAR."""

from __future__ import annotations

import json
import os
import sys
import time

from arc_lrms_oar.admin.job_fields import sorted_rows
from arc_lrms_oar.admin.job_output import CSV, JSON, Listing, as_csv, as_json_object
from arc_lrms_oar.admin.job_overview import Overview, OverviewReader
from arc_lrms_oar.admin.job_table import summary_lines, table_lines, terminal_width, use_colours
from arc_lrms_oar.admin.jobs_watch import watch_jobs
from arc_lrms_oar.admin.progress import progress_bar
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.settings import Settings


def jobs(settings: Settings, client: OarClient, listing: Listing, watch: bool = False) -> int:
    """Print the jobs of arc.conf's control directory; returns the exit status.

    Raises ControlDirError if the control directory is not one.
    """
    reader = OverviewReader(settings, client)
    if watch:
        return watch_jobs(reader, listing)
    now = time.time()
    with progress_bar("reading ended jobs") as bar:
        overview = reader.read(now, listing.selection, listing.newest, bar)
    rows = sorted_rows(overview.rows, listing.sort, listing.reverse, now)
    if listing.form == JSON:
        print(json.dumps(as_json_object(overview, rows), indent=2))
    elif listing.form == CSV:
        sys.stdout.write(as_csv(rows, listing.fields, now))
        report_on_stderr(overview)
    else:
        colours = use_colours(sys.stdout, os.environ)
        width = terminal_width(sys.stdout)
        lines = table_lines(rows, now, width, colours, listing.fields) if rows else []
        print("\n".join([*lines, *summary_lines(overview, len(rows), width)]))
    return 0


def report_on_stderr(overview: Overview) -> None:
    """Say on standard error what is missing in an output that has no place for it."""
    for line in summary_lines(overview, len(overview.in_progress) + len(overview.ended))[1:]:
        print(line, file=sys.stderr)
