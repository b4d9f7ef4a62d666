"""Queries for 10,000 jobs, SQL conditions, option parsers and resource requests."""

from __future__ import annotations

import json
import time

import pytest

from standin import Standin
from standin.options import ClickParser, PerlParser, table
from standin.resources import choose, default_nodes, nodes_to_resources, parse_request
from standin.sql_condition import SqlError, translate
from standin.tests.helpers import Shell


@pytest.mark.parametrize("version", ["2.5.9", "2.6.1", "3.0.2"])
def test_query_of_ten_thousand_jobs(version: str, oar: Standin, sh: Shell) -> None:
    oar.add_jobs(100_000, first_id=1000)
    ids = [str(i) for i in range(5000, 15000)]
    done = sh("oarstat", "-s", "-J", *(word for i in ids for word in ("-j", i)))
    assert json.loads(done.stdout) == dict.fromkeys(ids, "Running")
    if version != "3.0.2":
        text = sh("oarstat", "--format", "2", "--sql", f"job_id in ({','.join(ids)})").stdout
        assert len(text.splitlines()) == 10_002


def test_text_rows_can_be_forged(oar: Standin, sh: Shell) -> None:
    forged = "x\n9         T griduser    0:00:01 R=1,W=2:0:0,J=B"
    oar.add_jobs(1, first_id=8, job_name=forged, message=f"R=1,W=2:0:0,J=B,N={forged}")
    lines = sh("oarstat", "--format", "2", "--sql", "job_id = 8").stdout.splitlines()
    assert [line.split()[:2] for line in lines[2:]] == [["8", "R"], ["9", "T"]]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("job_id in (1, 3)", {1, 3}),
        ("job_id = 2", {2}),
        ("job_id between 2 and 3 and state = 'Running'", {2}),
        ("(job_name = 'n1' or project='p') and not job_id=9", {1, 3}),
        ("state in ('Terminated','Error') or jobs.job_id < 2", {1, 3}),
        ("exit_code is not null", {3}),
        ("job_name like 'n%'", {1, 2, 3}),
        ("job_name = 'it''s'", set()),
    ],
)
def test_sql(where: str, found: set[int], oar: Standin, sh: Shell) -> None:
    oar.add_jobs(2, first_id=1, job_name=lambda i: f"n{i}")
    oar.add_jobs(1, first_id=3, state="Terminated", job_name="n3", project="p")
    lines = sh("oarstat", "--sql", where).stdout.splitlines()[2:]
    assert {int(line.split()[0]) for line in lines} == found


@pytest.mark.parametrize(
    "where",
    [
        "job_id in (",
        "job_id in ()",
        "nosuch = 1",
        "job_id = 'abc'",
        "job_name = 3",
        "state = Running",
        "job_id = 1; drop table jobs",
        "x_uid = 1",
        "job_id = 1 job_id = 2",
        "",
    ],
)
def test_sql_errors(where: str) -> None:
    with pytest.raises(SqlError):
        translate(where)


def test_only_active_jobs_with_sql_on_3(tmp_path: object, sh: Shell) -> None:
    directory = sh.cwd / "three"
    with Standin.create(directory, "3.0.2") as oar:
        oar.add_jobs(1, first_id=1)
        oar.add_jobs(1, first_id=2, state="Terminated")
        done = Shell(oar, sh.cwd)("oarstat", "-J", "--sql", "job_id in (1,2)")
        assert list(json.loads(done.stdout)) == ["1"]


def test_perl_options() -> None:
    options = table({"job|j": ":i", "full|f": "", "name|n": "s", "sql": "s", "state|s": ""})
    parsed = PerlParser(["-fj", "3", "-j4", "--job=5", "x", "--ful", "-n", "-y", "-j"], options)
    found = parsed.parse()
    assert found.all("job") == ["3", "4", "5", "0"]
    assert len(found.all("full")) == 2
    assert (found.last("name"), found.arguments, found.errors) == ("-y", ["x"], [])
    assert PerlParser(["--nope", "-q"], options).parse().errors == [
        "Unknown option: nope",
        "Unknown option: q",
    ]
    assert PerlParser(["--sql"], options).parse().errors == ["Option sql requires an argument"]


def test_click_options() -> None:
    options = table({"job|j": "i", "json|J": ""})
    found = ClickParser(["-Jj7", "--", "-x"], options).parse()
    assert (found.all("job"), found.has("json"), found.arguments) == (["7"], True, ["-x"])
    assert ClickParser(["-n", "x"], options).parse().errors == ["No such option: -n"]
    assert ClickParser(["--js"], options).parse().errors == ["No such option: --js"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("/core=1", 1),
        ("/nodes=2", 4),
        ("/host=2/core=2", 4),
        ("/host=5", 0),
        ("/host=1/core=3", 0),
        ("/core=ALL", 8),
        ("/host=BESTHALF", 4),
        ("core=0", 0),
    ],
)
def test_resources_of_a_request(text: str, count: int) -> None:
    ((_, levels),), _ = parse_request(text)
    rows = nodes_to_resources(default_nodes())
    assert len(choose(rows, levels) or []) == count


def test_nodes_and_queues(oar: Standin, sh: Shell) -> None:
    oar.set_nodes([{"host": "big", "cores": 3, "mem": 512, "gpu": 1}, {"state": "Absent"}])
    oar.set_queue("long")
    rows = json.loads(sh("oarnodes", "-J").stdout)
    assert [rows[str(i)]["host"] for i in range(1, 6)] == ["big"] * 3 + ["node2"] * 2
    assert rows["4"]["state"] == "Absent"
    assert rows["1"]["gpu"] == 1
    assert sh("oarsub", "-q", "long", "-l", "/core=4", "true").returncode == 0  # Absent nodes count
    assert sh("oarsub", "-p", "mem > 1000", "-l", "/core=3", "true").returncode == 8
    time.sleep(0.3)
    assert oar.job(1)["state"] == "Waiting"  # no job runs on an Absent node
    oar.update(1, state="Error")
    if sh("oarnotify", "-l").returncode == 0:  # for root only
        assert "long\n\tpriority = 3\n" in sh("oarnotify", "-l").stdout
