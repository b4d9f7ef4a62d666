"""docs/guarantees.md, SECURITY.md and tests/FAULTS.md: every guarantee names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = ("docs/guarantees.md", "SECURITY.md", "tests/FAULTS.md")
NAMED = re.compile(r"`(tests/[\w/.]+\.py)::(\w+)`")


def guarantees(document: str) -> list[str]:
    """The rows of the tables with a last column of tests."""
    rows, wanted = [], False
    for line in (ROOT / document).read_text().splitlines():
        if not line.startswith("|"):
            wanted = False
        elif wanted and not line.startswith("|---"):
            rows.append(line)
        elif line.endswith("| test |"):
            wanted = True
    return rows


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_guarantee_names_a_test(document: str) -> None:
    rows = guarantees(document)
    assert len(rows) > 10
    assert [row for row in rows if not NAMED.search(row.rpartition(" | ")[2])] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_named_test_exists(document: str) -> None:
    missing = [
        f"{path}::{name}"
        for path, name in NAMED.findall((ROOT / document).read_text())
        if f"\ndef {name}(" not in (ROOT / path).read_text()
    ]
    assert missing == []
