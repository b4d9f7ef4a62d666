"""Cancel: the OAR job is deleted or gone; an unavailable OAR is left to scan and is no failure."""

from __future__ import annotations

import pytest
from standin import Standin
from support.ce import GRID_ID, NOBODY
from support.oar_site import Site
from support.users import needs_root, run_as

from arc_lrms_oar.commands.cancel import CancelOutcome, CancelResult, cancel
from arc_lrms_oar.errors import GramiError, OarRefused
from arc_lrms_oar.job import grami

CANCELLED, GONE, NOT_YET = CancelOutcome


def cancelled(site: Site, target: object) -> tuple[CancelOutcome, int | None]:
    retries = site.clock.retry(60, 2.0)
    result = cancel(site.settings(), site.client(), str(target), retries)
    return result.outcome, result.job_id


def test_grid_job_of_the_result(any_site: Site) -> None:
    files = any_site.running()
    grami.append_local_id(str(files.file("grami")), 1)
    client = any_site.client()
    for target, grid_id in ((str(files.file("grami")), GRID_ID), ("1", "")):
        result = cancel(any_site.settings(), client, target)
        assert (result.job_id, result.grid_id) == (1, grid_id)


def test_lines_of_the_log() -> None:
    assert [str(CancelResult(outcome, 7, reason="R")) for outcome in CancelOutcome] == [
        "OAR job 7 is being deleted",
        "OAR job 7 is gone already",
        "OAR did not answer (R); scan will go on cancelling OAR job 7",
    ]


def test_running_job_by_its_grami_file(any_site: Site) -> None:
    site = any_site
    files = site.ce.job(executable="/bin/sleep", arguments=["60"])
    site.submit(files)
    site.oar.wait_for(1, "Running")
    assert cancelled(site, files.file("grami")) == (CANCELLED, 1)
    assert site.argvs("oardel") == [["oardel", "1"]]
    ended = site.oar.wait(1)
    assert (ended["state"], ended["exit_code"]) == ("Error", None)
    assert site.commands() == ["oarsub", "oarstat", "oarstat", "oardel"]


def test_waiting_job_by_its_id(site: Site) -> None:
    (job_id,) = site.oar.add_jobs(1, state="Waiting", first_id=2**31 + 5)
    assert cancelled(site, job_id) == (CANCELLED, job_id)
    assert site.argvs("oardel") == [["oardel", str(job_id)]]
    assert site.oar.wait(job_id)["state"] == "Error"


def test_job_id_of_the_resubmitted_job_has_priority(any_site: Site) -> None:
    """Scan writes the id of a resubmitted job into .local; the GRAMi file keeps the first."""
    site = any_site
    files = site.running()
    grami.append_local_id(str(files.file("grami")), 1)
    new = site.oar.resubmit(1)
    site.ce.accepted(files, new)
    cancelled(site, files.file("grami"))
    assert site.argvs("oardel") == [["oardel", str(new)]]


def test_job_id_that_only_the_grami_file_has(any_site: Site) -> None:
    site = any_site
    files = site.ce.job()
    site.add_job_of(GRID_ID, first_id=7)
    grami.append_local_id(str(files.file("grami")), 7)
    cancelled(site, files.file("grami"))
    assert site.argvs("oardel") == [["oardel", "7"]]


@pytest.mark.parametrize("row", [{"job_name": "", "command": "/bin/date"}, {"job_name": "x"}])
def test_job_id_that_oar_has_assigned_again(any_site: Site, row: dict[str, str]) -> None:
    """The other job is not touched; for A-REX the job is gone."""
    files = any_site.running(**row)
    assert cancelled(any_site, files.file("grami")) == (GONE, 1)
    assert any_site.argvs("oardel") == []


def test_database_down_before_the_ownership_check(site: Site) -> None:
    files = site.running()
    site.oar.set("fail_times", "oarstat:2:25:DB connection error, exiting.")
    assert cancelled(site, files.file("grami")) == (CANCELLED, 1)
    assert site.clock.pauses == [2.0, 2.0]


def test_cancelled_twice(site: Site) -> None:
    files = site.running(status="CANCELING")
    for _ in range(2):
        assert cancelled(site, files.file("grami")) == (CANCELLED, 1)
    assert [call.rc for call in site.oar.calls("oardel")] == [0, 6]


@pytest.mark.parametrize("state", ["Terminated", "Error"])
def test_job_that_has_ended(site: Site, state: str) -> None:
    files = site.running(state="Running")
    site.oar.update(1, state=state)
    assert cancelled(site, files.file("grami")) == (CANCELLED, 1)
    site.oar.set("refuse_del")
    assert cancelled(site, files.file("grami")) == (GONE, 1)


def test_job_that_oar_does_not_know(site: Site) -> None:
    assert cancelled(site, 4711) == (GONE, 4711)
    assert site.argvs("oarstat")[-1] == ["oarstat", "-s", "-J", "-j", "4711"]


@pytest.mark.parametrize("state", ["Running", "Waiting", "Hold", "Suspended", "toError"])
def test_refused_for_a_job_that_is_alive(site: Site, state: str) -> None:
    site.running(state=state)
    site.oar.update(1, state=state)
    site.oar.set("refuse_del")
    with pytest.raises(OarRefused) as caught:
        cancelled(site, 1)
    assert str(caught.value) == ("OAR does not cancel job 1: You are not the right user")
    assert site.clock.pauses == []


@needs_root
def test_job_of_another_user(site: Site) -> None:
    site.oar.add_jobs(1, owner="somebody")
    with pytest.raises(RuntimeError, match="OarRefused: OAR does not cancel job 1: You are not"):
        run_as(NOBODY, lambda: cancelled(site, 1))
    assert site.oar.job(1)["state"] == "Running"


def test_oardel_without_a_running_server(site: Site) -> None:
    site.running()
    site.oar.set("server_down")
    assert cancelled(site, 1) == (CANCELLED, 1)
    assert site.oar.calls("oardel")[-1].rc == 2


def test_retry_while_oar_is_unavailable(site: Site) -> None:
    site.running()
    site.oar.set("fail_times", "oardel:2:25:DB connection error, exiting.")
    assert cancelled(site, 1) == (CANCELLED, 1)
    assert site.clock.pauses == [2.0, 2.0]
    assert len(site.argvs("oardel")) == 3


def test_oar_unavailable_is_left_to_scan(site: Site) -> None:
    site.running()
    site.oar.set("fail_times", "oardel:99:25:DB connection error, exiting.")
    settings, client = site.settings(), site.client()
    result = cancel(settings, client, "1", site.clock.retry(10, 4.0))
    assert result == CancelResult(
        NOT_YET, 1, reason="oardel: exit code 25: DB connection error, exiting."
    )
    assert str(result) == (
        "OAR did not answer (oardel: exit code 25: DB connection error, exiting.); "
        "scan will go on cancelling OAR job 1"
    )
    assert site.clock.pauses == [4.0, 4.0]


def test_hanging_oardel_is_left_to_scan(site: Site) -> None:
    site.configure("command_timeout=1")
    site.running()
    site.oar.set("db_down")
    result = cancel(site.settings(), site.client(), "1", site.clock.retry(0))
    assert result == CancelResult(NOT_YET, 1, reason="oardel: no answer in 1 s")


def test_refusal_while_oarstat_fails(site: Site) -> None:
    site.running()
    site.oar.set("refuse_del")
    site.oar.set("fail_times", "oarstat:99:25:DB connection error, exiting.")
    result = cancel(site.settings(), site.client(), "1", site.clock.retry(3, 2.0))
    assert (result.outcome, result.job_id) == (NOT_YET, 1)
    assert site.clock.pauses == [2.0]


@pytest.mark.parametrize("version", ["2.6.1", "3.0.2"])
def test_other_versions_of_oar(site: Site, version: str) -> None:
    with Standin.create(site.ce.place / "other", version) as oar:
        other = Site(site.ce, oar)
        oar.add_jobs(1)
        assert cancelled(other, 1) == (CANCELLED, 1)
        assert cancelled(other, 1) == (CANCELLED, 1)
        assert cancelled(other, 99) == (GONE, 99)


def test_grami_file_without_a_job_id(any_site: Site) -> None:
    files = any_site.ce.job()
    with pytest.raises(GramiError) as caught:
        cancelled(any_site, files.file("grami"))
    assert str(caught.value) == (
        f"{files.file('grami')}: the job has no OAR id, so there is nothing to cancel"
    )
    assert any_site.commands() == []


def test_missing_grami_file(site: Site) -> None:
    path = site.ce.control / f"job.{GRID_ID}.grami"
    with pytest.raises(GramiError, match="cannot read the GRAMi file"):
        cancelled(site, path)
