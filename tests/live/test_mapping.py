"""How a site's options, an RTE and the user's identity change a job, as seen in OAR's records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bed import Bed
from bed.grid import Grid, Job, shell, xrsl
from support.hostile_text import CANARY, WORDS

pytestmark = pytest.mark.live

HERE = Path(__file__).parent
SAMPLES = "/opt/arc_lrms_oar/arc_lrms_oar/share/rte/OAR"
ENABLE = f"""
set -e
mkdir -p /usr/share/arc/rte
cp -r {SAMPLES} /usr/share/arc/rte/
for rte in OAR/BESTEFFORT OAR/GPU OAR/WHOLE-NODE; do
    arcctl rte enable "$rte"
done
arcctl rte params-set OAR/BESTEFFORT IDEMPOTENT yes
arcctl rte params-set OAR/GPU MAX_GPUS 2
arcctl rte params-set OAR/GPU CONDITION "mem>=4096"
chmod -R a+rX /var/spool/arc/jobstatus/rte
oarproperty -l | grep -qx gpu || oarproperty -q -a gpu
for core in 1 2; do oarnodesetting --sql "core=$core" -p "gpu=$core"; done
rm -f {CANARY}
"""
# Exits on the signal that OAR sends before the end of the wall time.
WAITS = "trap 'echo saved; exit 3' USR1; while :; do sleep 1; done"
ONE_LINE = [word for word in WORDS if word.isprintable()]
SHOW = 'printf "%s\\0" "$@"'


@pytest.fixture(scope="module")
def equipped(bed: Bed, grid: Grid) -> Grid:
    """The grid with the sample runtime environments enabled, and a GPU for each core of node1."""
    bed.run(["sh", "-c", ENABLE])
    return grid


@pytest.fixture(scope="module")
def jobs(equipped: Grid) -> dict[str, Job]:
    """All jobs of the table, submitted with arcsub."""

    def using(rte: str, *options: str) -> str:
        return "(runtimeenvironment=" + " ".join(f'"{word}"' for word in (rte, *options)) + ")"

    hostile = xrsl("/bin/sh", "-c", SHOW, "sh", *ONE_LINE, jobname=ONE_LINE[0])
    descriptions = {
        "mapped": shell(
            WAITS,
            queue="mapped",
            walltime="1 minute",
            extra="(count=2)(countpernode=1)(disk=1)",
        ),
        "besteffort": shell("true", extra=using("OAR/BESTEFFORT")),
        "gpu": shell("sort $OAR_NODE_FILE", extra=using("OAR/GPU", "2")),
        "gpus": shell("true", extra=using("OAR/GPU", "3")),
        "nodes": shell("sort $OAR_NODE_FILE", extra=using("OAR/WHOLE-NODE", "2")),
        "no number": shell("true", extra=using("OAR/WHOLE-NODE", f"$(touch {CANARY})")),
        "hostile": hostile,
    }
    given = equipped.submit_all((text, {}) for text in descriptions.values())
    return dict(zip(descriptions, given))


def held(job: Job) -> dict[str, Any]:
    """Return OAR's record of the job, once A-REX has finished it."""
    job.wait()
    (record,) = job.oar_jobs()
    return record


def said(job: Job) -> list[str]:
    """Return the lines that the submission wrote to the job's errors file."""
    job.wait()
    return [line for line in job.control("errors").splitlines() if not line.startswith("20")]


def columns(grid: Grid, job: Job, *names: str) -> list[str]:
    """Return columns of OAR's table of jobs; oarstat does not show them."""
    sql = f"SELECT {', '.join(names)} FROM jobs WHERE job_id = {job.oar_id()}"
    text = grid.root("su", "postgres", "-c", f'psql -AtF "|" oar -c "{sql}"')
    return text.strip().split("|")


def test_all_that_a_queue_can_choose(equipped: Grid, jobs: dict[str, Job]) -> None:
    job = jobs["mapped"]
    record = held(job)
    assert (record["project"], record["queue"]) == ("testbed-pilot", "default")
    assert record["types"] == ["state=permissive"]
    # Each -l is an alternative; OAR refuses the job if any of them is impossible.
    for text in ("/network_address=1/core=2,walltime=0:1:0", "/core=2,walltime=0:1:0"):
        assert text in record["initial_request"]
    assert len(record["assigned_resources"]) == 2
    assert record["walltime"] == 60
    names = ("checkpoint", "checkpoint_signal", "notify")
    assert columns(equipped, job, *names) == ["55", "10", "[END,ERROR]mail:grid@localhost"]


def test_signal_reaches_the_program_before_the_end(jobs: dict[str, Job]) -> None:
    job = jobs["mapped"]
    record = held(job)
    assert "CHECKPOINT" in {event["type"] for event in record["events"]}
    assert (record["state"], record["exit_code"]) == ("Terminated", 3 << 8)
    assert job.output("out.txt") == "saved\n"
    assert job.failure().startswith("LRMS error: (3) ")


def test_what_oar_does_not_heed_stands_in_the_errors_file(jobs: dict[str, Job]) -> None:
    lines = [line for line in said(jobs["mapped"]) if line.startswith("Without effect")]
    assert lines == [
        "Without effect on OAR: disk: OAR has no information about disk space on its nodes",
        "Without effect on OAR: countpernode: the option resources determines what the job gets",
    ]


def test_best_effort(jobs: dict[str, Job]) -> None:
    record = held(jobs["besteffort"])
    assert sorted(record["types"]) == ["besteffort", "idempotent"]
    assert record["queue"] == "besteffort"
    assert jobs["besteffort"].failure() == ""


def test_gpus(jobs: dict[str, Job]) -> None:
    record = held(jobs["gpu"])
    assert "/network_address=1/gpu=2" in record["initial_request"]
    assert "(mem>=4096) AND (gpu <> '0')" in record["properties"]
    assert record["assigned_network_address"] == ["127.0.0.1"]
    assert jobs["gpu"].output("out.txt") == "127.0.0.1\n" * 2


def test_more_gpus_than_there_may_be(jobs: dict[str, Job]) -> None:
    lines = said(jobs["gpus"])
    assert lines[0] == "the runtime environment OAR/GPU refused the job at submission (exit code 1)"
    assert "OAR/GPU: 3 GPUs were asked for, and a node has 2" in lines
    assert jobs["gpus"].oar_jobs() == []


def test_whole_nodes(jobs: dict[str, Job]) -> None:
    record = held(jobs["nodes"])
    assert len(record["assigned_network_address"]) == 2
    assert len(jobs["nodes"].output("out.txt").splitlines()) == 4


def test_option_that_is_no_number(jobs: dict[str, Job]) -> None:
    assert said(jobs["no number"])[0].endswith(
        f"joboption_numnodes='$(touch {CANARY})' is wrong: it must be a whole number"
    )
    assert jobs["no number"].oar_jobs() == []


def test_hostile_words_through_arcsub(equipped: Grid, jobs: dict[str, Job]) -> None:
    job = jobs["hostile"]
    assert held(job)["name"] == f"touch_tmp_arc-oar-canary-{job.grid_id}"
    assert job.output("out.txt").split("\0")[:-1] == ONE_LINE
    assert equipped.read(CANARY) == ""


AUTHGROUPS = "[authgroup:others]\nsubject = /O=nobody\n\n[authgroup:testers]\nall = yes\n\n"
RULES = "identity = authgroup others -> project=no\nidentity = authgroup test* -> project=yes\n"


def test_project_by_authgroup(bed: Bed, grid: Grid, tmp_path: Path) -> None:
    """The user matches the authgroups testers and all, and not others."""
    if not bed.suite.records_authgroups:
        pytest.skip("this A-REX does not record authgroups")
    conf = (HERE / "arc.conf.in").read_text()
    for old, new in (
        ("[authgroup:all]\n", f"{AUTHGROUPS}[authgroup:all]\n"),
        ("allowaccess = all\n", "allowaccess = testers all\n"),
        ("[custom:oar/long]\n", f"[custom:oar/long]\n{RULES}"),
    ):
        conf = conf.replace(old, new)
    (tmp_path / "arc.conf").write_text(conf)
    bed.reconf(tmp_path / "arc.conf")
    try:
        job = grid.submit(shell("true", queue="long"))
        assert held(job)["project"] == "yes", job.control("local")
    finally:
        bed.reconf(HERE / "arc.conf.in")
