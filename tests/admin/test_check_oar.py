"""doctor's checks of OAR: server, database, queues."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from standin import Standin
from support.ce import Ce
from support.oar_site import Site

from arc_lrms_oar.admin import check_oar
from arc_lrms_oar.admin.findings import Finding, ok
from arc_lrms_oar.commands.connect import client_of
from arc_lrms_oar.oar import server
from arc_lrms_oar.settings import Settings


@pytest.fixture(params=["2.5.9", "2.6.1", "3.0.2"])
def any_site(request: pytest.FixtureRequest, place: Path) -> Iterator[Site]:
    with Standin.create(place / "oar", request.param) as made:
        yield Site(Ce(place), made)


@pytest.fixture
def site(place: Path, oar: Standin) -> Site:
    return Site(Ce(place), oar)


def queues(site: Site) -> tuple[list[Finding], set[str]]:
    return check_oar.check_queues(site.settings(), client_of(site.settings()))


def test_all_is_well(any_site: Site) -> None:
    found, rows = check_oar.check_database(any_site.client())
    assert [finding.level for finding in found] == ["ok"]
    assert found[0].message.startswith("OAR ")
    assert len(rows) == 8
    assert queues(any_site) == ([ok("queue default", "default is active in OAR")], set())


def test_job_types_that_oar_3_refuses(any_site: Site) -> None:
    any_site.configure("types=idempotent deadline=2037-01-01")
    levels = [finding.level for finding in queues(any_site)[0]]
    if any_site.client().dialect.generation == 2:
        assert levels == ["ok"]
        return
    assert levels == ["warn", "ok"]
    assert queues(any_site)[0][0].message == "OAR 3 does not know the types deadline=2037-01-01"


def test_database_away(site: Site) -> None:
    site.oar.set("db_down")
    found, rows = check_oar.check_database(site.client())
    assert rows == []
    assert [(one.level, one.message) for one in found] == [
        ("FAIL", "oarnodes: exit code 25: DB connection error, exiting.")
    ]


def test_slow_database(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_oar, "_SLOW", -1.0)
    (finding,), _ = check_oar.check_database(site.client())
    assert finding.level == "warn"
    assert finding.message.startswith("OAR 2.5.9 lists its resources in 0.")


def test_queues(any_site: Site) -> None:
    any_site.oar.set_queue("shut", state="notActive")
    any_site.configure(
        "", queue="[queue:ghost]\n[queue:shut]\n[custom:oar/default]\noar_queue=admin"
    )
    found, unknown = queues(any_site)
    assert unknown == {"ghost"}
    levels = {one.check: (one.level, one.message) for one in found}
    assert levels["queue default"] == ("ok", "admin is active in OAR")
    assert levels["queue ghost"] == (
        "FAIL",
        "OAR has no queue ghost; its queues are admin, besteffort, default, shut",
    )
    assert levels["queue shut"] == ("warn", "shut is not active in OAR: its jobs wait")


def test_queues_that_nothing_lists(any_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    command = "oarqueue" if any_site.client().dialect.generation == 3 else "oarnotify"
    asked = "oarqueue -l" if command == "oarqueue" else "oarnotify -l"
    (any_site.oar.bin / command).unlink()
    monkeypatch.setattr("os.geteuid", lambda: 0)
    text = f"not checked: `{asked}` does not list them; use --probe"
    assert queues(any_site) == ([ok("queues", text)], set())
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    text = f"not checked: only root and oar may list them (`{asked}`); run doctor as root"
    assert queues(any_site) == ([ok("queues", text)], set())


def test_queues_that_cannot_be_listed_or_are_closed(any_site: Site) -> None:
    """The cures name the commands of this OAR."""
    command = "oarqueue" if any_site.client().dialect.generation == 3 else "oarnotify"
    any_site.oar.set_queue("default", state="notActive")
    (finding,), _ = queues(any_site)
    assert (finding.level, finding.cure) == ("warn", f"run: {command} -e default")
    any_site.oar.set("fail_times", f"{command}:9:1:odd")
    (finding,), _ = queues(any_site)
    asked = "oarqueue -l" if command == "oarqueue" else "oarnotify -l"
    assert (finding.level, finding.cure) == ("FAIL", f"check that `{asked}` works")


def test_server_of_another_machine() -> None:
    (finding,) = check_oar.check_server(Settings(remote_host="oar.example"))
    assert finding == ok("OAR server", "not checked: OAR is on oar.example")


def test_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = tmp_path / "oar.conf"
    monkeypatch.setattr(server, "OAR_CONF", str(conf))
    (finding,) = check_oar.check_server(Settings())
    assert finding == ok("OAR server", f"not checked: {conf}: No such file or directory")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        conf.write_text(f'#SERVER_PORT="1"\nSERVER_HOSTNAME="127.0.0.1"\nSERVER_PORT="{port}"\n')
        (finding,) = check_oar.check_server(Settings())
        assert finding == ok("OAR server", f"127.0.0.1 port {port} answers")
    (finding,) = check_oar.check_server(Settings())
    assert (finding.level, finding.message) == (
        "FAIL",
        f"127.0.0.1 port {port} does not answer: Connection refused",
    )
