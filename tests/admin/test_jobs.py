"""`jobs`: every grid job with its state in A-REX and in OAR, problems first."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from standin import Standin
from support.ce import GRID_ID, NOBODY, Ce
from support.oar_site import Site, each, listing
from support.scan_jobs import OTHER, Hours, finished, noted
from support.users import needs_root, run_as

from arc_lrms_oar.admin.job_fields import FIELDS, sorted_rows
from arc_lrms_oar.admin.job_output import CSV, JSON, Listing
from arc_lrms_oar.admin.job_overview import Overview, OverviewReader
from arc_lrms_oar.admin.job_row import JobRow
from arc_lrms_oar.admin.job_selection import Selection, parse_names, parse_state, selection
from arc_lrms_oar.admin.jobs import jobs
from arc_lrms_oar.errors import ControlDirError, OarLrmsError

NOW = int(time.time())


def look(site: Site, now: float = NOW) -> Overview:
    return OverviewReader(site.settings(), site.client()).read(now)


def only(overview: Overview) -> JobRow:
    (row,) = overview.rows
    return row


def test_running_job(any_site: Site) -> None:
    files = any_site.running(
        state="Running", start_time=NOW - 90, walltime=3600, resources=[1, 2, 3]
    )
    os.utime(files.status, (NOW - 100, NOW - 100))
    row = only(look(any_site))
    assert (row.grid_job_id, row.arex_state, row.since) == (GRID_ID, "INLRMS", NOW - 100)
    assert (row.job_id, row.state, row.queue) == (1, "Running", "default")
    assert (row.used, row.requested, row.start) == (90, 3600, NOW - 90)
    assert (row.note, row.problem, row.failed) == ("", False, False)


def test_waiting_job_with_the_expected_start_and_oars_reason(site: Site) -> None:
    message = "R=1,W=0:1:0,J=B,N=name-ID,Q=long (Karma=0.1,quota_ok)"
    site.running(state="Waiting", scheduled=NOW + 600, message=message, walltime=60)
    row = only(look(site))
    assert (row.state, row.start, row.used) == ("Waiting", NOW + 600, None)
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(NOW + 600))
    assert (row.note, row.problem) == (f"OAR expects it to start at {start}", False)


def test_values_that_oar_does_not_give_come_from_the_description(site: Site) -> None:
    (job_id,) = site.oar.add_jobs(1, state="Waiting", walltime=None, message="")
    site.ce.in_lrms(GRID_ID, job_id, count=4, cputime=400)
    row = only(look(site))
    assert (row.cores, row.requested) == (4, 100)


PROBLEMS: list[tuple[dict[str, Any], int, str]] = [
    ({"state": "toError"}, 0, "OAR is about to end it with an error"),
    (
        {"state": "Waiting", "message": "No enough matching resources (no_matching_slot)"},
        0,
        "OAR finds no matching resources among 8 Alive cores",
    ),
    (
        {"state": "Terminated", "exit_code": 0, "stop_time": NOW - 400},
        0,
        "Job finished with exit code 0; scan has not reported it",
    ),
    (
        {"state": "Running", "start_time": NOW - 1000, "walltime": 60},
        0,
        "exceeded its wall time, and OAR has not ended it",
    ),
    (
        {"state": "Teleporting"},
        0,
        "OAR reports the state 'Teleporting', which this package does not know",
    ),
]


@pytest.mark.parametrize(("columns", "age", "note"), PROBLEMS)
def test_problems_of_a_job_in_oar(site: Site, columns: dict[str, Any], age: int, note: str) -> None:
    site.running(**columns)
    row = only(look(site))
    assert (row.note, row.problem) == (note, True)


def test_held_job(site: Site) -> None:
    """Somebody holds it on purpose. OAR leaves the start that it had predicted before."""
    site.running(state="Hold", scheduled=NOW + 600)
    row = only(look(site))
    assert row.note == "held; `arc-oar resume` or oarresume releases it"
    assert (row.problem, row.start) == (False, None)


def test_suspended_job(site: Site) -> None:
    site.running(state="Suspended", start_time=NOW - 90)
    row = only(look(site))
    assert row.note == "suspended; `arc-oar resume` or oarresume resumes it, as root or oar"
    assert (row.problem, row.start) == (False, NOW - 90)


def test_job_that_requests_more_cores_than_there_are(site: Site) -> None:
    (job_id,) = site.oar.add_jobs(1, state="Waiting", message="No enough matching resources (x)")
    site.ce.in_lrms(GRID_ID, job_id, count=64)
    row = only(look(site))
    assert (row.note, row.problem) == ("it requests 64 cores, and OAR has 8", True)


def test_job_in_an_inactive_queue(site: Site) -> None:
    site.oar.set_queue("default", state="notActive")
    site.running(state="Waiting", scheduled=NOW + 600)
    row = only(look(site))
    assert (row.note, row.problem) == ("OAR's queue default is not active", True)


def test_deletion_that_is_pending(site: Site) -> None:
    site.running(state="Running", start_time=NOW - 90)
    site.oar.add_event(1, "FRAG_JOB_REQUEST", "User root requested to frag the job 1", NOW)
    row = only(look(site))
    assert (row.note, row.problem) == ("deletion requested by root, not done yet", False)


def test_deleted_while_suspended(site: Site) -> None:
    site.running(status="CANCELING", state="Suspended", start_time=NOW - 90)
    site.oar.add_event(1, "FRAG_JOB_REQUEST", "User root requested to frag the job 1", NOW)
    row = only(look(site))
    assert row.note.startswith("deleted while suspended; ")
    assert row.problem


def test_suspended_time_is_not_wall_time(site: Site) -> None:
    site.running(state="Suspended", start_time=NOW - 90, walltime=60)
    site.oar.add_event(1, "HOLD_RUNNING_JOB", "", NOW - 70)
    assert only(look(site)).used == 20


def test_problems_on_arexs_side(site: Site) -> None:
    unknown = site.ce.in_lrms("u" * 12, 4711)
    none = site.ce.in_lrms("n" * 12, "")
    cancel = site.running("c" * 12, "CANCELING")
    submit = site.ce.job("s" * 12)
    for number, files in enumerate((unknown, none, cancel, submit)):
        os.utime(files.status, (NOW - 4000 + number, NOW - 4000 + number))
    overview = look(site)
    assert [(row.grid_job_id[0], row.note, row.problem) for row in overview.rows] == [
        ("u", "OAR does not know this job", True),
        ("n", "A-REX has no job ID for it", True),
        ("c", "being cancelled for 67 min", True),
        ("s", "being submitted for 67 min", True),
    ]


def test_new_jobs_are_no_problem(site: Site) -> None:
    site.running("c" * 12, "CANCELING")
    site.ce.job("s" * 12)
    site.running("t" * 12, state="Terminated", exit_code=0, stop_time=NOW - 10)
    overview = look(site, time.time())
    assert [row.problem for row in overview.rows if row.grid_job_id[0] != "t"] == [False, False]
    rows = {row.grid_job_id[0]: row for row in look(site, NOW).rows}
    assert rows["t"].note == "Job finished with exit code 0; scan is about to report it"
    assert not rows["t"].problem


def test_ended_jobs(any_site: Site) -> None:
    any_site.ce.configure()
    any_site.configure()
    good = finished(any_site, "g" * 12, when=NOW - 50, walltime=100)
    good.file("diag").write_text("Processors=3\nWallTime=42s\n")
    finished(any_site, "b" * 12, "LRMS error: (3) Job finished with exit code 3\n", NOW - 20)
    rows = look(any_site).rows
    assert [(row.grid_job_id[0], row.arex_state, row.failed) for row in rows] == [
        ("b", "FINISHED", True),
        ("g", "FINISHED", False),
    ]
    assert rows[0].note == "LRMS error: (3) Job finished with exit code 3"
    assert (rows[1].cores, rows[1].used, rows[1].requested) == (3, 42, 100)


def test_failed_submission_shows_the_message_of_the_submit_script(site: Site) -> None:
    files = finished(site, GRID_ID, "Job submission to LRMS failed\n")
    files.file("errors").write_text(
        "2026-11-21T14:27:23Z Job state change UNDEFINED -> ACCEPTED   Reason: x\n"
        "----- starting submit-OAR-job -----\n#!/bin/bash\necho\n"
        "----- exiting submit-OAR-job -----\n"
        "[2026-11-21 14:27:26] [submit-OAR-job] [INFO] something\n"
        "OAR refused the job: no\ndetails\n"
    )
    assert only(look(site)).note == "OAR refused the job: no"


def test_oldest_problem_first(site: Site) -> None:
    ages = {"a": 10, "b": 30, "x": 20, "y": 40}
    for letter in "ab":
        site.running(letter * 12)
    for letter in "xy":
        site.ce.in_lrms(letter * 12, 4711 + ord(letter))
    for letter, age in ages.items():
        status = site.ce.control / "processing" / f"job.{letter * 12}.status"
        os.utime(status, (NOW - age, NOW - age))
    finished(site, "d" * 12, when=NOW - 5000)
    finished(site, "c" * 12, when=NOW - 100)
    assert "".join(row.grid_job_id[0] for row in look(site).rows) == "yxbacd"


def test_oar_is_queried_in_bulk(site: Site) -> None:
    for number in range(20):
        site.running(f"{number:012}")
    finished(site, OTHER).file("diag").write_text("LRMSExitcode=0\n")
    look(site)
    ids = each("-j", range(1, 21))
    assert site.argvs("oarstat") == [
        ["oarstat", "-V"],
        ["oarstat", "-s", "-J", *ids],
        ["oarstat", "--format", "2", "-J", "-f", *ids],
    ]


def test_many_jobs_give_the_same_rows_with_fewer_queries(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {"message": "R=2,W=0:10:0,J=B", "walltime": 600}
    site.running("r" * 12, state="Running", start_time=NOW - 90, resources=[1, 2], **asked)
    site.running("w" * 12, state="Waiting", scheduled=NOW + 600, **asked)
    site.running("e" * 12, state="Error", exit_code=None, stop_time=NOW - 400)
    site.oar.add_event(3, "FRAG_JOB_REQUEST", "User root requested to frag the job 3")
    site.oar.add_jobs(2, owner="somebody")
    site.ce.in_lrms("u" * 12, 4711)
    few = look(site)
    before = len(site.argvs("oarstat"))
    monkeypatch.setattr("arc_lrms_oar.admin.job_overview.FULL_RECORDS", 2)
    assert look(site) == few
    assert site.argvs("oarstat")[before:] == [
        ["oarstat", "-V"],
        ["oarstat", "-s", "-J", *each("-j", [1, 2, 3, 4711])],
        ["oarstat", "--format", "2", "-J"],
        ["oarstat", "--format", "2", "-J", "-f", "-j", "2"],
        ["oarstat", "--format", "2", "-J", "-f", "-j", "3"],
    ]


def test_jobs_changes_nothing(any_site: Site) -> None:
    """Of jobs in every state; some of them scan would report, delete or give up."""
    states = ["Running", "Waiting", "Suspended", "Launching"]
    for letter, state in zip("abcd", states):
        any_site.running(letter * 12, state=state)
    any_site.running("e" * 12, "CANCELING")
    noted(any_site.running("f" * 12, state="Terminated", exit_code=0))
    any_site.ce.in_lrms("g" * 12, 4711)
    before = listing(any_site.ce.control, any_site.ce.sessions)
    look(any_site)
    assert listing(any_site.ce.control, any_site.ce.sessions) == before
    assert list(any_site.ce.control.glob("arc_lrms_oar.*")) == []
    assert any_site.argvs("oardel") == any_site.argvs("oarsub") == []


def test_oar_unavailable_shows_arexs_side(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.running()
    site.oar.set("db_down")
    overview = look(site)
    assert overview.oar_error == "oarstat: exit code 25: DB connection error, exiting."
    row = only(overview)
    assert (row.arex_state, row.job_id, row.state, row.problem) == ("INLRMS", 1, "", False)
    assert jobs(site.settings(), site.client(), Listing()) == 0
    out = capsys.readouterr().out
    assert GRID_ID in out
    assert "OAR is unavailable: oarstat: exit code 25: DB connection error" in out


def test_oar_3(ce: Ce) -> None:
    with Standin.create(ce.place / "oar3", "3.0.2") as oar:
        site = Site(ce, oar)
        site.running("r" * 12, start_time=NOW - 60)
        site.running("w" * 12, state="Waiting", start_time=NOW + 60)
        rows = {row.grid_job_id[0]: row for row in look(site).rows}
        assert (rows["r"].used, rows["r"].start) == (60, NOW - 60)
        assert (rows["w"].used, rows["w"].start) == (None, NOW + 60)


@needs_root
def test_ordinary_users_see_only_their_own_jobs(place: Path, oar: Standin) -> None:
    site = Site(Ce(place, owner=NOBODY), oar)
    mine = site.running()
    for path in (mine.status, mine.file("local"), mine.file("grami")):
        os.chown(path, NOBODY, NOBODY)
        path.chmod(0o600)
    site.running(OTHER)
    for path in site.ce.control.rglob(f"*{OTHER}*"):
        os.chown(path, 0, 0)
        path.chmod(0o600)
    settings, client = site.settings(), site.client()
    client.dialect  # noqa: B018 - what is imported late cannot be in the other user's process
    reader = OverviewReader(settings, client)

    def seen() -> Any:
        overview = reader.read(NOW)
        return [[row.grid_job_id, row.user] for row in overview.rows], overview.unreadable

    assert run_as(NOBODY, seen) == [[[GRID_ID, "nobody"]], 1]


def test_no_control_directory(site: Site) -> None:
    (site.ce.control / "processing").rmdir()
    with pytest.raises(ControlDirError, match="not the processing directory of a control"):
        look(site)


@pytest.mark.parametrize(
    ("state", "letters"),
    [
        ("", "abcd"),
        ("inlrms", "abc"),
        ("FINISHED", "d"),
        ("waiting", "b"),
        ("UNKNOWN", "c"),
        ("problem", "c"),
        ("failed", "d"),
        ("Hold", ""),
        ("waiting,unknown", "bc"),
    ],
)
def test_selection_by_state(site: Site, state: str, letters: str) -> None:
    site.running("a" * 12)
    site.running("b" * 12, state="Waiting")
    site.ce.in_lrms("c" * 12, 4711)
    finished(site, "d" * 12, "some failure")
    assert chosen(site, selection(states=state)) == letters


def chosen(site: Site, selected: Selection, now: float = NOW) -> str:
    """The first letters of the grid job IDs of the selected jobs."""
    rows = OverviewReader(site.settings(), site.client()).read(now, selected).rows
    return "".join(sorted(row.grid_job_id[0] for row in rows))


def test_selection_by_what_identifies_a_job(any_site: Site) -> None:
    site = any_site
    site.running("a" * 12)
    job = site.running("b" * 12)
    local = job.file("local")
    text = local.read_text().replace("queue=default", "queue=long")
    text = text.replace("jobname=some name", "jobname=Analysis 7").replace("CN=User", "CN=Ann")
    local.write_text(f"{text}voms=/atlas/Role=production\nvoms=/dteam\n")
    finished(site, "c" * 12)
    user = site.ce.user
    assert chosen(site, selection(users=f"{user},other")) == "abc"
    assert chosen(site, selection(users="other")) == ""
    assert chosen(site, selection(queues="long,short")) == "b"
    assert chosen(site, selection(vos="atlas")) == "b"
    assert chosen(site, selection(vos="dteam")) == ""
    assert chosen(site, selection(dn="*cn=ann")) == "b"
    assert chosen(site, selection(name="analysis*")) == "b"
    assert chosen(site, selection(ids=["bbbbb", "1"])) == "ab"
    assert chosen(site, selection(ids=["https://ce:443/arex/rest/1.0/jobs/" + "c" * 12])) == "c"
    assert chosen(site, selection(queues="default", states="FINISHED")) == "c"


def test_selection_by_age(site: Site) -> None:
    for letter, age in (("a", 30), ("b", 7200)):
        os.utime(site.running(letter * 12).status, (NOW - age, NOW - age))
    for letter, age in (("c", 50), ("d", 90000)):
        finished(site, letter * 12, when=NOW - age)
    assert chosen(site, selection(older="2h")) == "bd"
    assert chosen(site, selection(newer="1m")) == "ac"
    assert chosen(site, selection(older="40s", newer="1d")) == "bc"


@pytest.mark.parametrize("text", ["", "2", "h", "-1h", "1.5h", "2 h", "1y"])
def test_no_age(text: str) -> None:
    if text:
        with pytest.raises(OarLrmsError, match=r"--older .*: expected an age such as 90s"):
            selection(older=text)
    assert selection(older="").older is None


@pytest.mark.parametrize("text", ["", "///", "abc", " . "])
def test_no_id_never_selects_everything(text: str) -> None:
    with pytest.raises(OarLrmsError, match="expected a job ID of OAR or the start of a grid"):
        selection(ids=[text])


def test_unknown_state() -> None:
    with pytest.raises(
        OarLrmsError, match="--state Runing: no such state; expected one of ACCEPTED, "
    ):
        parse_state("Runing")


def test_json(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.running(message="é\n\x1b[31m")
    site.ce.in_lrms(OTHER, 4711)
    jobs(site.settings(), site.client(), Listing(selection(states="unknown"), form=JSON))
    found = json.loads(capsys.readouterr().out)
    assert (found["oar_error"], found["unreadable"]) == ("", 0)
    (row,) = found["jobs"]
    assert set(row) == {
        *("grid_job_id", "job_id", "arex_state", "state", "since", "user", "queue", "cores"),
        *("used", "requested", "start", "note", "problem", "failed", "name", "dn", "vo"),
    }
    assert (row["grid_job_id"], row["job_id"]) == (OTHER, 4711)


def test_finished_job_is_read_again_when_it_changes(site: Site, hours: Hours) -> None:
    reader = OverviewReader(site.settings(), site.client())
    files = finished(site, GRID_ID, "first")
    assert [row.note for row in reader.read(NOW).rows] == ["first"]
    files.file("failed").write_text("second")
    assert [row.note for row in reader.read(NOW).rows] == ["first"]
    status = site.ce.control / "finished" / files.status.name
    os.utime(status, (NOW + 5, NOW + 5))
    assert [row.note for row in reader.read(NOW).rows] == ["second"]


def test_csv(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    finished(site, GRID_ID, 'a "reason", and more', NOW - 50)
    site.running(OTHER)
    site.oar.set("db_down")
    fields = ("grid_job_id", "job_id", "note", "start")
    jobs(site.settings(), site.client(), Listing(form=CSV, fields=fields))
    output = capsys.readouterr()
    assert output.out.splitlines() == [
        "grid_job_id,job_id,note,start",
        f"{OTHER},1,,",
        f'{GRID_ID},77,"a ""reason"", and more",',
    ]
    assert (
        output.err == "OAR is unavailable: oarstat: exit code 25: DB connection error, exiting.\n"
    )


def test_sorted_by_fields(site: Site) -> None:
    for letter, start in (("a", 30), ("b", 10), ("c", 20)):
        site.running(letter * 12, start_time=NOW - start)
    site.running("d" * 12, state="Waiting")
    rows = look(site).rows

    def order(*names: str, reverse: bool = False) -> str:
        return "".join(row.grid_job_id[0] for row in sorted_rows(rows, names, reverse, NOW))

    assert order("start") == "acbd"
    assert order("start", reverse=True) == "bcad"
    assert order("user", "grid_job_id", reverse=True) == "dcba"
    assert order() == "".join(row.grid_job_id[0] for row in rows)


def test_unknown_field() -> None:
    assert parse_names("--sort", "User, age", FIELDS) == ("user", "age")
    with pytest.raises(OarLrmsError, match="--sort usr: expected some of job_id, arex_state,"):
        parse_names("--sort", "usr", FIELDS)


def test_only_the_newest_ended_jobs_are_read(site: Site) -> None:
    for number in range(6):
        finished(site, f"{number}" * 12, "failed" if number == 0 else "", NOW - number)
    overview = OverviewReader(site.settings(), site.client()).read(NOW, newest=2)
    assert [row.grid_job_id[0] for row in overview.rows] == ["0", "1"]
    assert (len(overview.ended), overview.left_out) == (6, 4)
    assert Listing().newest == 100
    assert Listing(everything=True).newest is None
    assert Listing(selection(users="x")).newest is None
    assert Listing(form=JSON).newest is None
