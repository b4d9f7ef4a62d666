"""Scan with wrong or partial answers of OAR, clock jumps, full disks and large numbers."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence

import pytest
from standin import Standin
from support.ce import GRID_ID, Ce, JobFiles
from support.fake_transport import FakeTransport
from support.oar_site import Site
from support.scan_jobs import OTHER, Hours, ended, said

from arc_lrms_oar.arex import controldir
from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.transport import Completed
from arc_lrms_oar.scan.reconcile import scan

# More than fit into one command (oar.client.RECORDS_IN_ONE_CALL).
MANY = 1500


@pytest.fixture(name="site", params=[False, True], ids=["new process", "same process"])
def _site(ce: Ce, oar: Standin, request: pytest.FixtureRequest) -> Site:
    """A CE on which each cycle has a process of its own, then one on which all share one."""
    return Site(ce, oar, request.param)


def test_slow_oarstat(site: Site) -> None:
    site.configure("command_timeout=30")
    ended(site)
    site.oar.set("slow", "oarstat:0.3")
    assert site.scan() == [GRID_ID]


def test_partial_answer(site: Site, hours: Hours) -> None:
    """A partial answer reports nothing and does not count towards lost."""
    site.configure("lost_cycles=1\nlost_time=0")
    files = ended(site)
    site.oar.set("half", "oarstat")
    for _ in range(3):
        with pytest.raises(OarUnavailable, match="oarstat"):
            site.scan()
        hours.ahead += 400
    assert files.done() is None
    site.oar.clear("half")
    assert site.scan() == [GRID_ID]


class Altered(FakeTransport):
    """OAR's commands with a change in the JSON that oarstat prints."""

    def __init__(self, site: Site, change: Callable[[dict[str, dict[str, object]]], object]):
        self.transport = site.client().transport
        self.change = change

    def run(self, argv: Sequence[str], timeout: float | None = None) -> Completed:
        done = self.transport.run(argv, timeout)
        if "-f" not in argv:
            return done
        rows = json.loads(done.stdout)
        return done._replace(stdout=json.dumps(self.change(rows)))


WRONG: dict[str, Callable[[dict[str, dict[str, object]]], object]] = {
    "of another job": lambda rows: {"2": {**rows["1"], "Job_Id": 2}},
    "of another job under this one's id": lambda rows: {"1": {**rows["1"], "Job_Id": 2}},
    "of a job that runs": lambda rows: {"1": {**rows["1"], "state": "Running"}},
    "of a job in no known state": lambda rows: {"1": {**rows["1"], "state": "Melted"}},
    "without a state": lambda rows: {"1": {"Job_Id": 1}},
    "of nothing": lambda rows: {},
}


@pytest.mark.parametrize("how", WRONG)
def test_wrong_record(site: Site, how: str, capsys: pytest.CaptureFixture[str]) -> None:
    files = ended(site)
    client = OarClient(Altered(site, WRONG[how]), "2")
    assert scan(site.settings(), client, [str(site.ce.control)], Log("Scan")) == []
    assert files.done() is None
    assert any(line.startswith("[WARNING] ") for line in said(capsys))
    assert site.scan() == [GRID_ID]
    assert files.done() == "0 Job finished with exit code 0\n"


@pytest.mark.parametrize("jump", [-7200, 7200, -1e6])
def test_clock_that_jumps_while_a_job_ends(site: Site, hours: Hours, jump: float) -> None:
    ended(site, stop_time=int(time.time()) - 100)
    hours.ahead = jump
    assert site.scan() == [GRID_ID]


def test_clock_that_jumps_back_after_a_cancel(site: Site, hours: Hours) -> None:
    """The status file is then newer than the clock; the job is deleted all the same, and once."""
    site.oar.set("delay_frag", 1000)
    site.running(status="CANCELING")
    hours.ahead = -10_000
    site.scan()
    site.scan()
    assert site.argvs("oardel") == [["oardel", "1"]]


def test_clock_that_jumps_back_loses_no_job(site: Site, hours: Hours) -> None:
    site.configure("lost_cycles=2\nlost_time=600")
    files = site.ce.in_lrms(GRID_ID, 4711)
    for jump in (0, 400, -9000, -8900, -8800, -8700):
        hours.ahead = jump
        site.scan()
    assert files.done() is None


def test_ids_beyond_31_bits(site: Site) -> None:
    big = 2**33 + 7
    job_id = site.add_job_of(GRID_ID, state="Terminated", first_id=big, exit_code=0)
    files = site.ce.in_lrms(GRID_ID, job_id)
    files.diag.write_text("exitcode=0\n")
    assert site.scan() == [GRID_ID]
    assert files.errors().endswith(f"----- end of OAR job {big}: 0 -----\n")


def doubled(files: JobFiles) -> bool:
    text = files.errors()
    return text.count("----- output of OAR job") != 1 or text.count("----- end of OAR job") != 1


def test_partial_report_of_a_killed_scan_is_replaced(site: Site) -> None:
    files = ended(site)
    files.comment.write_text("said by the LRMS\n")
    half = "Job finished with exit code 0\n----- output of OAR job 1 -----\nsaid by"
    files.file("errors").write_text(f"said by A-REX\n{half}")
    assert site.scan() == [GRID_ID]
    assert files.errors() == (
        "said by A-REX\nJob finished with exit code 0\n----- output of OAR job 1 -----\n"
        "said by the LRMS\n----- end of OAR job 1: 0 -----\n"
    )


def test_complete_report_is_left_alone(site: Site) -> None:
    """A scan that was killed before it wrote lrms_done; what A-REX has added since then stays."""
    files = ended(site)
    assert site.scan() == [GRID_ID]
    files.file("lrms_done").unlink()
    with open(files.file("errors"), "a") as errors:
        errors.write("said by A-REX\n")
    before = files.errors()
    assert site.scan() == [GRID_ID]
    assert files.errors() == before


def test_disk_full_in_the_middle_of_errors(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = ended(site)
    other = ended(site, OTHER)
    real = os.write
    path = str(files.file("errors"))

    def write(descriptor: int, data: bytes) -> int:
        short = os.readlink(f"/proc/self/fd/{descriptor}") == path
        return real(descriptor, data[: len(data) // 2] if short else data)

    with monkeypatch.context() as patched:
        patched.setattr("os.write", write)
        assert site.scan() == [OTHER]
    assert (files.done(), files.errors()) == (None, "")
    assert any("No space left on device" in line for line in said(capsys))
    assert site.scan() == [GRID_ID]
    assert not doubled(files)
    assert not doubled(other)


def test_entries_that_vanish_between_listing_and_reading(
    any_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(any_site)
    other = ended(any_site, OTHER)
    real = controldir.read_job

    def read_job(folder: str, name: str) -> controldir.GridJob | None:
        if OTHER in name and other.status.exists():
            other.status.unlink()
        return real(folder, name)

    monkeypatch.setattr("arc_lrms_oar.scan.job_index.read_job", read_job)
    assert any_site.scan() == [GRID_ID]
    assert other.done() is None


class Ended(FakeTransport):
    """An OAR in which every job has ended with exit code 0; counts the queries."""

    def __init__(self) -> None:
        self.asked = 0

    def run(self, argv: Sequence[str], timeout: float | None = None) -> Completed:
        self.asked += 1
        ids = [int(word) for flag, word in zip(argv, argv[1:]) if flag == "-j"]
        row = {"state": "Terminated", "exit_code": 0, "startTime": 1, "stopTime": 2}
        rows = {str(i): {**row, "Job_Id": i, "name": f"some_name-{i:020}"} for i in ids}
        if "--sql" in argv:
            return Completed(list(argv), 0, "", "")
        words = dict.fromkeys(rows, "Terminated")
        return Completed(list(argv), 0, json.dumps(words if "-s" in argv else rows), "")


@pytest.mark.parametrize("site", [False], indirect=True)
def test_very_many_jobs_that_end_in_one_cycle(site: Site, hours: Hours) -> None:
    """All are reported, and the number of queries depends on the size of the answers only."""
    for job_id in range(1, MANY + 1):
        files = site.ce.in_lrms(f"{job_id:020}", job_id)
        files.diag.write_text("exitcode=0\n")
    oar = Ended()

    def run() -> list[str]:
        return scan(
            site.settings(), OarClient(oar, "2"), [str(site.ce.control)], Log("Scan", "ERROR")
        )

    run()
    hours.ahead = 400
    assert len(run()) == MANY
    assert len(list(site.ce.control.glob("*.lrms_done"))) == MANY
    assert oar.asked < 20
    assert run() == []
