"""What admins see of real jobs: `jobs`, `explain`, the metrics, and the log of scan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from bed import Bed
from bed.grid import USER, Grid, Job, shell
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.live

METRICS = "/var/spool/arc/oar.prom"
SITE_METRICS = "/var/spool/arc/oar_site.prom"
LOG = "/var/log/arc/job.helper.errors"
JOBS: dict[str, tuple[str, dict[str, str]]] = {
    "running": (shell("sleep 6000", walltime="2 hours", extra="(count=2)"), {}),
    "waiting": (shell("true", extra='(runtimeenvironment="TEST/LATER")'), {}),
    "ended": (shell("true"), {}),
    "failed": (shell("exit 3"), {}),
    "refused": (shell("true", queue="admin"), {}),
}


@pytest.fixture(scope="module")
def jobs(grid: Grid) -> Iterator[dict[str, Job]]:
    """One job of each kind, in the state that it is named after."""
    found = dict(zip(JOBS, grid.submit_all(JOBS.values())))
    found["running"].wait_running()
    found["waiting"].wait("INLRMS")
    for name in ("ended", "failed", "refused"):
        found[name].wait()
    yield found
    for name in ("running", "waiting"):
        grid.user("arckill", "-k", found[name].url)
    for name in ("running", "waiting"):
        found[name].wait()


def admin(grid: Grid, *words: str, **more: Any) -> str:
    """Return what a command of the package prints for root, or for another user."""
    return grid.bed.run(["python3", "-m", "arc_lrms_oar", *words], **more).stdout


def rows(grid: Grid, **more: Any) -> dict[str, dict[str, Any]]:
    found = json.loads(admin(grid, "jobs", "--json", **more))
    assert found["oar_error"] == ""
    return {row["grid_job_id"]: row for row in found["jobs"]}


def metric(grid: Grid, name: str, **labels: str) -> float:
    """Return a value from the metrics files, parsed with Prometheus's own parser."""
    text = grid.read(METRICS) + grid.read(SITE_METRICS)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == f"arc_oar_{name}" and sample.labels == labels:
                return float(sample.value)
    raise AssertionError(f"no {name} {labels} in {text!r}")


def test_jobs(grid: Grid, jobs: dict[str, Job]) -> None:
    found = {name: rows(grid)[job.grid_id] for name, job in jobs.items()}
    states = {name: (row["arex_state"], row["state"]) for name, row in found.items()}
    assert states == {
        "running": ("INLRMS", "Running"),
        "waiting": ("INLRMS", "Waiting"),
        "ended": ("FINISHED", ""),
        "failed": ("FINISHED", ""),
        "refused": ("FINISHED", ""),
    }
    for name in ("running", "waiting", "ended", "failed"):
        assert found[name]["job_id"] == jobs[name].oar_id()
        assert found[name]["user"] == USER
    (held,) = jobs["running"].oar_jobs()
    assert found["running"]["start"] == held["startTime"]
    assert (found["running"]["cores"], found["running"]["requested"]) == (2, 7200)
    assert found["waiting"]["used"] is None
    assert [found[name]["failed"] for name in JOBS] == [False, False, False, True, True]
    assert found["failed"]["note"] == "LRMS error: (3) Job finished with exit code 3"
    assert found["refused"]["note"].startswith("LRMS error: (512) OAR refused the job: ")


def test_jobs_as_a_table(grid: Grid, jobs: dict[str, Job]) -> None:
    lines = admin(grid, "jobs", "--state", "Running").splitlines()
    (line,) = (line for line in lines if line.endswith(jobs["running"].grid_id))
    assert line.split()[:6] == [
        *(str(jobs["running"].oar_id()), "INLRMS", "Running", USER, "default", "2"),
    ]
    assert jobs["failed"].grid_id not in "".join(lines)


def test_ordinary_users_see_their_own_jobs(grid: Grid, jobs: dict[str, Job]) -> None:
    assert jobs["running"].grid_id in rows(grid, user=USER)
    assert rows(grid, user="otheruser") == {}


EXPLAINED = {
    "running": ["\n  state        Running\n", "OAR     started on 127.0.0."],
    "waiting": [" Waiting\n", "-t 'postpone=2037-01-01 00:00:00'"],
    "ended": ["reason         Job finished with exit code 0 (success)", "the job succeeded"],
    "failed": [
        "reason         Job finished with exit code 3 (exit_code)",
        "A-REX reports  LRMS error: (3) Job finished with exit code 3",
        "OAR     SWITCH_INTO_TERMINATE_STATE: ",
    ],
    "refused": ["job ID       none", "A-REX reports  LRMS error: (512) OAR refused the job: "],
}


@pytest.mark.parametrize("name", JOBS)
def test_explain(grid: Grid, jobs: dict[str, Job], name: str) -> None:
    job = jobs[name]
    page = admin(grid, "explain", job.grid_id)
    assert page.startswith("  grid job ID ")
    for words in (*EXPLAINED[name], f" {job.grid_id}\n", "executable            /bin/sh"):
        assert words in page, page
    if name != "refused":
        assert "A-REX   SUBMIT -> INLRMS" in page
        assert "What was requested from OAR\n  oarsub --name " in page
        assert "not recorded by OAR" not in page
        assert fixed(admin(grid, "explain", str(job.oar_id()))) == fixed(page)


def fixed(page: str) -> list[str]:
    """What a page says of a job that does not change while it waits or runs."""
    head, *sections = page.split("\n\n")
    requested = [text for text in sections if text.startswith("What was requested from OAR\n")]
    assert requested
    return [head.partition("\n")[0], *requested]


def test_query(grid: Grid, jobs: dict[str, Job]) -> None:
    """By job IDs of OAR and by grid job IDs; what nobody knows is exit status 1."""
    words = ["query", "--json", jobs["failed"].grid_id, str(jobs["running"].oar_id())]
    failed, running = json.loads(admin(grid, *words))
    assert (failed["job_id"], failed["exit_code"]) == (jobs["failed"].oar_id(), 3)
    assert (running["job_id"], running["state"]) == (jobs["running"].oar_id(), "Running")
    done = grid.bed.run(["python3", "-m", "arc_lrms_oar", "query", "4711471"], check=False)
    assert done.returncode == 1


def test_jobs_by_filters(grid: Grid, jobs: dict[str, Job]) -> None:
    """Only the running job is in OAR's state Running, and failed jobs are sorted by their ends."""
    words = ["jobs", "--csv", "--fields", "job_id,grid_job_id", "--sort", "since"]
    text = admin(grid, *words, "--user", USER, "--queue", "default", "--state", "running")
    running = jobs["running"]
    assert f"{running.oar_id()},{running.grid_id}" in text.splitlines()
    assert jobs["waiting"].grid_id not in text
    failed = admin(grid, *words, "--state", "failed", "--newer", "1d")
    assert failed.splitlines()[0] == "job_id,grid_job_id"
    assert jobs["failed"].grid_id in failed
    assert jobs["ended"].grid_id not in failed


def test_explain_what_is_not_there(grid: Grid) -> None:
    done = grid.bed.run(["python3", "-m", "arc_lrms_oar", "explain", "4711471"], check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "; OAR does not know it either" in done.stderr


def test_metrics(grid: Grid, jobs: dict[str, Job]) -> None:
    before = metric(grid, "scan_cycles_total", result="ok")
    job = jobs["ended"]
    job.wait_until(lambda: metric(grid, "scan_cycles_total", result="ok") > before, "scanned")
    assert metric(grid, "up") == 1
    under_way = [row for row in rows(grid).values() if row["arex_state"] in ("INLRMS", "CANCELING")]
    counted = sum(metric(grid, "jobs", state=state) for state in ("INLRMS", "CANCELING"))
    assert counted == len(under_way)
    assert metric(grid, "submissions_total") >= 4
    assert metric(grid, "verdicts_total", reason="success") >= 1
    assert metric(grid, "verdicts_total", reason="exit_code") >= 1
    assert metric(grid, "command_duration_seconds_sum", command="oarstat") > 0
    assert metric(grid, "queue_time_seconds_count") >= 2
    assert metric(grid, "report_delay_seconds_count") >= 2
    assert metric(grid, "end_to_end_delay_seconds_count") >= 2
    assert metric(grid, "last_report_timestamp_seconds") > 0
    assert grid.bed.run(["cat", METRICS, SITE_METRICS], user="otheruser").stdout


def test_metrics_of_the_site(grid: Grid, bed: Bed, jobs: dict[str, Job]) -> None:
    job = jobs["running"]

    def server_is(up: int) -> None:
        job.wait_until(lambda: metric(grid, "server_up") == up, f"server up: {up}")

    server_is(1)
    job.wait_until(lambda: metric(grid, "slots", state="used") == 2, "two slots used")
    assert metric(grid, "slots", state="free") == 6
    assert metric(grid, "nodes", state="Alive") == 4
    assert metric(grid, "site_jobs", state="waiting") == 1
    assert metric(grid, "last_activity_timestamp_seconds") > 0
    last = metric(grid, "accounting_last_end_timestamp_seconds")
    assert metric(grid, "last_report_timestamp_seconds") - last < 600
    bed.service("oar", "stop")
    try:
        server_is(0)
        assert metric(grid, "up") == 1
    finally:
        bed.service("oar", "start")
    server_is(1)


def test_oar_away_is_one_line_and_its_return_another(
    grid: Grid, bed: Bed, jobs: dict[str, Job]
) -> None:
    job = jobs["running"]
    before = len(grid.read(LOG))
    cycles = metric(grid, "scan_cycles_total", result="oar_unavailable")

    def away() -> bool:
        return metric(grid, "scan_cycles_total", result="oar_unavailable") >= cycles + 3

    def lines_with(words: str) -> list[str]:
        return [line for line in grid.read(LOG)[before:].splitlines() if words in line]

    bed.service("oar", "stop")
    bed.service("postgres", "stop")
    try:
        job.wait_until(away, "looked for three times")
        shown = admin(grid, "jobs")
        assert metric(grid, "up") == 0
    finally:
        bed.service("postgres", "start")
        bed.service("oar", "start")
    assert job.grid_id in shown
    assert "\nOAR is unavailable: " in shown
    job.wait_until(lambda: lines_with("OAR answers again after"), "logged")
    assert len(lines_with("OAR is unavailable, nothing was changed: ")) == 1
    (line,) = lines_with("OAR answers again after")
    assert "[INFO]" in line
    assert job.state() == "INLRMS"
