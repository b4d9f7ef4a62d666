"""The metrics file of the information provider, read by Prometheus' own parser."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.oar_site import Site

from arc_lrms_oar.info.provider import lrms_info
from arc_lrms_oar.oar import server

OPTIONS = {"queues": {"default": {"users": []}, "admin": {"users": []}}, "jobs": []}
SUBMITTED = "R=1,W=0:5:0,J=B"


@pytest.fixture
def file(site: Site) -> Path:
    """The file that the provider writes."""
    site.configure(f"metrics_file={site.ce.place / 'oar.prom'}")
    return site.ce.place / "oar_site.prom"


def write(site: Site) -> None:
    lrms_info(site.settings(), site.client(), OPTIONS, metrics=True)


def values(file: Path, name: str) -> dict[str, float]:
    """The samples of a family by their label, "" if it has none."""
    return {
        "".join(sample.labels.values()): sample.value
        for family in text_string_to_metric_families(file.read_text())
        for sample in family.samples
        if sample.name == f"arc_oar_{name}"
    }


def test_slots_nodes_and_jobs(site: Site, file: Path) -> None:
    site.oar.add_jobs(1, resources=[1, 2, 3])
    site.oar.add_jobs(2, state="Waiting")
    site.oar.add_jobs(1, state="Hold")
    nodes = [{"host": "n1"}, {"host": "n2"}, {"host": "n3", "drain": "YES"}]
    site.oar.set_nodes([*nodes, {"host": "n4", "state": "Suspected"}])
    write(site)
    assert values(file, "slots") == {"free": 1, "used": 3, "down": 2, "closed": 2}
    found = {name: number for name, number in values(file, "nodes").items() if number}
    assert found == {"Alive": 2, "draining": 1, "Suspected": 1}
    assert set(values(file, "nodes")) >= {"Absent", "Dead", "asleep", "unknown", "mixed"}
    jobs = {name: number for name, number in values(file, "site_jobs").items() if number}
    assert jobs == {"running": 1, "waiting": 2, "held": 1}


def test_waiting_job_that_the_scheduler_has_not_looked_at(site: Site, file: Path) -> None:
    now = int(time.time())
    write(site)
    assert values(file, "scheduler_lag_seconds") == {"": 0}
    scheduled = f"{SUBMITTED} (Karma=0.000,quota_ok)"
    site.oar.add_jobs(1, state="Waiting", message=scheduled, submission_time=now - 5000)
    write(site)
    assert values(file, "scheduler_lag_seconds") == {"": 0}
    site.oar.add_jobs(1, state="Waiting", message=SUBMITTED, submission_time=now - 900)
    site.oar.add_jobs(1, state="Waiting", message=SUBMITTED, submission_time=now - 30)
    write(site)
    assert values(file, "scheduler_lag_seconds")[""] == pytest.approx(900, abs=60)
    site.oar.set_queue("default", state="notActive")
    write(site)
    assert values(file, "scheduler_lag_seconds") == {"": 0}


def test_last_activity(site: Site, file: Path) -> None:
    site.oar.set_nodes([{"host": "n1"}, {"host": "n2", "last_job_date": 1700000000}])
    write(site)
    assert values(file, "last_activity_timestamp_seconds") == {"": 1700000000}
    site.oar.add_jobs(1, start_time=1700000500)
    site.oar.add_jobs(1, state="Waiting", start_time=1900000000)
    write(site)
    assert values(file, "last_activity_timestamp_seconds") == {"": 1700000500}


def test_server_answers_or_not(site: Site, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()[:2]
        monkeypatch.setattr("arc_lrms_oar.info.site_state.server_address", lambda: address)
        write(site)
        assert values(file, "server_up") == {"": 1}
    write(site)
    assert values(file, "server_up") == {"": 0}


def test_server_whose_address_is_not_known(
    site: Site, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "OAR_CONF", "/nonexistent")
    write(site)
    assert values(file, "server_up") == {}


def test_end_of_the_last_job_in_the_accounting(site: Site, file: Path) -> None:
    write(site)
    assert values(file, "accounting_last_end_timestamp_seconds") == {}
    folder = site.ce.control / "accounting"
    folder.mkdir()
    with sqlite3.connect(folder / "accounting.db") as database:
        database.execute("CREATE TABLE AAR (EndTime INTEGER NOT NULL)")
        database.execute("INSERT INTO AAR VALUES (0), (1700000000), (1600000000)")
    write(site)
    assert values(file, "accounting_last_end_timestamp_seconds") == {"": 1700000000}
    (folder / "accounting_v2.db").write_bytes(b"not a database, though its name says so" * 9)
    write(site)
    assert values(file, "accounting_last_end_timestamp_seconds") == {}


def test_file_is_readable_for_everybody(site: Site, file: Path) -> None:
    os.umask(0o077)
    write(site)
    assert file.stat().st_mode & 0o777 == 0o644


def test_nothing_is_written_for_people_or_without_the_option(site: Site, file: Path) -> None:
    lrms_info(site.settings(), site.client(), OPTIONS)
    assert not file.exists()
    site.configure()
    write(site)
    assert list(site.ce.place.glob("*.prom")) == []


def test_unwritable_file_stops_nothing(
    site: Site, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site.configure("metrics_file=/nonexistent/oar.prom")
    write(site)
    line = capsys.readouterr().err
    assert "[WARNING] the metrics cannot be written to /nonexistent/oar_site.prom: " in line
