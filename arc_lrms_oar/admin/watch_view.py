"""What `jobs --watch` shows of the jobs, and what its keys change. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from arc_lrms_oar.admin.job_fields import FIELDS, cell, sorted_rows
from arc_lrms_oar.admin.job_output import Listing
from arc_lrms_oar.admin.job_overview import Overview
from arc_lrms_oar.admin.job_row import JobRow
from arc_lrms_oar.admin.job_table import BOLD, coloured, summary_lines, table_lines

# What the key s sorts by, in turn; "" is the usual order, problems first.
_ORDERS = ("", "age", "user", "queue", "state", "wall_time", "start", "name", "note", "job_id")
# The last line has as many of them as fit.
_HELP = ("q quit", "s sort", "r reverse", "/ filter", "arrows scroll")
# What a terminal sends for a key: ECMA-48 sequences, UTF-8 characters, or single bytes.
_KEY = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO.|.", re.S)
_UP, _DOWN = ("\x1b[A", "\x1bOA", "k"), ("\x1b[B", "\x1bOB", "j")
_PAGE_UP, _PAGE_DOWN = ("\x1b[5~", "b"), ("\x1b[6~", " ")
_HOME, _END = ("\x1b[H", "\x1bOH", "\x1b[1~", "g"), ("\x1b[F", "\x1bOF", "\x1b[4~", "G")
_ENTER, _ESCAPE, _BACKSPACE = ("\r", "\n"), "\x1b", ("\x7f", "\x08")


class View:
    """The part of the jobs that is on the screen: the order, a filter, and the first line."""

    def __init__(self, listing: Listing) -> None:
        self._fields = listing.fields
        self._sort = tuple(listing.sort)
        self._reverse = listing.reverse
        self._filter = ""
        self._typed: str | None = None
        self._first = 0
        # The jobs that are selected, and those that fit, when they were drawn last.
        self._total = 0
        self._page = 1

    def obey(self, keys: bytes) -> bool:
        """Do what the keys say; False for the one that ends the command."""
        for key in _KEY.findall(keys.decode("utf-8", "replace")):
            if self._typed is not None:
                self._edit(key)
            elif key in ("q", "Q"):
                return False
            else:
                self._command(key)
        return True

    def _command(self, key: str) -> None:
        moves: tuple[tuple[Sequence[str], Callable[[], int]], ...] = (
            (_UP, lambda: self._first - 1),
            (_DOWN, lambda: self._first + 1),
            (_PAGE_UP, lambda: self._first - self._page),
            (_PAGE_DOWN, lambda: self._first + self._page),
            (_HOME, lambda: 0),
            (_END, lambda: self._total),
        )
        for names, target in moves:
            if key in names:
                self._first = max(0, min(target(), self._total - self._page))
        if key == "s":
            name = self._sort[0] if self._sort else ""
            following = (_ORDERS.index(name) if name in _ORDERS else -1) + 1
            name = _ORDERS[following % len(_ORDERS)]
            self._sort = (name,) if name else ()
        elif key == "r":
            self._reverse = not self._reverse
        elif key == "/":
            self._typed = self._filter
        elif key == _ESCAPE:
            self._filter = ""

    def _edit(self, key: str) -> None:
        """One key while the filter is typed."""
        typed = self._typed or ""
        if key in _ENTER:
            self._filter, self._typed, self._first = typed, None, 0
        elif key == _ESCAPE:
            self._typed = None
        elif key in _BACKSPACE:
            self._typed = typed[:-1]
        elif key.isprintable():
            self._typed = typed + key

    def lines(
        self, overview: Overview, title: str, now: float, size: tuple[int, int], colours: bool
    ) -> list[str]:
        """The lines of the screen, as many as it has or fewer.

        Args:
            overview: the jobs.
            title: the first line.
            now: the time in seconds since 1970.
            size: the columns and lines of the terminal.
            colours: whether it has colours.
        """
        width, height = size
        rows = [row for row in overview.rows if self._is_shown(row, now)]
        rows = sorted_rows(rows, self._sort, self._reverse, now)
        head = [coloured(title[:width], BOLD, colours)]
        head += summary_lines(overview, len(rows), width)
        # An empty line, the headings, and the last line.
        self._page = max(1, height - len(head) - 3)
        self._total = len(rows)
        self._first = max(0, min(self._first, self._total - self._page))
        shown = rows[self._first : self._first + self._page]
        table = table_lines(shown, now, width, colours, self._fields)
        return [*[*head, "", *table][: height - 1], self._last_line(len(shown), width)]

    def _is_shown(self, row: JobRow, now: float) -> bool:
        text = self._filter.lower()
        return not text or any(text in cell(name, row, now).lower() for name in FIELDS)

    def _last_line(self, shown: int, width: int) -> str:
        if self._typed is not None:
            return f"filter: {self._typed}_  (Enter: apply, Esc: cancel)"[:width]
        more = self._total - self._first - shown
        parts = [f"{more} more" if more else "end"]
        if self._first:
            parts.append(f"{self._first} above")
        order = self._sort[0] if self._sort else "problems, oldest"
        parts.append(f"by {order}{' reversed' if self._reverse else ''}")
        if self._filter:
            parts.append(f"filter: {self._filter} (Esc: none)")
        line = ", ".join(parts)
        for key in _HELP:
            if len(line) + len(key) + 2 > width:
                break
            line += f"  {key}"
        return line[:width]
