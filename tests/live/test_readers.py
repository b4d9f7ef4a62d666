"""ARC's job object and our xRSL reader give the same description for the same xRSL."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bed import Bed
from job import readers
from job.xrsl import compare

from arc_lrms_oar.job import xrsl

pytestmark = pytest.mark.live

TESTS = "/opt/arc_lrms_oar/tests"
QUESTION = f"{TESTS}/live/arc_descriptions.py"


@pytest.fixture(scope="module")
def accepted() -> dict[str, str]:
    """The descriptions that ARC accepts and that we read as ARC does."""
    answers = compare.recorded()
    return {
        name: text
        for name, text in compare.corpus().items()
        if answers[name]["accepted"] and name not in compare.ON_PURPOSE
    }


@pytest.fixture(scope="module")
def theirs(bed: Bed, accepted: dict[str, str]) -> dict[str, Any]:
    """The descriptions that from_arc reads, as JSON."""
    done = bed.run_bytes(
        ["python3", "-B", QUESTION],
        input=json.dumps(accepted).encode(),
        env={"TZ": "UTC", "PYTHONPATH": TESTS},
        timeout=300,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_same_description(theirs: dict[str, Any], accepted: dict[str, str]) -> None:
    differing = set()
    with compare.utc():
        for name, text in accepted.items():
            jobs = [job._asdict() for job in xrsl.parse(text)]
            if json.loads(json.dumps(jobs)) != theirs[name]["jobs"]:
                differing.add(name)
    assert len(accepted) > 400
    assert differing == set(readers.NOT_IN_THE_OBJECT)
