"""doctor's checks of OAR's resources against arc.conf."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from standin import Standin
from support.ce import Ce
from support.oar_site import Site

from arc_lrms_oar.admin.check_oar import check_database
from arc_lrms_oar.admin.check_resources import check_resources
from arc_lrms_oar.admin.findings import Finding, fail, ok
from arc_lrms_oar.oar import server


@pytest.fixture(params=["2.5.9", "2.6.1", "3.0.2"])
def any_site(request: pytest.FixtureRequest, place: Path) -> Iterator[Site]:
    with Standin.create(place / "oar", request.param) as made:
        yield Site(Ce(place), made)


@pytest.fixture
def site(place: Path, oar: Standin) -> Site:
    return Site(Ce(place), oar)


@pytest.fixture(autouse=True)
def no_oar_conf(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The oar.conf of this machine is not read."""
    monkeypatch.setattr(server, "OAR_CONF", str(tmp_path / "oar.conf"))
    return tmp_path / "oar.conf"


def resources(site: Site) -> list[Finding]:
    client = site.client()
    rows = check_database(client)[1]
    return list(check_resources(site.settings(), client, rows))


def bad(site: Site) -> list[tuple[str, str]]:
    return [(one.level, one.message) for one in resources(site) if one.level != "ok"]


def test_no_problem(any_site: Site) -> None:
    any_site.configure("memory_property=mem\ncores_per_node=2\nproperties=mem > 1")
    assert resources(any_site) == [
        ok("resources", "8 of 8 are Alive"),
        ok("resource levels", "OAR has every property that arc.conf names"),
    ]


def test_properties_that_do_not_exist(site: Site) -> None:
    site.configure("memory_property=ram", queue="[custom:oar/default]\nnode_level=switch")
    assert resources(site)[1:] == [
        fail(
            "resource levels",
            "OAR's resources have no property ram",
            "correct memory_property in [custom:oar]; `oarnodes` shows the properties",
        ),
        fail(
            "resource levels",
            "OAR's resources have no property switch",
            "correct node_level in [custom:oar/default]; `oarnodes` shows the properties",
        ),
    ]


def test_levels_of_gpus_and_resources(site: Site) -> None:
    site.configure("gpus=1\ngpu_level=card\nresources=/nodes=1/rack=2/core={count}")
    assert bad(site) == [
        ("FAIL", "OAR's resources have no property card"),
        ("FAIL", "OAR's resources have no property rack"),
    ]


def test_resources_without_memory_or_life(site: Site) -> None:
    site.configure("memory_property=mem")
    site.oar.set_nodes([{"host": "n1", "cores": 2, "mem": 0, "state": "Dead"}])
    assert bad(site) == [
        ("FAIL", "0 of 2 are Alive"),
        ("warn", "some resources have no valid mem: jobs that request memory do not get them"),
    ]


def test_cores_per_node_that_no_node_has(any_site: Site) -> None:
    any_site.configure("cores_per_node=4")
    assert bad(any_site) == [
        ("warn", "[custom:oar] cores_per_node = 4, and OAR's nodes have 2 cores")
    ]


def test_condition_that_no_resource_matches(any_site: Site) -> None:
    any_site.configure("", queue="[custom:oar/default]\nproperties=mem > 999999")
    assert bad(any_site) == [
        ("FAIL", "[custom:oar/default] properties = mem > 999999: no resource of OAR matches")
    ]


def test_levels_that_oar_3_does_not_allow(place: Path, no_oar_conf: Path) -> None:
    """It accepts those in HIERARCHY_LABELS only."""
    with Standin.create(place / "oar", "3.0.2") as oar:
        site = Site(Ce(place), oar)
        site.configure("node_level=host")
        assert bad(site) == []
        no_oar_conf.write_text("# HIERARCHY_LABELS=host\n")
        assert bad(site) == [
            (
                "FAIL",
                f"host (node_level in [custom:oar]) is not in HIERARCHY_LABELS of {no_oar_conf}",
            )
        ]
        no_oar_conf.write_text('HIERARCHY_LABELS="resource_id, host,core"\n')
        assert bad(site) == []
