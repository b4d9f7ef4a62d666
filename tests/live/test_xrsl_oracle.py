"""Compare how ARC itself, on the testbed, and this package read each description of the corpus.

With ARC_OAR_RECORD=1 in the environment, ARC's answers are written to the fixture of the unit
tests, so that the unit tests need no testbed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from bed import Bed
from job.xrsl import compare

pytestmark = pytest.mark.live

# What an ARC that does not check `delegationid` accepts: 6.10 does not.
UNCHECKED = ("no effect two delegationid", "relation delegationid !=")
QUESTION = Path(__file__).with_name("arc_answers.py").read_text()


@pytest.fixture(scope="module")
def answered(bed: Bed) -> dict[str, Any]:
    """ARC's new answers to the corpus; in UTC, because ARC reads times without a zone as local."""
    done = bed.run_bytes(
        ["python3", "-c", QUESTION],
        input=json.dumps(compare.corpus()).encode(),
        env={"TZ": "UTC"},
        timeout=300,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    if not bed.suite.client_checks_delegationid:
        for name in UNCHECKED:
            assert found["answers"][name]["accepted"]
            found["answers"][name] = compare.recorded()[name]
    if os.environ.get("ARC_OAR_RECORD"):
        _record(found)
    return found


def _record(found: dict[str, Any]) -> None:
    how = f"ARC {found['arc']} answered; made by tests/live/test_xrsl_oracle.py (ARC_OAR_RECORD=1)"
    lines = [f"{json.dumps(name)}: {json.dumps(x)}" for name, x in found["answers"].items()]
    text = ",\n".join(lines)
    compare.ANSWERS.parent.mkdir(exist_ok=True)
    compare.ANSWERS.write_text(f'{{"how": {json.dumps(how)}, "answers": {{\n{text}\n}}}}\n')


def test_arc_reads_the_corpus_as_we_do(answered: dict[str, Any]) -> None:
    found = compare.differences(compare.corpus(), answered["answers"])
    assert {name: pair for name, pair in found.items() if name not in compare.ON_PURPOSE} == {}
    assert set(found) == set(compare.ON_PURPOSE)


def test_the_recorded_answers_are_arcs(answered: dict[str, Any]) -> None:
    assert answered["answers"] == compare.recorded()
