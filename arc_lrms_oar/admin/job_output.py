"""How `jobs` prints a selection of the overview: what it lists, and as CSV or JSON. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from arc_lrms_oar.admin.job_fields import FIELDS, VALUES
from arc_lrms_oar.admin.job_overview import Overview
from arc_lrms_oar.admin.job_row import JobRow
from arc_lrms_oar.admin.job_selection import EVERY_JOB, Selection

TABLE, CSV, JSON = "table", "csv", "json"
# So many ended jobs are in a table that nothing selects from, the newest ones.
NEWEST = 100


@dataclass(frozen=True)
class Listing:
    """What is listed and how: the selection, fields, order and form (TABLE, CSV or JSON).

    `sort` and `fields` are names of FIELDS. `everything` lists the older ended jobs as well in a
    table without a selection.
    """

    selection: Selection = EVERY_JOB
    fields: Sequence[str] = ()
    sort: Sequence[str] = ()
    reverse: bool = False
    form: str = TABLE
    everything: bool = False

    @property
    def newest(self) -> int | None:
        """The number of ended jobs that are listed; None: all."""
        limited = self.form == TABLE and self.selection.is_empty and not self.everything
        return NEWEST if limited else None


def as_json_object(overview: Overview, rows: Sequence[JobRow]) -> dict[str, Any]:
    """These rows of `overview`, and what the summary says besides."""
    return {
        "oar_error": overview.oar_error,
        "unreadable": overview.unreadable,
        "jobs": [vars(row) for row in rows],
    }


def as_csv(rows: Sequence[JobRow], fields: Sequence[str], now: float) -> str:
    """The rows as CSV with a line of field names; times in seconds since 1970, no value: empty."""
    names = fields or VALUES
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([FIELDS[name].value(row, now) for name in names] for row in rows)
    return text.getvalue().encode("utf-8", "replace").decode()
