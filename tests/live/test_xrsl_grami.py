"""Descriptions of the corpus, sent through ARC's client and A-REX, give the expected GRAMi files.

The xRSL and the GRAMi file must also give the same oarsub command line. A submit script that always
fails replaces ours, so that A-REX writes the GRAMi files and OAR gets no jobs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from bed import Bed
from bed.arcconf import CONTROLDIR, SESSIONDIR
from bed.grid import ENDPOINT, USER, Grid, Job
from job.xrsl import compare

from arc_lrms_oar.arex.controldir import control_file
from arc_lrms_oar.job import grami, xrsl
from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.job.request import make_request
from arc_lrms_oar.job.xrsl.grami_values import JobPaths, grami_values
from arc_lrms_oar.settings import QueueSettings

pytestmark = pytest.mark.live

SUBMIT = Path(__file__).with_name("arc_submit.py").read_text()
OURS = "/usr/share/arc/submit-OAR-job"
QUEUE = QueueSettings(cores_per_node=4, memory_property="mem")
# A-REX does not accept these from its own client.
NOT_TAKEN = {
    "disk 0": "the client writes ADL that A-REX cannot read",
    "exclusiveexecution yes": "the client writes ADL that A-REX cannot read, without a count",
    "outputfiles urllist": "A-REX wants a delegation for it, and none comes along",
}
# The client sends jobs to A-REX in ADL, an XML format that cannot express all of xRSL.
ALTERED = {
    "quotes newline inside": "ADL loses newlines",
    "environment hostile": "ADL loses newlines",
    "hostile name": "ADL loses newlines",
    "control characters": "ADL loses a string with control characters",
    "no executable": "ADL has no arguments without an executable",
    "variable set later": "ADL has no arguments without an executable",
    "runtimeenvironment mixed": "without a broker, ADL takes every relation for '='",
}


class Sent(NamedTuple):
    """One description of the corpus: what we read in it, the job's paths, and A-REX's GRAMi."""

    read: xrsl.XrslJob
    place: JobPaths
    values: grami.Values

    def foreseen(self) -> JobDescription:
        """Return the description expected from A-REX, which itself waits for a start time."""
        return self.read.description._replace(queue="default", start_time=None)


def descriptions() -> dict[str, xrsl.XrslJob]:
    """Return the single-job descriptions to send, by name; of equal ones only the first."""
    found: dict[JobDescription, tuple[str, xrsl.XrslJob]] = {}
    for name, text in compare.corpus().items():
        try:
            (job,) = xrsl.read(text)
        except (xrsl.XrslError, ValueError):
            continue
        if name not in compare.ON_PURPOSE and not _never_run(job):
            found.setdefault(job.description, (name, job))
    return dict(found.values())


def _never_run(job: xrsl.XrslJob) -> bool:
    """Return whether A-REX only checks the job, refuses its slots, or ends in a division by 0."""
    return any(line.startswith(("dryrun:", "countpernode:")) for line in job.ignored)


@pytest.fixture(scope="module")
def grid_ids(grid: Grid) -> Iterator[dict[str, str]]:
    """The CE's answers by name: a grid ID, or the reason why it refuses the job."""
    with compare.utc():
        texts = {name: compare.corpus()[name] for name in descriptions()}
    bed = grid.bed
    bed.run(["mv", OURS, f"{OURS}.kept"])
    bed.run(["install", "-m", "755", "/dev/stdin", OURS], input="#!/bin/sh\nexit 1\n")
    done = bed.run_bytes(
        ["python3", "-c", SUBMIT, ENDPOINT],
        user=USER,
        input=json.dumps(texts).encode(),
        env={"TZ": "UTC"},
        check=False,
        timeout=200,
    )
    yield json.loads(done.stdout or "{}")
    bed.run(["mv", f"{OURS}.kept", OURS])


@pytest.fixture(scope="module")
def sent(grid: Grid, grid_ids: dict[str, str]) -> dict[str, Sent]:
    """All jobs that A-REX accepted, with the values of the GRAMi files that it wrote."""
    with compare.utc():
        jobs = descriptions()
    taken = {name: grid_id for name, grid_id in grid_ids.items() if name not in NOT_TAKEN}
    waiting = set(taken.values())
    last = Job(grid, f"{ENDPOINT}/{next(iter(waiting))}", "")
    last.wait_until(lambda: waiting <= finished(grid.bed), "FINISHED, as all others")
    found = {}
    for name, grid_id in taken.items():
        place = JobPaths(f"{SESSIONDIR}/{grid_id}", CONTROLDIR, grid_id)
        found[name] = Sent(jobs[name], place, received(grid.bed, grid_id))
    return found


def finished(bed: Bed) -> set[str]:
    """Return the grid IDs of all jobs that A-REX has finished."""
    names = (path.name for path in bed.path(f"{CONTROLDIR}/finished").iterdir())
    return {name.split(".")[-2] for name in names if name.endswith(".status")}


def received(bed: Bed, grid_id: str) -> grami.Values:
    paths = (bed.path(control_file(CONTROLDIR, grid_id, "grami", layout)) for layout in (6, 7))
    (path,) = (path for path in paths if path.exists())
    return grami.read_values(str(path))


def test_a_rex_took_all(grid_ids: dict[str, str]) -> None:
    assert {name for name, answer in grid_ids.items() if " " in answer} == set(NOT_TAKEN)
    assert set(grid_ids) == set(descriptions())
    assert len(grid_ids) > 150


def test_oarsub_lines_are_the_same(sent: dict[str, Sent]) -> None:
    differences = {}
    for name, one in sent.items():
        theirs = grami.describe(one.values, "grami")
        ours = one.foreseen()._replace(session_dir=one.place.session_dir, grid_id=one.place.grid_id)
        lines = [make_request(job, QUEUE, "/script", 0).argv() for job in (theirs, ours)]
        if lines[0] != lines[1]:
            differences[name] = lines
    assert differences == {}


def test_gramis_are_as_foreseen(sent: dict[str, Sent]) -> None:
    differences = {}
    for name, one in sent.items():
        foreseen = grami_values(replace(one.read, description=one.foreseen()), one.place)
        theirs, ours = shown(one.values), shown(foreseen)
        if theirs != ours and name not in ALTERED:
            differences[name] = sorted(set(theirs.items()) ^ set(ours.items()))
    assert differences == {}


def shown(values: grami.Values) -> grami.Values:
    """Return the values to compare, with each output file once.

    Leaves out what A-REX adds, and input files, because none were sent.
    """
    added = ("joboption_penv", "joboption_virtual", "joboption_outputfile", "joboption_inputfile")
    kept = {
        key: value
        for key, value in values.items()
        if not key.startswith(added) and not value.startswith("GRID_GLOBAL_JOB")
    }
    names = {value for key, value in values.items() if key.startswith("joboption_outputfile")}
    return {**kept, "output files": " ".join(sorted(names))}
