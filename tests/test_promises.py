"""README.md, SECURITY.md and tests/FAULTS.md: each promise names its tests, and they are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"`(tests/[\w/.]+\.py)::(\w+)`")


def promises(document: str) -> list[str]:
    """The rows of the tables whose last column is of tests."""
    rows, wanted = [], False
    for line in (ROOT / document).read_text().splitlines():
        if not line.startswith("|"):
            wanted = False
        elif wanted and not line.startswith("|---"):
            rows.append(line)
        elif line.endswith("| test |"):
            wanted = True
    return rows


@pytest.mark.parametrize("document", ["README.md", "SECURITY.md", "tests/FAULTS.md"])
def test_each_promise_has_its_tests(document: str) -> None:
    rows = promises(document)
    assert len(rows) > 10
    assert [row for row in rows if not NAMED.search(row.rpartition(" | ")[2])] == []


@pytest.mark.parametrize("document", ["README.md", "SECURITY.md", "tests/FAULTS.md"])
def test_each_test_that_is_named_is_there(document: str) -> None:
    missing = [
        f"{path}::{name}"
        for path, name in NAMED.findall((ROOT / document).read_text())
        if f"\ndef {name}(" not in (ROOT / path).read_text()
    ]
    assert missing == []
