"""The tool itself: an input that breaks a property is found, reduced, stored and tested again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fuzzing import fuzzed as tool
from hypothesis import strategies as st


@pytest.fixture(autouse=True)
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tool, "CORPUS", tmp_path)
    monkeypatch.delenv(tool.ROUND, raising=False)
    return tmp_path


def test_a_find_is_kept_in_the_long_run_alone(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def test_small(number: int) -> None:
        if number >= 17:
            raise ValueError(str(number))

    numbers = st.integers(0, 1000)
    with pytest.raises(ValueError, match=r"^17\b"):
        tool.fuzzed(number=numbers)(test_small)()
    assert list(corpus.iterdir()) == []
    monkeypatch.setenv(tool.ROUND, "7")
    monkeypatch.setenv(tool.EXAMPLES, "100")
    with pytest.raises(ValueError, match=r"^17\b"):
        tool.fuzzed(number=numbers)(test_small)()
    (path,) = (corpus / "fuzzed.small").iterdir()
    assert path.name.startswith("ValueError-7-")
    assert json.loads(path.read_text()) == {"number": 17}


def test_what_was_found_is_tried_first(corpus: Path) -> None:
    def test_tried(text: str) -> None:
        tried.append(text)

    tried: list[str] = []
    (corpus / "fuzzed.tried").mkdir()
    (corpus / "fuzzed.tried" / "old.json").write_text('{"text": "\\ud800"}')
    tool.fuzzed(text=st.just(""))(test_tried)()
    assert tried == ["\ud800", ""]


def test_an_input_that_is_never_done_with_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def test_endless(number: int) -> None:
        while True:
            pass

    monkeypatch.setattr(tool, "TIMEOUT", 0.01)
    with pytest.raises(tool.TooLong):
        tool.fuzzed(number=st.just(0))(test_endless)()
