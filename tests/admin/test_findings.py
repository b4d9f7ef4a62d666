"""How doctor's findings are shown and counted."""

from __future__ import annotations

import json

import pytest

from arc_lrms_oar.admin.findings import Finding, as_json, as_lines, fail, ok, warn, worst

ALL = [ok("a", "well"), warn("b", "odd", "mend"), fail("c", "gone", "bring")]


@pytest.mark.parametrize(("found", "code"), [(ALL[:0], 0), (ALL[:1], 0), (ALL[:2], 1), (ALL, 2)])
def test_exit_code_says_the_worst(found: list[Finding], code: int) -> None:
    assert worst(found) == code
    assert json.loads(as_json(found))["code"] == code


def test_lines() -> None:
    assert [as_lines(finding) for finding in ALL] == [
        "ok    a: well",
        "warn  b: odd\n      -> mend",
        "FAIL  c: gone\n      -> bring",
    ]
    assert as_lines(ok("a", "two\nlines \x1b[31m")) == "ok    a: two lines"


def test_json() -> None:
    assert json.loads(as_json(ALL))["findings"][2] == {
        "level": "FAIL",
        "what": "c",
        "text": "gone",
        "cure": "bring",
    }
