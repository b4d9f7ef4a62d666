"""What doctor says of OAR: server, database, queues, resources."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from standin import Standin
from support.ce import Ce
from support.oar_site import Site

from arc_lrms_oar.admin import check_oar
from arc_lrms_oar.admin.findings import Finding, fail, ok
from arc_lrms_oar.commands.connect import client_of
from arc_lrms_oar.settings import Settings


@pytest.fixture(params=["2.5.9", "2.6.1", "3.0.2"])
def any_site(request: pytest.FixtureRequest, place: Path) -> Iterator[Site]:
    with Standin.create(place / "oar", request.param) as made:
        yield Site(Ce(place), made)


@pytest.fixture
def site(place: Path, oar: Standin) -> Site:
    return Site(Ce(place), oar)


def queues(site: Site) -> tuple[list[Finding], set[str]]:
    return check_oar.look_at_queues(site.settings(), client_of(site.settings()))


def resources(site: Site) -> list[Finding]:
    rows = check_oar.look_at_database(site.client())[1]
    return list(check_oar.look_at_resources(site.settings(), rows))


def test_all_is_well(any_site: Site) -> None:
    found, rows = check_oar.look_at_database(any_site.client())
    assert [finding.level for finding in found] == ["ok"]
    assert found[0].text.startswith("OAR ")
    assert len(rows) == 8
    assert queues(any_site) == ([ok("queue default", "default is active in OAR")], set())
    any_site.configure("memory_property=mem")
    assert resources(any_site) == [
        ok("resources", "8 of 8 are alive"),
        ok("resource levels", "all that arc.conf names are known to OAR"),
    ]


def test_database_away(site: Site) -> None:
    site.oar.set("db_down")
    found, rows = check_oar.look_at_database(site.client())
    assert rows == []
    assert [(one.level, one.text) for one in found] == [
        ("FAIL", "oarnodes: exit code 25: DB connection error, exiting.")
    ]


def test_slow_database(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_oar, "_SLOW", -1.0)
    (finding,), _ = check_oar.look_at_database(site.client())
    assert finding.level == "warn"
    assert finding.text.startswith("OAR 2.5.9 tells its resources in 0.")


def test_queues(any_site: Site) -> None:
    any_site.oar.set_queue("shut", state="notActive")
    any_site.configure(
        "", queue="[queue:ghost]\n[queue:shut]\n[custom:oar/default]\noar_queue=admin"
    )
    found, unknown = queues(any_site)
    assert unknown == {"ghost"}
    levels = {one.what: (one.level, one.text) for one in found}
    assert levels["queue default"] == ("ok", "admin is active in OAR")
    assert levels["queue ghost"] == (
        "FAIL",
        "OAR has no queue ghost; it has admin, besteffort, default, shut",
    )
    assert levels["queue shut"] == ("warn", "shut is not active in OAR, so that its jobs wait")


def test_queues_that_nothing_lists(site: Site) -> None:
    (site.oar.bin / "oarnotify").unlink()
    (finding,), unknown = queues(site)
    assert (finding.level, unknown) == ("ok", set())
    assert finding.text.startswith("not looked at: ")


def test_resources(site: Site) -> None:
    site.configure("memory_property=ram", queue="[custom:oar/default]\nnode_level=switch")
    assert resources(site)[1:] == [
        fail(
            "resource levels",
            "OAR's resources have no property ram",
            "correct memory_property in [custom:oar]; oarnodes shows what a resource has",
        ),
        fail(
            "resource levels",
            "OAR's resources have no property switch",
            "correct node_level in [custom:oar/default]; oarnodes shows what a resource has",
        ),
    ]


def test_resources_without_memory_or_life(site: Site) -> None:
    site.configure("memory_property=mem")
    site.oar.set_nodes([{"host": "n1", "cores": 2, "mem": 0, "state": "Dead"}])
    assert [(one.level, one.text) for one in resources(site)] == [
        ("FAIL", "0 of 2 are alive"),
        ("warn", "mem of some of OAR's resources is no memory, so that no job gets them"),
    ]


def test_server_of_another_machine() -> None:
    (finding,) = check_oar.look_at_server(Settings(remote_host="oar.example"))
    assert finding == ok("OAR server", "not looked at, since OAR is on oar.example")


def test_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    conf = tmp_path / "oar.conf"
    monkeypatch.setattr(check_oar, "OAR_CONF", str(conf))
    (finding,) = check_oar.look_at_server(Settings())
    assert finding == ok("OAR server", f"not looked at, since {conf}: No such file or directory")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        conf.write_text(f'#SERVER_PORT="1"\nSERVER_HOSTNAME="127.0.0.1"\nSERVER_PORT="{port}"\n')
        (finding,) = check_oar.look_at_server(Settings())
        assert finding == ok("OAR server", f"127.0.0.1 port {port} answers")
    (finding,) = check_oar.look_at_server(Settings())
    assert (finding.level, finding.text) == (
        "FAIL",
        f"127.0.0.1 port {port} does not answer: Connection refused",
    )
