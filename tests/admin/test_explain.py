"""`explain`: everything known about one job, on one page."""

from __future__ import annotations

import json
import os
import shlex
import time
from pathlib import Path
from typing import Any

import pytest
from standin import Standin
from support.ce import GRID_ID, NOBODY, Ce
from support.oar_site import Site, listing
from support.scan_jobs import OTHER, finished, noted
from support.users import needs_root, run_as

from arc_lrms_oar.admin.advice import BY_CAUSE
from arc_lrms_oar.admin.explain import explain
from arc_lrms_oar.admin.oarsub_line import pastable
from arc_lrms_oar.errors import OarLrmsError
from arc_lrms_oar.oar.outcome import Cause

NOW = int(time.time())
HISTORY = (
    "2026-11-21T14:27:23Z Job state change UNDEFINED -> ACCEPTED   Reason: (Re)Accepting new job\n"
    "[2026-11-21 14:27:26] [submit-OAR-job] [INFO] {id}: OAR job 1 submitted\n"
    "what nobody has dated\n"
)


def page(site: Site, text: str = GRID_ID) -> dict[str, list[str]]:
    """The lines of each section of the page by its title; the untitled first one is "head"."""
    parts = [
        part.splitlines() for part in explain(site.settings(), site.client(), text).split("\n\n")
    ]
    head, *others = parts
    return {"head": head, **{lines[0]: lines[1:] for lines in others}}


def row(lines: list[str], name: str) -> str:
    """The text of the line that starts with `name`, or ""."""
    (found,) = [line[2:] for line in lines if line[2:].startswith(f"{name}  ")] or [""]
    return found[len(name) :].strip()


def advised(site: Site, text: str = GRID_ID) -> str:
    (line,) = page(site, text)["What to do"]
    return line.strip()


def test_running_job(any_site: Site) -> None:
    files = any_site.running(
        state="Running", start_time=NOW - 90, submission_time=NOW - 100, resources=[1, 2, 3]
    )
    files.file("local").write_text(
        "localid=1\nqueue=default\njobname=my job\nsubject=/DC=org/CN=me\nlrms=OAR\n"
    )
    files.file("errors").write_text(HISTORY.format(id=GRID_ID))
    found = page(any_site)
    head = found["head"]
    assert row(head, "grid job ID") == GRID_ID
    assert (row(head, "job ID"), row(head, "state")) == ("1", "Running")
    assert row(head, "A-REX state").startswith("INLRMS since 20")
    assert row(head, "user").endswith(" /DC=org/CN=me")
    assert (row(head, "name"), row(head, "queue")) == ("my job", "default")
    assert row(head, "nodes") == "127.0.0.1 127.0.0.2"
    assert row(found["What the user requested"], "executable") == "/bin/true"
    assert found["What was requested from OAR"] == ["  oarsub sleep 1"]
    told = [line[23:] for line in found["What happened"]]
    assert sorted(told) == [
        "A-REX   OAR job 1 submitted",
        "A-REX   UNDEFINED -> ACCEPTED: (Re)Accepting new job",
        "OAR     started on 127.0.0.1 127.0.0.2",
        "OAR     submitted",
    ]
    assert "How it ended" not in found
    assert any(line.startswith(f"  {files.file('grami')} ") for line in found["Files"])
    assert found["What to do"] == ["  Nothing."]


@pytest.mark.parametrize(
    "text",
    [
        *("1", "1.", GRID_ID[:4], f"{GRID_ID}:", f"'{GRID_ID}',", f"{GRID_ID} failed at 12:00"),
        f"https://ce:443/arex/rest/1.0/jobs/{GRID_ID}/",
        f"https://ce:443/arex/rest/1.0/jobs/{GRID_ID}/session/a_long_output_file.root",
        f"https://ce:443/arex/{GRID_ID}",
        f"<gsiftp://ce:2811/jobs/{GRID_ID}>",
        f"/var/spool/arc/control/job.{GRID_ID}.errors",
        f"job.{GRID_ID}.errors",
        f"/var/spool/arc/sessiondir/{GRID_ID}.comment",
        f"some_name-{GRID_ID}",
    ],
)
def test_ways_to_name_a_job(site: Site, text: str) -> None:
    site.running()
    assert page(site, text) == page(site, GRID_ID)


def test_no_job_or_more_than_one(site: Site) -> None:
    site.running()
    site.running(GRID_ID[:6] + OTHER)
    nobody = f"no job in {site.ce.control} has this grid job ID or job ID"
    by_name = "; to find jobs by their names, run: arc-oar jobs --all --name "
    for text, complaint in {
        GRID_ID[:6]: f"{GRID_ID[:6]}: 2 grid job IDs start with this; give more of it",
        GRID_ID[:3]: f"{GRID_ID[:3]}: {nobody}{by_name}{GRID_ID[:3]}",
        "my job": f"my job: {nobody}{by_name}'my job'",
        "4711": f"4711: {nobody}; OAR does not know it either",
    }.items():
        with pytest.raises(OarLrmsError) as caught:
            page(site, text)
        assert str(caught.value) == complaint


@needs_root
def test_job_of_another_user(place: Path, oar: Standin) -> None:
    site = Site(Ce(place, owner=NOBODY), oar)
    site.running()
    for path in site.ce.control.rglob(f"*{GRID_ID}*"):
        os.chown(path, 0, 0)
        path.chmod(0o600)
    settings, client = site.settings(), site.client()
    explain(settings, client, "1")

    def explained(text: str) -> str:
        try:
            return explain(settings, client, text)
        except OarLrmsError as error:
            return str(error)

    def seen() -> Any:
        return explained(GRID_ID), explained(OTHER), explained("1"), explained("99")

    known, unknown, in_oar, nowhere = run_as(NOBODY, seen)
    assert known == (
        f"{GRID_ID}: the job is another user's, whose files only they and root can read"
    )
    hidden = "(1 jobs of other users are not readable; run this as root)"
    assert f"has this grid job ID or job ID {hidden}; to find " in unknown
    assert "A-REX state  not known: 1 jobs of other users are not readable" in in_oar
    assert "Run this as root: 1 grid jobs of other users cannot be read" in in_oar
    assert nowhere.endswith(f"{hidden}; OAR does not know it either")


def test_oarsub_line_can_be_pasted_into_a_shell() -> None:
    argv = [
        *("oarsub", "--name", "a-b", "-q", "default", "-l", "/core=2,walltime=0:1:0"),
        *("-p", "(memnode>=4) AND (cluster='a b')", "-t", "postpone=2026-11-26 12:00:00"),
        *("-d", "/s/my dir", "-O", "/s/my dir.comment", "-E", "/s/my dir.comment"),
        "'/s/my dir/.arc_oar/job.sh'",
    ]
    for recorded in (" ".join(argv), " ".join(argv[1:])):
        assert shlex.split(pastable(recorded)) == argv


@pytest.mark.parametrize("line", ["oarsub sleep 1", "oarsub -I", "", "oarsub -O a -E b c", "x -E"])
def test_line_of_another_program_is_unchanged(line: str) -> None:
    assert pastable(line) == line


def test_json(site: Site) -> None:
    site.running(submission_time=NOW - 100, start_time=NOW - 90)
    finished(site, OTHER, "LRMS error: (3) Job finished with exit code 3\n", local_id="")
    found = json.loads(explain(site.settings(), site.client(), GRID_ID, as_json=True))
    assert (found["grid_job_id"], found["job_id"], found["state"]) == (GRID_ID, 1, "Running")
    assert found["description"]["executable"] == "/bin/true"
    assert {"time": NOW - 90, "source": "OAR", "text": "started"} in found["events"]
    assert (found["exit_code"], found["advice"]) == (None, "Nothing.")
    found = json.loads(explain(site.settings(), site.client(), OTHER, as_json=True))
    assert found["failure"] == "LRMS error: (3) Job finished with exit code 3"
    assert found["oarsub"].startswith("oarsub --name ")


def test_explain_changes_nothing(any_site: Site) -> None:
    noted(any_site.running(state="Terminated", exit_code=0))
    any_site.running("r" * 12)
    any_site.running("c" * 12, "CANCELING")
    before = listing(any_site.ce.control, any_site.ce.sessions)
    for grid_id in (GRID_ID, "r" * 12, "c" * 12):
        page(any_site, grid_id)
    assert any_site.argvs("oardel") == any_site.argvs("oarsub") == []
    assert listing(any_site.ce.control, any_site.ce.sessions) == before


def test_job_that_oar_killed_shows_the_deciding_event(site: Site) -> None:
    times: dict[str, Any] = {"submission_time": NOW - 80, "start_time": NOW - 70, "stop_time": NOW}
    site.running(state="Error", exit_code=None, walltime=60, **times)
    site.oar.add_event(1, "FRAG_JOB_REQUEST", "User root requested to frag the job 1", NOW - 5)
    site.oar.add_event(1, "WALLTIME", "[sarko] Job [1] (Elapsed)", NOW - 6)
    found = page(site)
    ended = found["How it ended"]
    assert row(ended, "exit code") == "265"
    assert row(ended, "reason") == "Job exceeded its walltime of 0:01:00 and was killed (walltime)"
    assert row(ended, "because") == (
        "OAR's state is Error, the recorded wait status is none, the deciding event is WALLTIME"
    )
    told = [line[31:] for line in found["What happened"] if line[23:26] == "OAR"]
    assert told == [
        "submitted",
        "started",
        "WALLTIME: [sarko] Job [1] (Elapsed)",
        "FRAG_JOB_REQUEST: User root requested to frag the job 1",
        "ended: Error, wait status none",
    ]
    assert found["What to do"][0].startswith("  Scan reports the end within seconds")
    assert BY_CAUSE[Cause.WALLTIME] in found["What to do"][0]
    assert found["What to do"][0].endswith(
        'It had 0:1:0 and needs more, such as twice as much: (walltime="2 minutes") in xRSL.'
    )


def test_every_kind_of_end_has_advice() -> None:
    assert set(BY_CAUSE) == set(Cause)


def test_failed_job(any_site: Site) -> None:
    any_site.oar.add_jobs(1, state="Terminated", exit_code=768)
    files = finished(
        any_site, GRID_ID, "LRMS error: (3) Job finished with exit code 3\n", local_id=1
    )
    files.file("diag").write_text("WallTime=5s\nUserTime=1s\nMaxResidentMemory=10kB\nexitcode=3\n")
    found = page(any_site)
    ended = found["How it ended"]
    assert row(ended, "exit code") == "3"
    assert row(ended, "reason") == "Job finished with exit code 3 (exit_code)"
    assert row(ended, "A-REX reports") == "LRMS error: (3) Job finished with exit code 3"
    assert row(ended, "used") == "wall time 5s, user CPU time 1s, memory 10kB"
    assert found["What to do"] == [f"  {BY_CAUSE[Cause.EXIT_CODE]}"]


def test_memory_limit_is_named(site: Site) -> None:
    site.oar.add_jobs(1, state="Terminated", exit_code=137)
    files = finished(site, GRID_ID, "LRMS error: (265) killed\n", local_id=1, count=2)
    files.file("diag").write_text("OutOfMemoryKills=1\nMemoryLimit=2048000kB\nexitcode=265\n")
    assert advised(site).endswith(
        "It had 2000 MB, 1000 MB for each of its 2 slots; twice as much is (memory=2000) in xRSL, "
        "or (count=4)."
    )


def test_exit_code_of_the_shell(site: Site) -> None:
    site.oar.add_jobs(1, state="Terminated", exit_code=127 << 8)
    finished(site, GRID_ID, "LRMS error: (127) x\n", local_id=1)
    assert " A shell returns 127 if it does not find a program: " in advised(site)


def test_request_that_no_nodes_satisfy(site: Site) -> None:
    reason = "OAR refused the job: There are not enough resources for your request"
    finished(site, GRID_ID, f"LRMS error: (512) {reason}\n")
    assert "the user must reduce count, countpernode or memory, " in advised(site)


def test_reason_is_the_one_that_scan_reported(site: Site) -> None:
    """Also after scan has completed the diag with an exit code of its own."""
    message = "Inner job: container 4 does not exist, inner job will never run"
    site.oar.add_jobs(1, state="Error", exit_code=None, message=message)
    reason = f"OAR ended the job with an error: {message}"
    files = finished(site, GRID_ID, f"LRMS error: (512) {reason}\n", local_id=1)
    files.file("diag").write_text("exitcode=512\nWallTime=0s\n")
    found = page(site)
    assert row(found["How it ended"], "exit code") == "512"
    assert row(found["How it ended"], "reason") == f"{reason} (error)"
    assert "gives no reason" not in found["What to do"][0]


def test_successful_job(site: Site) -> None:
    finished(site, GRID_ID)
    found = page(site)
    assert row(found["head"], "state") == "unknown: OAR does not know this job"
    assert row(found["How it ended"], "A-REX reports") == "the job succeeded"
    assert found["What to do"] == ["  Nothing."]


def test_refused_job_shows_the_oarsub_line(site: Site) -> None:
    finished(site, GRID_ID, "OAR refused the job: no\n", local_id="", count=100, walltime=60)
    found = page(site)
    assert (row(found["head"], "job ID"), row(found["head"], "state")) == ("none", "")
    line, remark = found["What was requested from OAR"]
    assert line.startswith("  oarsub --name ")
    assert " -l /core=100,walltime=0:1:0 " in line
    assert remark.startswith("  (not recorded by OAR; ")
    assert row(found["How it ended"], "A-REX reports") == "OAR refused the job: no"


ADVICE_BY_STATE: list[tuple[dict[str, Any], str, str]] = [
    (
        {"state": "Waiting", "message": "R=1,W=0:1:0,J=B (Karma=0.1,quota_ok)"},
        "INLRMS",
        "Wait: OAR starts it when its resources are free.",
    ),
    ({"state": "Hold"}, "INLRMS", "Run `oarresume 1` to release it."),
    ({"state": "Suspended"}, "INLRMS", "Run `oarresume 1` as root or oar to resume it."),
    (
        {"state": "Running"},
        "CANCELING",
        "Scan asks OAR every minute to delete the job; `oardel 1` does the same.",
    ),
    ({"state": "Teleporting"}, "INLRMS", "This package does not know this state: report it."),
]


@pytest.mark.parametrize(("columns", "status", "words"), ADVICE_BY_STATE)
def test_advice_by_state(site: Site, columns: dict[str, Any], status: str, words: str) -> None:
    site.running(status=status, **columns)
    assert advised(site) == words


def test_advice_for_a_missing_or_unknown_job_id(site: Site) -> None:
    site.ce.in_lrms(GRID_ID, "")
    site.ce.in_lrms(OTHER, 4711)
    site.ce.job("c" * 30)
    assert advised(site).startswith("A-REX's .local file has no job ID. ")
    assert advised(site, OTHER).startswith("Scan reports it as lost when OAR has not known it for ")
    assert advised(site, "c" * 30).startswith("Wait: it is not in OAR yet. ")


def test_expected_start_and_reason_of_a_waiting_job(site: Site) -> None:
    site.running(state="Waiting", scheduled=1893456000, message="R=1,Karma=0.1")
    head = page(site)["head"]
    assert row(head, "why it waits") == "OAR expects it to start at 2030-01-01T00:00:00Z"
    assert row(head, "OAR's message") == "R=1,Karma=0.1"
    assert row(head, "expected start").startswith("20")


def test_job_that_requests_more_cores_than_there_are(site: Site) -> None:
    message = "No enough matching resources (no_matching_slot)"
    (job_id,) = site.oar.add_jobs(1, state="Waiting", message=message)
    site.ce.in_lrms(GRID_ID, job_id, count=64)
    head = page(site)["head"]
    assert row(head, "why it waits") == "it requests 64 cores, and OAR has 8"
    assert row(head, "OAR's message") == message
    assert advised(site) == "The job can never start. Cancel it; at most 8 cores can be requested."


def test_job_that_waits_but_is_not_a_grid_job(site: Site) -> None:
    site.oar.set_queue("default", state="notActive")
    (job_id,) = site.oar.add_jobs(1, state="Waiting")
    assert row(page(site, str(job_id))["head"], "why it waits") == (
        "OAR's queue default is not active"
    )
    assert advised(site, str(job_id)).startswith("Run `oarnotify -e default` ")


def test_deleted_while_suspended(site: Site) -> None:
    site.running(status="CANCELING", state="Suspended")
    site.oar.add_event(1, "FRAG_JOB_REQUEST", "User root requested to frag the job 1", NOW)
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOW))
    assert row(page(site)["head"], "deletion") == f"requested by root at {when}, not done yet"
    assert advised(site).startswith("Run `oarresume 1` as root or oar: ")


def test_oar_down(site: Site) -> None:
    site.running()
    site.oar.set("db_down")
    found = page(site)
    assert row(found["head"], "state").startswith("OAR is unavailable: ")
    assert found["What to do"] == [
        "  Make OAR available again. Meanwhile no job is changed and none is lost."
    ]
    with pytest.raises(OarLrmsError, match=r"^4711: no job in .*; OAR is unavailable: "):
        page(site, "4711")


def test_oar_job_that_is_not_a_grid_job(site: Site) -> None:
    (job_id,) = site.oar.add_jobs(1, owner="somebody")
    found = page(site, str(job_id))
    control = site.ce.control
    assert row(found["head"], "A-REX state") == f"none: no job in {control} has this job ID"
    assert row(found["head"], "user") == "somebody"
    assert found["What to do"][0].startswith("  A-REX has no such job")


def test_resubmitted_job_refers_to_its_successor(site: Site) -> None:
    (old,) = site.oar.add_jobs(1)
    new = site.oar.resubmit(old)
    assert (
        advised(site, str(old)) == f"OAR has resubmitted it: run `explain {new}` for the new job."
    )


def test_control_characters_do_not_reach_the_terminal(site: Site) -> None:
    files = site.running(message="R=1\x1b[31m")
    files.file("local").write_text("localid=1\njobname=\x1b]0;title\x07\n")
    assert "\x1b" not in explain(site.settings(), site.client(), GRID_ID)


def test_oar_3(ce: Ce) -> None:
    with Standin.create(ce.place / "oar3", "3.0.2") as oar:
        site = Site(ce, oar)
        site.running(state="Error", exit_code=None, start_time=NOW - 70, stop_time=NOW)
        oar.add_event(1, "WALLTIME", "Job: 1 (Elapsed)", NOW - 6)
        found = page(site)
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOW - 6))
        assert f"  {when}  OAR     WALLTIME: Job: 1 (Elapsed)" in found["What happened"]
        assert row(found["How it ended"], "exit code") == "265"


def test_nodes_on_oar_3(ce: Ce) -> None:
    """OAR 3 lists the nodes of a job with `oarstat -p` only."""
    with Standin.create(ce.place / "oar3", "3.0.2") as oar:
        site = Site(ce, oar)
        site.running(resources=[1, 2, 3])
        assert row(page(site)["head"], "nodes") == "127.0.0.1 127.0.0.2"
