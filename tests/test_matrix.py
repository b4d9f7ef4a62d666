"""The table of results of the live tests for the README."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import matrix

REPORT = """<testsuites><testsuite>
<testcase classname="tests.live.test_grid_jobs" name="a"/>
<testcase classname="tests.live.test_mapping" name="b"><failure message="x"/></testcase>
<testcase classname="tests.live.test_mapping" name="c"><error message="x"/></testcase>
<testcase classname="tests.live.test_mapping" name="d"><skipped/></testcase>
<testcase classname="tests.live.test_internal" name="e"/>
<testcase classname="tests.live.test_internal" name="f"/>
</testsuite></testsuites>
"""
TABLE = [
    "|  | bookworm |",
    "| --- | --- |",
    "| ARC CE | 6.17 |",
    "| OAR | 2.5.9 |",
    "| Python | 3.11 |",
    "| `lrms = OAR` | 1 tests passed, 2 failed |",
    "| `lrms = SLURMPY` | not here |",
    "| internal interface, ordinary user | 2 tests passed |",
]


def test_table(tmp_path: Path) -> None:
    report = tmp_path / "bookworm"
    report.write_text(REPORT)
    assert matrix.table({"bookworm": report, "trixie": tmp_path / "none"}) == TABLE
    assert matrix.table({"trixie": tmp_path / "none"}) == []


def test_table_is_written_between_the_marks_of_the_readme(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    marks = "<!-- what tests/run --readme writes -->", "<!-- end of it -->"
    readme.write_text(f"before\n{marks[0]}\nold\n{marks[1]}\nafter\n")
    matrix.write(readme, ["| new |"])
    assert readme.read_text() == f"before\n{marks[0]}\n\n| new |\n\n{marks[1]}\nafter\n"
    readme.write_text("before\n")
    with pytest.raises(ValueError, match=r"^README.md has no lines "):
        matrix.write(readme, ["| new |"])
    assert readme.read_text() == "before\n"
