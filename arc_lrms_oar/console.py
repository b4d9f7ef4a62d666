"""Text for people: lines that nothing can break, and columns. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def printable(line: str) -> str:
    """`line` without what would end it, or what a terminal or XML would obey."""
    return "".join(c if c.isprintable() else " " for c in line)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """`rows`, all of the same length, as lines whose columns are as wide as they need to be."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(row, widths)).rstrip() for row in rows
    )
