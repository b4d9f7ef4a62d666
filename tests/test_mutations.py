"""The list of mutations that `tests/mutate` checks: each can be applied, and its tests exist."""

from __future__ import annotations

from pathlib import Path

from mutations import ALL, PACKAGE

ROOT = Path(__file__).resolve().parent.parent


def test_each_text_is_in_its_file_exactly_once() -> None:
    texts = {one.file: (ROOT / PACKAGE / one.file).read_text() for one in ALL}
    stale = [f"{one.file}: {one.name}" for one in ALL if texts[one.file].count(one.old) != 1]
    assert stale == []
    assert [one.name for one in ALL if one.old == one.new] == []


def test_each_has_a_test_that_exists() -> None:
    named = {test for one in ALL for test in one.tests}
    assert all(one.tests for one in ALL)
    for test in named:
        path, _, function = test.partition("::")
        text = (ROOT / path).read_text()
        assert not function or f"def {function.partition('[')[0]}(" in text, test


def test_the_number_in_the_manual_is_right() -> None:
    assert f"breaks the package in {len(ALL)} places" in (ROOT / "docs/guarantees.md").read_text()
