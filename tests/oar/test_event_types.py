"""docs/internals/oar-events.md: complete, and the same as the table of causes in oar.outcome."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from oar.recorded import FIXTURES, records

from arc_lrms_oar.oar.outcome import Cause

ROOT = FIXTURES.parent
DOCUMENT = ROOT / "docs/internals/oar-events.md"
ROW = re.compile(r"\| ([A-Z_]+(?:\\\*)?) \| ([0-9. ]+) \| ([a-z-]+) \| (\S.+) \| `(.+)::(.+)` \|")
RELEASES = {"2.5": "2.5.9", "2.6": "2.6.1", "3": "3"}
# In OAR's manual, and written by none of the versions.
MANUAL_ONLY = {"SERVER_PROLOGUE_ERROR", "SERVER_EPILOGUE_ERROR"}


class Row(NamedTuple):
    """A row of the document; `test` is file and name."""

    versions: list[str]
    outcome: str
    meaning: str
    test: tuple[str, str]


def rows() -> dict[str, Row]:
    found = {}
    for line in DOCUMENT.read_text().splitlines():
        match = ROW.fullmatch(line)
        if match:
            name, versions, outcome, meaning, path, test = match.groups()
            found[name.replace("\\", "")] = Row(versions.split(), outcome, meaning, (path, test))
    return found


ROWS = rows()


def test_every_type_of_every_version_has_a_row() -> None:
    source = json.loads((FIXTURES / "event_types.json").read_text())
    for version, release in RELEASES.items():
        assert {name for name, row in ROWS.items() if version in row.versions} == set(
            source[release]
        )
    assert sum(line.startswith("| ") for line in DOCUMENT.read_text().splitlines()) == len(ROWS) + 1


def test_outcomes_are_those_of_the_table_of_causes() -> None:
    causes = {event: cause.label for cause in Cause for event in cause.events}
    documented = {name: row.outcome for name, row in ROWS.items() if row.outcome != "-"}
    assert {name: label for name, label in causes.items() if name not in MANUAL_ONLY} == documented
    assert set(causes) - set(documented) == MANUAL_ONLY
    for name in MANUAL_ONLY:
        assert name in DOCUMENT.read_text()


def test_precedence_is_that_of_the_table_of_causes() -> None:
    order = ", ".join(cause.label for cause in Cause if cause.events)
    assert f"order of precedence: {order}." in DOCUMENT.read_text()


@pytest.mark.parametrize("name", ROWS)
def test_named_test_exists(name: str) -> None:
    path, test = ROWS[name].test
    assert f"\ndef {test}(" in (ROOT / Path(path)).read_text()


def test_every_recorded_type_has_a_row() -> None:
    recorded = {event.kind for _, record in records() for event in record.events}
    patterns = [re.escape(name).replace(r"\*", ".+") for name in ROWS]
    unknown = {kind for kind in recorded if not any(re.fullmatch(p, kind) for p in patterns)}
    assert recorded
    assert unknown == set()
