"""The status of a testbed: parsing and output."""

from __future__ import annotations

import json

from bed.processes import listening_ports
from bed.status import Status, parse_job_counts

# Recorded with `cat /proc/net/tcp` in a bed; the last row is a closed connection.
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1A0B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 106502 1
   1: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 105665 1
   2: 0200007F:20FB 0100007F:9C78 06 00000000:00000000 03:0000159D 00000000     0        0 0 3
"""


def test_only_listening_sockets_are_returned() -> None:
    assert listening_ports(TCP) == {6667, 5432}
    assert listening_ports("") == set()


def test_job_counts() -> None:
    assert parse_job_counts("Running|3\nWaiting|10000\n") == {"Running": 3, "Waiting": 10000}
    assert parse_job_counts("") == {}
    assert parse_job_counts("psql: error\n") == {}


def test_text_of_a_stopped_testbed() -> None:
    assert Status("bookworm", up=False).to_text() == "bookworm: down"


def test_text_names_daemons_that_do_not_answer() -> None:
    status = Status(
        "trixie",
        up=True,
        checkout="/src",
        init=4711,
        daemons={"postgres": 36, "oar": None},
        problems={"oar": "is not running"},
        versions={"arc": "7.0.0", "oar": "2.6.1"},
        jobs={"Error": 1, "Running": 2},
    )
    lines = status.to_text().splitlines()
    assert lines[0] == "trixie: up, ARC 7.0.0, OAR 2.6.1"
    assert any("postgres" in line and "36" in line and "answers" in line for line in lines)
    assert any("oar" in line and "is not running" in line for line in lines)
    assert lines[-1].endswith("1 Error, 2 Running")


def test_jobs_without_database_and_with_an_empty_one() -> None:
    assert "unknown" in Status("bookworm", up=True, jobs=None).to_text()
    assert Status("bookworm", up=True, jobs={}).to_text().endswith("none")


def test_json_has_every_field() -> None:
    found = json.loads(Status("bookworm", up=False).to_json())
    assert found["suite"] == "bookworm"
    assert found["up"] is False
    assert {"daemons", "versions", "jobs", "problems", "checkout"} <= set(found)
