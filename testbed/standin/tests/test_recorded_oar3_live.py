"""Calls of OAR 3 that were recorded later (fixtures/3.0.3dev), replayed on the stand-in."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from standin import Standin
from standin.tests.helpers import Shell, am_root

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures/3.0.3dev"
# Not replayed: a message of a newer click; a command whose recorded text is cut; a queue that root
# may use; the permissions of one installation.
EXCLUDED = {
    ("odd", "oarsub---nonsense"),
    ("odd", "oarsub---hold---name-nnnnnnnnnnnnnnnnnnnnnnnnnnnnn"),
    ("refused", "oarsub--q-admin--l-core=1-walltime=0-5-0-sleep-1"),
    ("site", "oarqueue--l#2"),
}

pytestmark = pytest.mark.parametrize("version", ["3.0.2"])


def calls(*scenarios: str) -> list[Any]:
    found = []
    for scenario in scenarios:
        for call in json.loads((FIXTURES / f"{scenario}.json").read_text())["calls"]:
            if (scenario, call["step"]) not in EXCLUDED:
                found.append(pytest.param(call, id=f"{scenario}:{call['step']}"))
    return found


def plain(text: str) -> str:
    """Return the text without job IDs, dates, paths of Python modules and tracebacks."""
    text = re.sub(r"(OAR_(?:JOB|ARRAY)_ID=)\d+", r"\1N", text)
    text = re.sub(r"\[\d{4}-\d\d-\d\d [\d:,]+\]", "[DATE]", text)
    text = re.sub(r"(?m)from '\S+/sqlalchemy/exc.py'", "from 'sqlalchemy/exc.py'", text)
    return re.sub(r"(?s)Traceback.*", "Traceback", text)


def argv(call: dict[str, Any]) -> list[str]:
    words = shlex.split(call["command"])
    return words[2:] if words[0] == "timeout" else words


def check(sh: Shell, call: dict[str, Any]) -> None:
    done = sh(*argv(call))
    assert done.returncode == call["code"]
    assert plain(done.stdout) == plain(call["stdout"])
    assert plain(done.stderr) == plain(call["stderr"])


@pytest.mark.parametrize("call", calls("refused", "types", "oarsubhold"))
def test_submissions(call: dict[str, Any], sh: Shell) -> None:
    check(sh, call)


@pytest.mark.parametrize("call", calls("odd"))
def test_refusals_and_unusual_queries(call: dict[str, Any], oar: Standin, sh: Shell) -> None:
    oar.set_queue("long", priority=1)
    check(sh, call)


@pytest.mark.parametrize("call", calls("database-down"))
def test_database_down(call: dict[str, Any], oar: Standin, sh: Shell) -> None:
    oar.set("db_down")
    check(sh, call)


@pytest.mark.parametrize("call", calls("oardel"))
def test_deletions(call: dict[str, Any], oar: Standin, sh: Shell) -> None:
    if not am_root():
        pytest.skip("only root may delete the jobs of the recordings' user")
    output = call["stderr"]
    for word in argv(call)[1:]:
        if f"{word} ; Job does not exist" in output:
            continue
        oar.add_jobs(1, first_id=int(word), state="Terminated")
        if f"Cannot frag {word} ; This job was already killed" in output:
            oar.update(int(word), frag="done")
        if f"Cannot frag {word} ; You are not the right user" in output:
            oar.set("refuse_del")
    check(sh, call)


def test_resources(oar: Standin, sh: Shell) -> None:
    (call,) = [p.values[0] for p in calls("site") if p.id == "site:oarnodes-J"]
    recorded, found = json.loads(call["stdout"]), json.loads(sh("oarnodes", "-J").stdout)
    for row in (*recorded, *found):
        del row["last_job_date"]
    assert found == recorded


@pytest.mark.parametrize("scenario", ["exit0", "walltime"])
def test_ended_job(scenario: str, oar: Standin, sh: Shell) -> None:
    for call in (p.values[0] for p in calls(scenario)):
        shown = json.loads(call["stdout"])
        (key,) = shown
        if isinstance(shown[key], dict) and "message" in shown[key]:
            insert(oar, shown[key])
            assert json.loads(sh(*argv(call)).stdout) == shown


def test_search_by_name_in_a_time_window(oar: Standin, sh: Shell) -> None:
    active, window = [p.values[0] for p in calls("named")][:2]
    shown = json.loads(window["stdout"])
    for row in shown.values():
        insert(oar, row)
    assert sh(*argv(active)).stdout == active["stdout"]
    assert json.loads(sh(*argv(window)).stdout) == shown
    earlier = [word.replace("2026-11-25", "2026-11-24") for word in argv(window)]
    assert sh(*earlier).stdout == "{}\n"


@pytest.mark.parametrize(
    ("state", "columns"),
    [
        ("Hold", {"stop_time": 0}),
        ("Waiting", {"stop_time": 0}),
        ("Running", {"assigned_moldable_job": 7, "start_time": 1795647600, "stop_time": 0}),
        ("Error", {"assigned_moldable_job": 7, "start_time": 1795647600, "stop_time": 1795647660}),
    ],
)
def test_time_window_lists_every_state(
    state: str, columns: dict[str, Any], oar: Standin, sh: Shell
) -> None:
    oar.add_jobs(1, first_id=7, state=state, submission_time=1795647600, **columns)
    options = ["-J", "-g", "2026-11-25 22:00:00, 2026-11-26 02:00:00", "--sql", "job_id = 7"]
    assert list(json.loads(sh("oarstat", *options).stdout)) == ["7"]


def insert(oar: Standin, shown: dict[str, Any]) -> None:
    """Insert a job as `oarstat -J -f` of OAR 3 printed it."""
    names = {"id": "job_id", "name": "job_name", "env": "job_env", "type": "job_type"}
    names |= {"user": "job_user", "group": "job_group"}
    oar.add_jobs(1, first_id=shown["id"])
    columns = {names.get(k, k): v for k, v in shown.items() if k not in ("id", "cpuset_name")}
    oar.update(shown["id"], **columns)
