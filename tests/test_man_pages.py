"""The man pages describe every command, its options, and every option of arc.conf."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.man_pages import COMMANDS_PATH, OPTIONS_PATH, man_pages

from arc_lrms_oar import cli
from arc_lrms_oar.options import OPTIONS

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("path", [COMMANDS_PATH, OPTIONS_PATH])
def test_page_is_what_the_generator_writes(path: str) -> None:
    """After a change of a command or an option run tests/generate."""
    assert (ROOT / path).read_text() == man_pages()[path]


def test_commands_and_their_options_are_described() -> None:
    lines = man_pages()[COMMANDS_PATH].splitlines()
    for name, command in cli.commands().items():
        assert f".SS {name}" in lines
        summary = command.summary.replace("'", r"\(aq").replace("-", r"\-")
        assert any(line.startswith(f"{summary}.") for line in lines), name
    assert r"\fB\-\-user\fR \fIUSER\fR" in lines


def test_options_are_described() -> None:
    lines = man_pages()[OPTIONS_PATH].splitlines()
    for option in OPTIONS:
        assert any(line.startswith(rf"\fB{option.name}\fR = ") for line in lines), option.name
    assert r"\fBgpus\fR = \fInumber\fR (per queue, RTE)" in lines


def test_no_line_of_text_is_taken_for_a_request() -> None:
    known = (".TH", ".SH", ".SS", ".TP", ".PP", ".br", ".nf", ".fi", ".B ", ".BR ", ".IR ", r".\"")
    for page in man_pages().values():
        for line in page.splitlines():
            assert not line.startswith("'")
            assert not line.startswith(".") or line.startswith(known)
