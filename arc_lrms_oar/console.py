"""Text for terminals, log files and documents: lines without control characters, and columns."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Terminal control sequences, ECMA-48 section 5: "ESC [ … letter" (colours, cursor), "ESC ] … BEL"
# (window titles) and the two-character ones.
_SEQUENCE = r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-Z\\^-~])"

# The longest excerpt of a line, and how much of it is before the position of an error.
_WIDTH = 100
_BEFORE = 60


def printable(text: str) -> str:
    """Return `text` as one line that is safe to print, log or publish.

    White space that holds more than blanks becomes one blank, or nothing at both ends. Terminal
    control sequences are removed. Other control characters, invisible ones (U+202E) and halves of
    characters (surrogates) become "?", so that the result can be encoded as UTF-8 and is allowed
    in XML.
    """
    if text.isprintable():
        return text
    text = re.sub(_SEQUENCE, "", text).strip()
    line = re.sub(r"\s+", lambda space: " " if space[0].strip(" ") else space[0], text)
    return "".join(c if c.isprintable() else "?" for c in line)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Return `rows`, all of the same length, as lines with columns as wide as their content."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in rows
    )


def excerpt(line: str, column: int) -> str:
    """Return the line, or the part around the column of a long line, with a caret below."""
    first = max(0, column - _BEFORE) if len(line) > _WIDTH else 0
    part = "".join(char if char.isprintable() else " " for char in line[first : first + _WIDTH])
    before = "..." if first else ""
    after = "..." if first + _WIDTH < len(line) else ""
    return f"  {before}{part.rstrip()}{after}\n  {' ' * (len(before) + column - first)}^"
