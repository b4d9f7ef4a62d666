"""Tables and lines as OAR 3 prints them with Python's rich: cut with "…", wrapped, padded.

Similar to the recordings at 80 columns, not identical.
"""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Sequence

_TAG = re.compile(r"\[(/?)([a-z#@][^\[\]]*|)\]")


class MarkupError(Exception):
    """A closing tag without an opening one, such as `[/tmp]` in a user's command."""


def width() -> int:
    """Return the width of the terminal, 80 in a pipe."""
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdigit() else 80


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, wraps: bool = False) -> str:
    """Return a table with heading and rule. With `wraps` the last column is wrapped, not cut."""
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    excess = 4 + sum(widths) + 3 * (len(heads) - 1) - width()
    while excess > 0 and max(widths) > 1:
        widths[widths.index(max(widths))] -= 1
        excess -= 1
    total = 4 + sum(widths) + 3 * (len(heads) - 1)
    lines = [" " * total, _row(heads, widths), " " + "─" * (total - 2) + " "]
    for row in rows:
        last = textwrap.wrap(row[-1], widths[-1]) if wraps else [row[-1]]
        for number, part in enumerate(last or [""]):
            cells = [*row[:-1], part] if number == 0 else [*[""] * (len(row) - 1), part]
            lines.append(_row(cells, widths))
    lines.append(" " * total)
    return "".join(line + "\n" for line in lines)


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  " + "   ".join(_cut(c, w).ljust(w) for c, w in zip(cells, widths)) + "  "


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def line(text: str) -> str:
    """Return a line without its markup, wrapped and padded with blanks."""
    limit = width()
    indent = text[: len(text) - len(text.lstrip())]
    found = []
    for paragraph in _plain(text).split("\n"):
        found += textwrap.wrap(
            paragraph, limit, subsequent_indent=indent, replace_whitespace=False
        ) or [""]
    return "".join(part.ljust(limit) + "\n" for part in found)


def _plain(text: str) -> str:
    opened: list[str] = []

    def replace(match: re.Match[str]) -> str:
        closing, name = match.groups()
        if not closing:
            opened.append(name)
            return "" if name else match.group()
        if not opened or (name and name not in opened):
            raise MarkupError(
                f"closing tag '[/{name}]' at position {match.start()} doesn't match any open tag"
            )
        opened.pop()
        return ""

    return _TAG.sub(replace, text)
