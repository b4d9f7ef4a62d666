"""The command `jobs --watch`: refreshes the job table in place, as top does, until q or Ctrl-C.

In a pipe it prints one table after another; with --json, one line per refresh. The terminal is
restored however the command ends. The interval grows with OAR's response time, so that watching
takes at most a tenth of OAR's time.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext

from arc_lrms_oar.admin import watch_terminal
from arc_lrms_oar.admin.event_rates import EventRates
from arc_lrms_oar.admin.job_fields import sorted_rows
from arc_lrms_oar.admin.job_output import JSON, Listing, as_json_object
from arc_lrms_oar.admin.job_overview import Overview, OverviewReader
from arc_lrms_oar.admin.job_row import JobRow
from arc_lrms_oar.admin.job_table import summary_lines, table_lines, use_colours
from arc_lrms_oar.admin.watch_view import View

INTERVAL = 5.0
_TIMES_QUERY = 10
# After this a changed size of the terminal is noticed.
_RESIZE_INTERVAL = 1.0


def watch_jobs(reader: OverviewReader, listing: Listing) -> int:
    """Print the jobs repeatedly; raises ControlDirError."""
    interactive = listing.form != JSON and sys.stdout.isatty()
    rates = EventRates()
    view = View(listing)
    with watch_terminal.screen() if interactive else nullcontext() as keyboard:
        try:
            while True:
                now = time.time()
                started = time.monotonic()
                overview = reader.read(now, listing.selection, listing.newest)
                rates.add(overview, now)
                ended = time.monotonic()
                until = ended + max(INTERVAL, _TIMES_QUERY * (ended - started))
                if interactive:
                    if not _until_refresh(keyboard, view, overview, rates, now, until):
                        return 0
                    continue
                rows = sorted_rows(overview.rows, listing.sort, listing.reverse, now)
                if listing.form == JSON:
                    _print_json_line(overview, rows, rates, now)
                else:
                    _print_table(overview, rows, rates, now, listing.fields)
                time.sleep(max(0.0, until - time.monotonic()))
        except KeyboardInterrupt:
            return 0


def _until_refresh(
    keyboard: int | None,
    view: View,
    overview: Overview,
    rates: EventRates,
    now: float,
    until: float,
) -> bool:
    """Show one overview and obey keys until it is time for the next one; False to end."""
    colours = use_colours(sys.stdout, os.environ)
    shown = None
    while (left := until - time.monotonic()) > 0:
        size = watch_terminal.size()
        if shown != size:
            watch_terminal.draw(view.lines(overview, _title(rates, now), now, size, colours))
            shown = size
        keys = watch_terminal.read_keys(keyboard, min(left, _RESIZE_INTERVAL))
        if keys == b"" or (keys and not view.obey(keys)):
            return False
        if keys:
            shown = None
    return True


def _title(rates: EventRates, now: float) -> str:
    return time.strftime("%H:%M:%S  ", time.localtime(now)) + rates.text(now)


def _print_json_line(
    overview: Overview, rows: Sequence[JobRow], rates: EventRates, now: float
) -> None:
    found = as_json_object(overview, rows)
    print(json.dumps({"time": now, "per_minute": rates.per_minute(now), **found}), flush=True)


def _print_table(
    overview: Overview,
    rows: Sequence[JobRow],
    rates: EventRates,
    now: float,
    fields: Sequence[str],
) -> None:
    head = [_title(rates, now), *summary_lines(overview, len(rows))]
    print("\n".join([*head, *table_lines(rows, now, None, False, fields), ""]), flush=True)
