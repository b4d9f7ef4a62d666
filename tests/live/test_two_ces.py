"""Two A-REX with one account and one OAR: neither touches the other's jobs.

The second one is the account's own, with its own control directory, session directory and
arc.conf. All jobs have the same name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from bed import Bed
from bed.grid import USER, Grid, Job, shell
from bed.internal import InternalGrid

pytestmark = pytest.mark.live

NAME = "same name"
CODES = ((0, 3), (0, 4))
FILES: dict[str, str] = {}


@pytest.fixture(scope="module")
def second(bed: Bed) -> Iterator[InternalGrid]:
    grid = InternalGrid(bed, USER)
    grid.start()
    yield grid
    grid.stop()


class Pairs(NamedTuple):
    """Jobs of the first and of the second A-REX, all submitted at the same time.

    `ends` exit with 0 and 3, and with 0 and 4. The others run for two minutes, except for the one
    with the wrong job ID, which scan deletes only a minute after the cancel.
    """

    ends: list[Job]
    first_cancelled: list[Job]
    second_cancelled: list[Job]
    forged: list[Job]


@pytest.fixture(scope="module")
def pairs(grid: Grid, second: InternalGrid) -> Pairs:
    two, ten = ((shell(f"sleep {n}; echo done", jobname=NAME), FILES) for n in (120, 600))
    ends = [[(shell(f"exit {code}", jobname=NAME), FILES) for code in codes] for codes in CODES]
    firsts = grid.submit_all([two, two, ten, *ends[0]])
    seconds = second.submit_all([two, two, two, *ends[1]])
    for job in (*firsts[:3], *seconds[:3]):
        job.wait_running()
    longs = [list(pair) for pair in zip(firsts[:3], seconds[:3])]
    return Pairs([*firsts[3:], *seconds[3:]], *longs)


def only(job: Job) -> dict[str, object]:
    """Return the one OAR job of a grid job."""
    (held,) = job.oar_jobs()
    return dict(held)


@pytest.fixture(scope="module", autouse=True)
def cancelled(grid: Grid, second: InternalGrid, pairs: Pairs) -> None:
    """Cancel one job of each pair; in one the user has written the other's OAR job ID."""
    forge(pairs.forged[0], pairs.forged[1].oar_id())
    grid.user("arckill", "-k", pairs.first_cancelled[0].url, pairs.forged[0].url)
    second.client("arckill", "-k", pairs.second_cancelled[1].url)


def test_each_reports_its_own_jobs(pairs: Pairs) -> None:
    for job, code in zip(pairs.ends, [code for codes in CODES for code in codes]):
        job.wait()
        held = only(job)
        assert (held["exit_code"], held["owner"]) == (code << 8, USER)
        assert (f"exit code {code}" in job.failure()) is bool(code), job.diagnostics()


@pytest.mark.parametrize("which", [0, 1])
def test_cancelled_job_is_deleted_alone(pairs: Pairs, which: int) -> None:
    pair = (pairs.first_cancelled, pairs.second_cancelled)[which]
    alone(pair[which], pair[1 - which])


def test_cancelled_job_that_names_the_others_oar_job(pairs: Pairs) -> None:
    """The job's own OAR job is deleted, and the other one goes on."""
    alone(*pairs.forged)


def alone(cancelled: Job, other: Job) -> None:
    """Check that the first job was deleted and that the second has ended by itself."""
    cancelled.wait()
    assert only(cancelled)["state"] == "Error"
    other.wait()
    assert other.failure() == "", other.diagnostics()
    assert only(other)["state"] == "Terminated"
    assert other.output("out.txt") == "done\n"


def forge(job: Job, job_id: int) -> None:
    """As the user, write another OAR job ID into the two files of the job that name it."""
    for kind, key in (("local", "localid"), ("grami", "joboption_jobid")):
        text = re.sub(rf"(?m)^{key}=.*\n", "", job.control(kind)) + f"{key}={job_id}\n"
        for path in job.control_paths(kind):
            if job.grid.read(path):
                job.grid.bed.run(["tee", path], user=USER, input=text)
