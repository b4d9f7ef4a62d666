"""Text that reaches a terminal, a log or a document."""

from __future__ import annotations

import pytest

from arc_lrms_oar.console import columns, printable


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("Grenoble, Isère", "Grenoble, Isère"),
        ("  aligned    columns", "  aligned    columns"),
        ("one\ntwo\r\n\tthree\n", "one two three"),
        ("one\u2028two\x0bthree\x85", "one two three"),
        ("a\u00a0b", "a b"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[1;31m[ERROR]\x1b[m no", "[ERROR] no"),
        ("a\x1b]0;title\x07b\x1b]8;;http://x\x1b\\c", "abc"),
        ("a\x1b(Bb\x1b7c", "abc"),
        ("cut \x1b[3", "cut ?[3"),
        ("bell\x07, delete\x7f, C1\x9b", "bell?, delete?, C1?"),
        ("right to left \u202etxt", "right to left ?txt"),
        ("not text \udcff", "not text ?"),
        ("\n\x00", "?"),
    ],
)
def test_printable(text: str, line: str) -> None:
    assert printable(text) == line
    assert line.isprintable()
    assert line.encode()


def test_very_long_white_space_takes_no_long_time() -> None:
    """Linear, where a careless pattern takes hours."""
    assert printable("x" + " " * 1_000_000 + "\x00") == "x" + " " * 1_000_000 + "?"
    assert printable("\x1b[" * 500_000) == "?[" * 500_000


def test_columns() -> None:
    assert columns([("a", "bcd", "e"), ("fgh", "i", "")]) == "a    bcd  e\nfgh  i"
