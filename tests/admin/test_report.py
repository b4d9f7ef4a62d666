"""`report`: jobs that have ended, from the control directory, A-REX's accounting and OAR."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import pytest
from support.accounting import Accounting
from support.oar_site import Site, oar_name
from support.scan_jobs import finished

from arc_lrms_oar.admin.ended_jobs import History, read_history, reason_of
from arc_lrms_oar.admin.job_selection import EVERY_JOB, selection
from arc_lrms_oar.admin.report import report
from arc_lrms_oar.errors import ControlDirError
from arc_lrms_oar.oar.outcome import Cause

NOW = time.time()
WEEK = 7 * 86400.0


def history(site: Site, age: float = WEEK) -> History:
    return read_history(site.settings(), site.client(), NOW - age)


def reasons(site: Site, age: float = WEEK) -> dict[str, str]:
    return {row.grid_job_id[0]: row.reason for row in history(site, age).jobs}


def reported(site: Site, *keys: str, form: str = "table", **filters: str) -> int:
    chosen = selection(**filters) if filters else EVERY_JOB
    return report(site.settings(), site.client(), WEEK, chosen, keys, form)


def test_accounting_and_control_directory_together(site: Site) -> None:
    accounting = Accounting(site)
    accounting.add("a" * 12)
    accounting.add("b" * 12, status="failed", code=3, vo="", queue="long")
    accounting.add("o" * 12, end=int(NOW - WEEK) - 5)
    accounting.add("p" * 12, end=0, status="in-progress")
    finished(site, "b" * 12, "LRMS error: (3) Job finished with exit code 3\n", NOW - 60)
    finished(site, "c" * 12, when=NOW - 50).file("diag").write_text("WallTime=60s\nProcessors=2\n")
    finished(site, "d" * 12, when=NOW - WEEK - 50)
    rows = {row.grid_job_id[0]: row for row in history(site).jobs}
    assert {letter: row.reason for letter, row in rows.items()} == {
        "a": "success",
        "b": "exit_code",
        "c": "success",
    }
    assert rows["a"][2:7] == ("griduser", "default", "atlas", "/CN=Ann", False)
    assert rows["b"][3:7] == ("long", "", "/CN=Ann", True)
    assert rows["c"][2:7] == (site.ce.user, "default", "", "/O=Test/CN=User", False)
    assert (rows["a"].core_seconds, rows["c"].core_seconds) == (7200, 120)


def test_reason_from_oar_after_arex_has_removed_the_files(site: Site) -> None:
    accounting = Accounting(site)
    killed = site.add_job_of("w" * 12, state="Error", walltime=60)
    site.oar.add_event(killed, "WALLTIME", "[sarko] Job [1] (Elapsed)", int(NOW))
    (others,) = site.oar.add_jobs(1, state="Error", job_name=oar_name("z" * 12))
    for letter, local_id in (
        ("w", killed),
        ("x", others),
        ("y", 4711),
        ("z", "not-submitted-dc39c255a44f"),
    ):
        accounting.add(letter * 12, status="failed", code=265, local_id=str(local_id))
    assert reasons(site) == {"w": "walltime", "x": "unknown", "y": "unknown", "z": "not_submitted"}


def test_oar_unavailable_is_a_note(site: Site) -> None:
    Accounting(site).add("a" * 12, status="failed")
    site.oar.set("db_down")
    found = history(site)
    assert [row.reason for row in found.jobs] == ["unknown"]
    assert found.notes[0].startswith("OAR is unavailable: oarstat: ")


def test_databases_of_arc_6_and_7(site: Site) -> None:
    Accounting(site).add("a" * 12)
    Accounting(site, "accounting_v2.db").add("b" * 12)
    assert reasons(site) == {"a": "success", "b": "success"}


def test_broken_database_is_a_note(site: Site) -> None:
    Accounting(site).path.write_bytes(b"not a database, but a text that is long enough for one")
    finished(site, "c" * 12)
    found = history(site)
    assert [row.grid_job_id[0] for row in found.jobs] == ["c"]
    assert "accounting.db: cannot read the accounting: " in found.notes[0]


def test_no_control_directory(site: Site) -> None:
    (site.ce.control / "processing").rmdir()
    with pytest.raises(ControlDirError):
        history(site)


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        ("", "success"),
        ("LRMS error: (3) Job finished with exit code 3", "exit_code"),
        ("LRMS error: (271) Job was killed by signal 15 (SIGTERM)", "signal"),
        (
            "LRMS error: (1) Job finished with exit code 1; it had reached its memory limit of 5 MB"
            ", and the kernel killed 1 of its processes",
            "memory",
        ),
        ("LRMS error: (265) Job exceeded its walltime of 0:01:00 and was killed", "walltime"),
        ("LRMS error: (265) Job was deleted in OAR by user root", "deleted"),
        ("LRMS error: (512) OAR refused the job: no", "not_submitted"),
        ("LRMS error: (512) Job is lost: OAR does not know it any more", "lost"),
        ("Job is canceled by external request", "cancelled"),
        ("Failed in files download", "arex"),
    ],
)
def test_reasons(failure: str, reason: str) -> None:
    assert reason_of(failure) == reason
    assert reason in {cause.label for cause in Cause} | {"cancelled", "arex"}


@pytest.fixture
def three_jobs(site: Site) -> Site:
    accounting = Accounting(site)
    accounting.add("a" * 12)
    accounting.add("b" * 12, status="failed", local_id="not-submitted-dc39c255a44f", queue="long")
    accounting.add("c" * 12, vo="", end=int(NOW) - 86400)
    return site


def lines(capsys: pytest.CaptureFixture[str]) -> Sequence[list[str]]:
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_tables(three_jobs: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert reported(three_jobs) == 0
    parts = capsys.readouterr().out.split("\n\n")
    assert [part.split()[0] for part in parts] == ["day", "vo", "user", "queue", "reason"]
    assert [line.split() for line in parts[3].splitlines()] == [
        ["queue", "jobs", "failed", "core", "hours"],
        ["default", "2", "0", "4.00"],
        ["long", "1", "1", "2.00"],
        ["total", "3", "1", "6.00"],
    ]


def test_keys_together(three_jobs: Site, capsys: pytest.CaptureFixture[str]) -> None:
    reported(three_jobs, "day", "vo")
    days = [time.strftime("%Y-%m-%d", time.localtime(int(NOW) - age)) for age in (86400, 60)]
    assert lines(capsys)[1:] == [
        [days[0], "-", "1", "0", "2.00"],
        [days[1], "atlas", "2", "1", "4.00"],
        ["total", "3", "1", "6.00"],
    ]


def test_filters(three_jobs: Site, capsys: pytest.CaptureFixture[str]) -> None:
    reported(three_jobs, "queue", vos="atlas", queues="default")
    assert lines(capsys)[1] == ["default", "1", "0", "2.00"]


def test_csv(three_jobs: Site, capsys: pytest.CaptureFixture[str]) -> None:
    reported(three_jobs, "queue", "reason", form="csv")
    assert capsys.readouterr().out.splitlines() == [
        "queue,reason,jobs,failed,core_hours",
        "default,success,2,0,4.0",
        "long,not_submitted,1,1,2.0",
    ]


def test_json(three_jobs: Site, capsys: pytest.CaptureFixture[str]) -> None:
    reported(three_jobs, "reason", form="json")
    assert json.loads(capsys.readouterr().out) == {
        "notes": [],
        "ended": [
            {"reason": "not_submitted", "jobs": 1, "failed": 1, "core_hours": 2.0},
            {"reason": "success", "jobs": 2, "failed": 0, "core_hours": 4.0},
        ],
    }
