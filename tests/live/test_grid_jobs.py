"""Grid jobs end to end, from arcsub to OAR and back: what the user and the accounting get.

All jobs that need no action while they run are submitted together; each test then checks one.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest
from bed.grid import Grid, Job, rsl_string, shell, xrsl

pytestmark = pytest.mark.live

ODD_VALUES = {
    "QUOTES": 'it\'s "quoted" twice',
    "DOLLAR": "$HOME ${PATH} $(id) `id`",
    "UTF8": "žluťoučký kůň 馬",
    "SPACES": "  two  and  two  ",
    "BACK": "back\\slash \\n",
    "EMPTY": "",
}
ENVIRONMENT = " ".join(
    f"({rsl_string(name)} {rsl_string(value)})" for name, value in ODD_VALUES.items()
)
SHOW_ENVIRONMENT = "; ".join(f'printf "%s\\0" "${name}"' for name in ODD_VALUES)
SHOW_ARGUMENTS = 'printf "%s\\0" "$@"'

JOBS: dict[str, tuple[str, dict[str, str]]] = {
    "success": (shell("echo hello; echo oops >&2; umask; sleep 2"), {}),
    "exit3": (shell("echo partial; exit 3"), {}),
    "signal": (shell("kill -9 $$"), {}),
    "walltime": (shell("sleep 600", walltime="1 minute"), {}),
    "refused": (shell("echo never", queue="admin"), {}),
    "ghost": (shell("echo never", queue="ghost"), {}),
    "parallel": (shell("sort -u $OAR_NODE_FILE", extra="(count=4)(countpernode=2)"), {}),
    "environment": (shell(SHOW_ENVIRONMENT, extra=f"(environment={ENVIRONMENT})"), {}),
    "arguments": (xrsl("/bin/sh", "-c", SHOW_ARGUMENTS, "sh", *ODD_VALUES.values()), {}),
    "lines": (
        xrsl(
            "/bin/sh",
            "-c",
            'printf "%s\\0%s\\0" "$LINES" "$0"',
            "replaced",
            extra='(environment=("LINES" "replaced"))(runtimeenvironment="TEST/LINES")',
        ),
        {},
    ),
    "name": (shell("true", jobname="my 'šílený' job; $(id)"), {}),
    "options": (
        shell('echo "$RTE_SAYS"', extra='(runtimeenvironment="TEST/OPTIONS" "a b" "c\'d")'),
        {},
    ),
    "count": (shell("wc -l <$OAR_NODE_FILE", extra='(runtimeenvironment="TEST/COUNT")'), {}),
    "join": (shell("echo one; echo two >&2", stderr="", extra="(join=yes)"), {}),
    "files": (
        xrsl(
            "run.sh",
            extra=(
                '(inputfiles=("data.txt" ""))(outputfiles=("deep/result.txt" ""))(stdin="data.txt")'
            ),
        ),
        {
            "run.sh": "#!/bin/sh\nread line\nmkdir deep\necho $line >deep/result.txt\necho >junk\n",
            "data.txt": "some input\n",
        },
    ),
    "scratch": (
        shell(
            "pwd; cat data.txt; mkdir out; echo kept >out/result; echo junk >junk",
            extra=(
                '(runtimeenvironment="TEST/SCRATCH")(inputfiles=("data.txt" ""))'
                '(outputfiles=("out/" ""))'
            ),
        ),
        {"data.txt": "some input\n"},
    ),
    "memory": (shell("true", memory="1000", queue="long"), {}),
}


@pytest.fixture(scope="module")
def jobs(grid: Grid) -> dict[str, Job]:
    """All jobs of the table, submitted."""
    return dict(zip(JOBS, grid.submit_all(JOBS.values())))


class End(NamedTuple):
    """How a job must have ended."""

    code: int
    reason: str
    oar_state: str = "Terminated"


def check(job: Job, end: End) -> None:
    """Check that the job is FINISHED in ARC and has exactly one OAR job, and all sources agree."""
    job.wait()
    expected = f"LRMS error: ({end.code}) {end.reason}" if end.code else ""
    assert job.failure().partition("\n")[0] == expected, job.diagnostics()
    (held,) = job.oar_jobs()
    assert held["state"] == end.oar_state
    assert held["Job_Id"] == job.oar_id()
    diag = job.diag()
    assert diag["exitcode"] == [str(end.code)]
    assert diag["lrmsexitcode"] == [str(end.code)]
    assert diag["lrmsmessage"] == [end.reason]
    assert end.reason in job.control("errors").splitlines()
    log = job.grid.read("/var/log/arc/job.helper.errors")
    assert f"{job.grid_id}: OAR job {job.oar_id()} ended: {end.code} {end.reason}\n" in log
    assert job.private_files() == ""


def test_exit_code_0(jobs: dict[str, Job]) -> None:
    job = jobs["success"]
    check(job, End(0, "Job finished with exit code 0"))
    assert job.output("out.txt") == "hello\n0077\n"
    assert job.output("err.txt") == "oops\n"
    diag = job.diag()
    assert diag["processors"] == diag["nodecount"] == ["1"]
    assert diag["nodename"][0].startswith("127.0.0.")
    assert int(diag["walltime"][0].rstrip("s")) >= 2
    assert diag["lrmsstarttime"][0] < diag["lrmsendtime"][0]
    assert "usertime" in diag
    assert "maxresidentmemory" in diag


def test_output_is_fetched_by_the_user(jobs: dict[str, Job]) -> None:
    job = jobs["success"]
    job.wait()
    job.wait_until(job.fetch, "fetched with arcget")
    assert job.grid.read(f"{job.folder}/{job.grid_id}/out.txt") == "hello\n0077\n"


def test_exit_code_3(jobs: dict[str, Job]) -> None:
    check(jobs["exit3"], End(3, "Job finished with exit code 3"))
    assert jobs["exit3"].output("out.txt") in ("partial\n", "")


def test_killed_by_a_signal(jobs: dict[str, Job]) -> None:
    reason = "Job finished with exit code 137, which means that it was killed by signal 9 (SIGKILL)"
    check(jobs["signal"], End(137, reason))


def test_walltime_exceeded(jobs: dict[str, Job]) -> None:
    reason = "Job exceeded its walltime of 0:01:00 and was killed"
    check(jobs["walltime"], End(265, reason, "Error"))
    assert int(jobs["walltime"].diag()["walltime"][0].rstrip("s")) >= 60


ADMIN_ONLY = "Only member of the group admin can submit jobs in the admin queue"


@pytest.mark.parametrize(
    ("name", "sentences"),
    [
        ("refused", {f"OAR refused the job: {ADMIN_ONLY}"}),
        (
            "ghost",
            {
                "OAR refused the job: The queue ghost does not exist",  # OAR 2.5
                "OAR refused the job: queue 'ghost' does not exist",  # OAR 2.6
            },
        ),
    ],
)
def test_refused_by_oar(jobs: dict[str, Job], name: str, sentences: set[str]) -> None:
    job = jobs[name]
    job.wait()
    assert sentences & set(job.control("errors").splitlines())
    assert job.failure() in {f"LRMS error: (512) {sentence}" for sentence in sentences}
    assert job.oar_jobs() == []
    assert "joboption_jobid" not in job.control("grami")


def test_two_nodes_with_two_cores_each(jobs: dict[str, Job]) -> None:
    job = jobs["parallel"]
    check(job, End(0, "Job finished with exit code 0"))
    diag = job.diag()
    assert len(set(diag["nodename"])) == len(diag["nodename"]) == 2
    assert diag["processors"] == ["4"]
    assert diag["nodecount"] == ["2"]
    assert sorted(job.output("out.txt").split()) == sorted(diag["nodename"])
    (held,) = job.oar_jobs()
    assert sorted(held["assigned_network_address"]) == sorted(diag["nodename"])


@pytest.mark.parametrize("name", ["environment", "arguments"])
def test_odd_values_arrive_unchanged(jobs: dict[str, Job], name: str) -> None:
    check(jobs[name], End(0, "Job finished with exit code 0"))
    raw = jobs[name].output("out.txt").encode("utf-8", "surrogateescape").decode()
    assert raw.split("\0")[:-1] == list(ODD_VALUES.values())


def test_newlines_arrive_unchanged(jobs: dict[str, Job]) -> None:
    """A-REX removes newlines when it reads a description, but an RTE can still add them."""
    check(jobs["lines"], End(0, "Job finished with exit code 0"))
    assert jobs["lines"].output("out.txt").split("\0")[:-1] == ["first\nsecond\n\nlast"] * 2


def test_job_name_is_kept_for_people_and_made_safe_for_oar(jobs: dict[str, Job]) -> None:
    job = jobs["name"]
    check(job, End(0, "Job finished with exit code 0"))
    assert job.local()["jobname"].encode("utf-8", "surrogateescape").decode() == (
        "my 'šílený' job; $(id)"
    )
    (held,) = job.oar_jobs()
    assert held["name"] == f"my_len_job_id-{job.grid_id}"


def test_runtime_environment_with_options(jobs: dict[str, Job]) -> None:
    check(jobs["options"], End(0, "Job finished with exit code 0"))
    assert jobs["options"].output("out.txt") == "a b+c'd+from the admin\n"
    assert jobs["options"].diag()["runtimeenvironments"] == ["TEST/OPTIONS;"]


def test_runtime_environment_that_changes_the_count(jobs: dict[str, Job]) -> None:
    check(jobs["count"], End(0, "Job finished with exit code 0"))
    assert jobs["count"].output("out.txt") == "3\n"
    assert jobs["count"].diag()["processors"] == ["3"]


def test_stdout_joined_with_stderr(jobs: dict[str, Job]) -> None:
    check(jobs["join"], End(0, "Job finished with exit code 0"))
    assert jobs["join"].output("out.txt") == "one\ntwo\n"


def test_input_and_output_files(jobs: dict[str, Job]) -> None:
    job = jobs["files"]
    check(job, End(0, "Job finished with exit code 0"))
    assert job.output("deep/result.txt") == "some input\n"
    assert job.output("junk") == ""


def test_node_local_scratch(jobs: dict[str, Job]) -> None:
    job = jobs["scratch"]
    check(job, End(0, "Job finished with exit code 0"))
    assert job.output("out.txt") == f"/tmp/scratch/{job.grid_id}\nsome input\n"
    assert job.output("out/result") == "kept\n"
    assert job.output("junk") == ""
    assert job.grid.root("ls", "/tmp/scratch") == ""


def test_what_oar_was_asked(jobs: dict[str, Job]) -> None:
    job = jobs["memory"]
    check(job, End(0, "Job finished with exit code 0"))
    (held,) = job.oar_jobs()
    assert held["queue"] == "long"
    assert held["project"] == "longrunners"
    assert held["walltime"] == 300
    assert "(mem>=1000)" in held["properties"]
    assert held["launchingDirectory"] == job.session_dir


def test_accounting(grid: Grid, jobs: dict[str, Job]) -> None:
    """A-REX's own accounting database holds the values from OAR and the job script."""
    job = jobs["parallel"]
    job.wait()
    database = f"{grid.root('sh', '-c', 'ls /var/spool/arc/jobstatus/accounting/*.db').split()[0]}"
    sql = f"SELECT * FROM AAR WHERE JobID = '{job.grid_id}'"

    def rows() -> list[dict[str, object]]:
        output = grid.root("sqlite3", "-json", database, sql, check=False)
        return list(json.loads(output)) if output.strip() else []

    (row,) = job.wait_until(rows, "accounted")
    assert (row["ExitCode"], row["CPUCount"], row["NodeCount"]) == (0, 4, 2)
