"""Each description of the corpus is read as ARC's own client reads it."""

from __future__ import annotations

import pytest
from job.xrsl import compare

from arc_lrms_oar.job import xrsl

CORPUS = compare.corpus()
ANSWERS = compare.recorded()


def test_expected_differences_exist() -> None:
    found = compare.differences(CORPUS, ANSWERS)
    assert {name: pair for name, pair in found.items() if name not in compare.ON_PURPOSE} == {}
    assert set(found) == set(compare.ON_PURPOSE)


def test_corpus_has_accepted_and_refused_descriptions() -> None:
    accepted = [name for name, answer in ANSWERS.items() if answer["accepted"]]
    assert set(ANSWERS) == set(CORPUS)
    assert len(CORPUS) >= 600
    assert 150 < len(accepted) < len(CORPUS) - 150


REFUSED = [name for name, x in ANSWERS.items() if not x["accepted"]]


@pytest.mark.parametrize("name", [name for name in REFUSED if name not in compare.ON_PURPOSE])
def test_a_refusal_names_its_place(name: str) -> None:
    text = CORPUS[name]
    with pytest.raises(xrsl.XrslError) as caught:
        xrsl.parse(text)
    error = caught.value
    lines = text.split("\n")
    assert 1 <= error.line <= len(lines)
    assert 1 <= error.column <= len(lines[error.line - 1]) + 1
    assert str(error).startswith(f"line {error.line}, column {error.column}: ")
    assert "\n" not in str(error)
    assert "expected" in str(error)
    assert error.shown.count("\n") == 2
    assert error.shown.endswith("^")
