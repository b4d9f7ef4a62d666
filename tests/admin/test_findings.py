"""doctor's findings as text and JSON, and the exit status."""

from __future__ import annotations

import json

import pytest

from arc_lrms_oar.admin.findings import Finding, as_json, as_lines, exit_status, fail, ok, warn

ALL = [ok("a", "well"), warn("b", "odd", "mend"), fail("c", "gone", "bring")]


@pytest.mark.parametrize(("found", "status"), [(ALL[:0], 0), (ALL[:1], 0), (ALL[:2], 1), (ALL, 2)])
def test_exit_status_is_that_of_the_worst_finding(found: list[Finding], status: int) -> None:
    assert exit_status(found) == status
    assert json.loads(as_json(found))["exit_status"] == status


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
        "check": "c",
        "message": "gone",
        "cure": "bring",
    }
