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


MARKS = "<!-- what tests/run --readme writes -->", "<!-- end of it -->"


def readme_with(folder: Path, *lines: str) -> Path:
    readme = folder / "README.md"
    readme.write_text("\n".join(["before", MARKS[0], *lines, MARKS[1], "after", ""]))
    return readme


def test_table_is_written_between_the_marks_of_the_readme(tmp_path: Path) -> None:
    readme = readme_with(tmp_path, "old")
    matrix.write(readme, TABLE)
    lines = ["before", MARKS[0], "", *TABLE, "", MARKS[1], "after", ""]
    assert readme.read_text().split("\n") == lines
    readme.write_text("before\n")
    with pytest.raises(ValueError, match=r"^README.md has no lines "):
        matrix.write(readme, TABLE)
    assert readme.read_text() == "before\n"


def test_suites_that_did_not_run_keep_their_columns(tmp_path: Path) -> None:
    readme = readme_with(tmp_path, *with_column(TABLE, 1, "bookworm"))
    matrix.write(readme, with_column(TABLE, 1, "sid"))
    matrix.write(readme, with_column(TABLE, 1, "bullseye"))
    matrix.write(readme, TABLE)
    lines = readme.read_text().split("\n")[3:-4]
    assert lines[0] == "|  | bullseye | bookworm | sid |"
    assert lines[1] == "| --- | --- | --- | --- |"
    assert lines[2] == "| ARC CE | 1 | 6.17 | 1 |"
    # Rows have changed: the old columns have other meanings.
    matrix.write(readme, TABLE[:-1])
    assert readme.read_text().split("\n")[3:-4] == TABLE[:-1]


def with_column(table: list[str], value: int, name: str) -> list[str]:
    """A table with the same rows for another suite."""
    _, line, *rows = table
    cells = [row.split("|") for row in rows]
    return [f"|  | {name} |", line, *(f"|{row[1]}| {value} |" for row in cells)]
