"""The same jobs through ARC's own backend `lrms = fork` and through ours, on the same A-REX.

The tests compare everything that A-REX, its tools and the user see of a job: the failure, the diag
file, the accounting record, the environment, the session directory, the state changes, the
published GLUE2 activity and arcctl's output. Each difference must be listed in fork_differences.py
with its reason, and each entry there must still be needed.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from bed import Bed
from bed.grid import Grid, Job
from live.fork_differences import EXPECTED, WITHOUT_TIMES, Expected
from live.fork_jobs import ENV_FILE, JOBS, RTES
from live.test_info import provider

pytestmark = pytest.mark.live

HERE = Path(__file__).parent
BACKENDS = ("fork", "OAR")
RTE_DIR = "/var/spool/arc/jobstatus/rte/enabled/TEST"
# Numbers in these keys are compared; in all others they are measurements.
EXACT = {"exitcode", "lrmsexitcode", "processors", "nodecount", "benchmark", "wninstance"}
EXACT_IN_RECORD = ("Used CPUs", "Benchmark")
EXACT_IN_GLUE2 = {"ExitCode", "RequestedSlots", "RequestedTotalWallTime", "State", "Priority"}
LARGE = 1 << 16
# arcctl needs a second for each job, so it prints the scripts of these only.
WITH_SCRIPT = ("success", "missing", "stage 0 fails")

Facts = dict[str, str]


def measured(text: str) -> str:
    """The text with N for each number but 0, which says that nothing was measured."""
    return re.sub(r"\b(?!0\b)\d+(\.\d+)?[KMGT]?\b", "N", text)


def of_diag(job: Job) -> Facts:
    facts = {}
    for key, values in job.diag().items():
        value = " ".join(values).strip()
        facts[f"diag {key}"] = value if key in EXACT else re.sub(r"\d+(\.\d+)?", "N", value)
    return facts


def of_environment(job: Job) -> Facts:
    pairs = (pair.partition("=") for pair in job.output(ENV_FILE).split("\0"))
    return {f"env {name}": value for name, equals, value in pairs if equals}


def of_files(job: Job) -> Facts:
    facts = {}
    session = job.grid.bed.path(job.session_dir)
    for path in sorted(session.rglob("*")):
        name = str(path.relative_to(session))
        status = path.lstat()
        facts[f"file {name}"] = f"{status.st_mode:o} {path.owner()}"
        if path.is_file() and not path.is_symlink() and name != ENV_FILE:
            content = path.read_bytes()
            checksum = f"{len(content)} bytes, {zlib.crc32(content):x}"
            text = content.decode("utf-8", "surrogateescape")
            facts[f"content {name}"] = checksum if len(content) > LARGE else text
    return facts


def of_record(text: str) -> Facts:
    """Facts of the accounting record, as arcctl prints it."""
    facts = {}
    for line in map(str.strip, text.splitlines()[2:]):
        timeless = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", line)
        key, _, value = re.sub(r'"(\d+)" LRMS ID', '"N" LRMS ID', timeless).partition(": ")
        facts[f"record {key}"] = value if line.startswith(EXACT_IN_RECORD) else measured(value)
    # Whole seconds of jobs that may need less.
    for key in ("record Used CPUTime", "record Used WallTime"):
        facts.pop(key, None)
    return facts


def of_glue2(job: Job) -> Facts:
    found: dict[str, list[str]] = {}
    for element in ElementTree.fromstring(job.control("xml").replace(job.grid_id, "ID")):
        name = element.tag.rpartition("}")[2]
        found.setdefault(name, []).append((element.text or "").strip())
    return {
        f"glue2 {name}": " ".join(
            value if name in EXACT_IN_GLUE2 else re.sub(r"\d+", "N", value) for value in values
        )
        for name, values in found.items()
    }


def facts_of(name: str, job: Job) -> Facts:
    """Everything that is compared, by name; IDs, dates and measurements are removed."""
    facts = {"failure": job.failure().partition("\n")[0]}
    facts |= of_diag(job) | of_environment(job) | of_files(job) | of_glue2(job)
    facts |= of_record(job.accounting())
    changes = re.findall(r"Job state change (\S+ -> \S+)", job.control("errors"))
    facts["states"] = ", ".join(changes)
    if name in WITH_SCRIPT:
        facts["arcctl job script"] = "found" if job_script(job) else "none"
    return {fact: value.replace(job.grid_id, "ID") for fact, value in facts.items()}


def job_script(job: Job) -> str:
    argv = ["arcctl", "job", "script", job.grid_id]
    return job.grid.bed.run(argv, check=False).stdout.strip()


def run_jobs(grid: Grid) -> dict[str, Facts]:
    """Run all jobs at once."""
    jobs = dict(zip(JOBS, grid.submit_all(JOBS.values())))
    jobs["cancelled early"].wait("INLRMS")
    # INLRMS alone does not mean that the program runs: the job may still wait in OAR.
    jobs["cancelled"].wait_until(partial(jobs["cancelled"].output, "out.txt"), "running")
    for name in ("cancelled", "cancelled early"):
        grid.user("arckill", "-k", jobs[name].url)
    for job in jobs.values():
        job.wait()
    provider(grid)
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(jobs, pool.map(facts_of, jobs, jobs.values())))


@pytest.fixture(scope="module")
def facts(
    bed: Bed, grid: Grid, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Facts]]:
    """Facts by backend and job."""
    template = (HERE / "arc.conf.in").read_text()
    conf = tmp_path_factory.mktemp("fork") / "arc.conf.in"
    for name, text in RTES.items():
        bed.run(["tee", f"{RTE_DIR}/{name}"], input=text)
    found = {}
    try:
        for backend in BACKENDS:
            conf.write_text(template.replace("lrms = OAR", f"lrms = {backend}"))
            bed.reconf(conf)
            found[backend] = run_jobs(grid)
    finally:
        bed.reconf(HERE / "arc.conf.in")
    return found


def differences(facts: dict[str, dict[str, Facts]]) -> list[tuple[str, str, str]]:
    """Return (job, fact, what fork and ours have)."""
    found = []
    for name in JOBS:
        fork, ours = facts["fork"][name], facts["OAR"][name]
        for fact in sorted({*fork, *ours}):
            if fork.get(fact) != ours.get(fact):
                found.append((name, fact, f"fork {fork.get(fact)!r}, ours {ours.get(fact)!r}"))
    return found


def expected(bed: Bed) -> list[Expected]:
    return EXPECTED if bed.suite.fork_reports_times else [*EXPECTED, WITHOUT_TIMES]


def test_every_difference_is_listed(bed: Bed, facts: dict[str, dict[str, Facts]]) -> None:
    unknown = [
        f"{name}: {fact}: {values}"
        for name, fact, values in differences(facts)
        if not any(entry.matches(name, fact) for entry in expected(bed))
    ]
    assert not unknown, "\n".join(unknown)


def test_every_listed_difference_still_exists(bed: Bed, facts: dict[str, dict[str, Facts]]) -> None:
    found = differences(facts)
    stale = [
        entry
        for entry in expected(bed)
        if entry.always and not any(entry.matches(name, fact) for name, fact, _ in found)
    ]
    assert not stale
