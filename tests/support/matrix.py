"""The README's table of tested versions, from pytest's reports on the live tests.

Standard library only: tests/run uses it before anything is installed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

sys.path.insert(1, str(Path(__file__).resolve().parents[2] / "testbed"))

from bed.suites import SUITES, suite_named

_BEGIN, _END = "<!-- what tests/run --readme writes -->", "<!-- end of it -->"
# How jobs reach the backend, by test module; all other modules use `_USUAL`.
_WAYS = {"test_slurmpy": "`lrms = SLURMPY`", "test_internal": "internal interface, ordinary user"}
_USUAL = "`lrms = OAR`"


def table(reports: Mapping[str, Path]) -> list[str]:
    """Return the table in Markdown from the JUnit reports of suites; empty without reports."""
    suites = [name for name, path in reports.items() if path.exists()]
    if not suites:
        return []
    carried = [suite_named(name) for name in suites]
    rows = [
        ["ARC CE", *(suite.arc for suite in carried)],
        ["OAR", *(suite.oar for suite in carried)],
        ["Python", *(suite.python for suite in carried)],
    ]
    counts = [_counts(reports[name]) for name in suites]
    for way in (_USUAL, *_WAYS.values()):
        rows.append([way, *(count.get(way, "not here") for count in counts)])
    head = ["", *suites]
    return [_row(head), _row(["---"] * len(head)), *map(_row, rows)]


def write(readme: Path, lines: Sequence[str]) -> None:
    """Write the table between its marks in the README; suites that it lacks keep their columns.

    Raises ValueError without the marks.
    """
    before, begin, rest = readme.read_text(encoding="utf-8").partition(_BEGIN)
    old, end, after = rest.partition(_END)
    if not end:
        raise ValueError(f"{readme.name} has no lines {_BEGIN!r} and {_END!r}")
    merged = _merged(old.split("\n"), lines)
    readme.write_text("\n".join([before + begin, "", *merged, "", end + after]), encoding="utf-8")


def _merged(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Return the columns of both tables, in the order of the suites; those of `new` count."""
    before, columns = _columns(old), _columns(new)
    if before.get("") == columns[""]:
        columns = {**before, **columns}
    shown = [name for name in ("", *SUITES) if name in columns]
    head, *rows = zip(*([name, *columns[name]] for name in shown))
    return [_row(head), _row(["---"] * len(shown)), *map(_row, rows)]


def _columns(lines: Sequence[str]) -> dict[str, list[str]]:
    """Return the cells of each column of a table by its heading; that of the first is empty."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    return {head: cells[1:] for head, *cells in zip(*rows)}


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _counts(report: Path) -> dict[str, str]:
    """Return the numbers of passed and failed tests, by how jobs reach the backend."""
    passed: dict[str, int] = {}
    failed: dict[str, int] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        module = case.get("classname", "").rpartition(".")[2]
        way = _WAYS.get(module, _USUAL)
        if case.find("skipped") is not None:
            continue
        wrong = case.find("failure") is not None or case.find("error") is not None
        count = failed if wrong else passed
        count[way] = count.get(way, 0) + 1
    return {
        way: f"{passed.get(way, 0)} tests passed"
        + (f", {failed[way]} failed" if way in failed else "")
        for way in {*passed, *failed}
    }
