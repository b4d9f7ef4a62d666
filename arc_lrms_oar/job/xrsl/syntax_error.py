"""XrslError: the position in the job description, what was found, what was expected."""

from __future__ import annotations

from arc_lrms_oar.console import excerpt
from arc_lrms_oar.errors import OarLrmsError


class XrslError(OarLrmsError):
    """A job description that cannot be read; `str()` is one line, `shown` adds the text.

    `line` and `column` count from 1, in characters.
    """

    def __init__(self, text: str, at: int, problem: str) -> None:
        start = text.rfind("\n", 0, at) + 1
        self.line = text.count("\n", 0, at) + 1
        self.column = at - start + 1
        super().__init__(f"line {self.line}, column {self.column}: {problem}")
        end = text.find("\n", at)
        self.shown = f"{self}\n{excerpt(text[start : end if end >= 0 else len(text)], at - start)}"


def found_text(word: str) -> str:
    """Return a value of the user for an error: short, quoted, in one line."""
    shown = word if len(word) <= 40 else word[:37] + "..."
    return "'" + "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in shown) + "'"


def values_text(number: int) -> str:
    """Return the number of values with its noun."""
    return "1 value" if number == 1 else f"{number} values"
