"""The query which jobs have ended: when it starts, for which job IDs, and how often."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from support.ce import GRID_ID
from support.oar_site import Site
from support.scan_jobs import OTHER, Hours, ended, noted

from arc_lrms_oar.errors import ControlDirError
from arc_lrms_oar.oar.local import LocalTransport
from arc_lrms_oar.oar.transport import Completed
from arc_lrms_oar.scan.job_index import IndexedJob, JobIndex

ENDED = "state IN ('Terminated','Error')"


def conditions(site: Site) -> list[str]:
    """The conditions of all such queries so far."""
    return [argv[-1] for argv in site.argvs("oarstat") if "--sql" in argv]


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The steps of a cycle, in their order."""
    events: list[str] = []
    begin, look = LocalTransport.begin, JobIndex.refresh

    def begun(transport: LocalTransport, argv: Sequence[str]) -> Callable[[], Completed]:
        events.append("begun")
        answer = begin(transport, argv)

        def answered() -> Completed:
            events.append("answered")
            return answer()

        return answered

    def looked(known: JobIndex, turn: int) -> dict[int, IndexedJob]:
        events.append("looked")
        return look(known, turn)

    monkeypatch.setattr(LocalTransport, "begin", begun)
    monkeypatch.setattr(JobIndex, "refresh", looked)
    return events


def test_query_starts_before_the_directory_is_read(site: Site, story: list[str]) -> None:
    site.running()
    site.scan()
    story.clear()
    site.scan()
    assert story == ["begun", "looked", "answered"]


def test_query_covers_the_ids_of_the_last_cycle_and_the_next_ones(site: Site) -> None:
    site.oar.add_jobs(4)
    site.running()
    site.scan()
    site.scan()
    assert conditions(site)[1:] == [f"{ENDED} AND (job_id BETWEEN 5 AND 105)"]


def test_new_job_is_in_the_same_query(site: Site) -> None:
    site.running()
    site.scan()
    files = ended(site, OTHER)
    assert site.scan() == [OTHER]
    assert files.done() == "0 Job finished with exit code 0\n"
    assert len(conditions(site)) == 2


@pytest.mark.parametrize("job_id", [1, 150])
def test_job_with_another_id_needs_a_second_query(site: Site, job_id: int) -> None:
    site.add_job_of(OTHER, state="Terminated", exit_code=0)
    site.oar.add_jobs(8)
    site.running()
    site.oar.add_jobs(139)
    site.add_job_of(OTHER, state="Terminated", exit_code=0)
    site.scan()
    noted(site.ce.in_lrms(OTHER, job_id))
    assert site.scan() == [OTHER]
    assert conditions(site)[1:] == [
        f"{ENDED} AND (job_id BETWEEN 10 AND 110)",
        f"{ENDED} AND (job_id IN ({job_id}))",
    ]


def test_audit_asks_for_all_states_and_makes_no_such_query(site: Site, hours: Hours) -> None:
    site.running()
    site.scan()
    before = conditions(site)
    hours.ahead = 301
    site.scan()
    others = "state NOT IN ('Terminated','Error') AND command LIKE '%/.arc_oar/job-%'"
    assert conditions(site) == [*before, f"({others} AND NOT (job_id IN (1)))"]
    assert site.argvs("oarstat")[-2] == ["oarstat", "-s", "-J", "-j", "1"]
    site.scan()
    assert len(conditions(site)) == len(before) + 2


def test_no_query_without_jobs(site: Site, hours: Hours) -> None:
    for _ in range(3):
        assert site.scan() == []
        hours.ahead += 60
    assert conditions(site) == []


def test_forged_row_of_another_user_among_the_next_ids(site: Site) -> None:
    """The row says that our job has ended, and OAR's record of the job does not confirm it."""
    files = site.running()
    site.scan()
    forged = "x\n1         T griduser    0:00:10 R=1,W=1:0:0,J=B,N=x\n"
    site.oar.add_jobs(1, state="Terminated", owner="mallory", job_name=forged, message=forged)
    for _ in range(3):
        assert site.scan() == []
    assert files.done() is None


def test_directory_that_cannot_be_read(site: Site, story: list[str]) -> None:
    """The answer is collected all the same, so that no command is left running."""
    site.running(GRID_ID)
    site.scan()
    story.clear()
    processing = site.ce.control / "processing"
    processing.rename(site.ce.control / "gone")
    with pytest.raises(ControlDirError):
        site.scan()
    assert story == ["begun", "looked", "answered"]
