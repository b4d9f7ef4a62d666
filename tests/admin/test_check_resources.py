"""doctor's checks of OAR's resources against arc.conf."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from standin import Standin
from support.ce import Ce
from support.oar_site import Site

from arc_lrms_oar.admin.check_oar import check_database
from arc_lrms_oar.admin.check_resources import check_resources, matching_resources
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
    matching = matching_resources(site.settings(), client)
    return check_resources(site.settings(), client, rows, matching)[0]


def unfit(site: Site) -> set[str]:
    client = site.client()
    matching = matching_resources(site.settings(), client)
    return check_resources(site.settings(), client, check_database(client)[1], matching)[1]


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
            "OAR's resources have no property ram (memory_property in [custom:oar])",
            "correct memory_property (`oarnodes` shows the properties), or remove memory_property "
            "from [custom:oar] for its default",
        ),
        fail(
            "resource levels",
            "OAR's resources have no property switch (node_level in [custom:oar/default])",
            "correct node_level (`oarnodes` shows the properties), or remove node_level from "
            "[custom:oar/default] for its default",
        ),
    ]


def test_levels_of_gpus_and_resources(site: Site) -> None:
    site.configure("gpus=1\ngpu_level=card\nresources=/nodes=1/rack=2/core={count}")
    assert bad(site) == [
        (
            "FAIL",
            "OAR's resources have no property card (gpu_level, with gpus = 1 in [custom:oar])",
        ),
        ("FAIL", "OAR's resources have no property rack (resources in [custom:oar])"),
    ]


@pytest.mark.parametrize("common", ["", "gpu_level=gpu"])
def test_queue_of_gpus_where_oar_has_no_such_property(site: Site, common: str) -> None:
    """The level of the queue is that of all queues, or the default."""
    site.configure(common, queue="[custom:oar/default]\ngpus=1")
    (found,) = (one for one in resources(site) if one.level != "ok")
    assert found == fail(
        "resource levels",
        "OAR's resources have no property gpu (gpu_level, with gpus = 1 in [custom:oar/default])",
        "create it with `oarproperty -a gpu` on OAR's server and set it on all resources with "
        "`oarnodesetting -r RESOURCE_ID -p gpu=VALUE`, or correct gpu_level (`oarnodes` shows the "
        "properties), or remove gpus from [custom:oar/default] if no node has a GPU",
    )


@pytest.mark.parametrize(
    ("common", "own"),
    [
        ("", "gpus=1"),
        ("", "resources=/rack=1/core={count}"),
        ("", "properties=card = '0'"),
        ("", "properties=host = 'nowhere'"),
    ],
)
def test_queues_whose_jobs_oar_refuses(site: Site, common: str, own: str) -> None:
    blocks = {"queue:other": "", "custom:oar/other": own}
    site.configure(common, **blocks)
    assert unfit(site) == {"other"}
    site.configure(own, **{"queue:other": ""})
    assert unfit(site) == {"default", "other"}


def test_memory_that_oar_lacks_is_requested_by_some_jobs_only(site: Site) -> None:
    site.configure("memory_property=ram")
    assert unfit(site) == set()


def test_level_that_oar_3_does_not_accept(place: Path, no_oar_conf: Path) -> None:
    with Standin.create(place / "oar", "3.0.2") as made:
        site = Site(Ce(place), made)
        site.configure("core_level=host")
        no_oar_conf.write_text('HIERARCHY_LABELS="resource_id,network_address,cpu,core"\n')
        assert unfit(site) == {"default"}
        no_oar_conf.write_text('HIERARCHY_LABELS="resource_id,network_address,cpu,core,host"\n')
        assert unfit(site) == set()


def test_condition_with_a_property_that_does_not_exist(site: Site) -> None:
    site.configure("", queue="[custom:oar/default]\nproperties=card = '0'")
    (found,) = (one for one in resources(site) if one.level != "ok")
    assert found == fail(
        "properties",
        "[custom:oar/default] properties = card = '0': OAR's resources have no property card",
        "create it with `oarproperty -a card` on OAR's server and set it on all resources with "
        "`oarnodesetting -r RESOURCE_ID -p card=VALUE`, or correct the condition, or remove "
        "properties from [custom:oar/default]: its jobs may then run on all nodes",
    )


def test_resources_without_memory_or_life(site: Site) -> None:
    site.configure("memory_property=mem")
    site.oar.set_nodes([{"host": "n1", "cores": 2, "mem": 0, "state": "Dead"}])
    assert bad(site) == [
        ("FAIL", "0 of 2 are Alive"),
        ("warn", "some resources have no valid mem: jobs that request memory do not get them"),
    ]


def test_level_of_sockets(site: Site) -> None:
    """The default may be missing at a site: a node then has one socket."""
    site.configure("cpu_level=box")
    found = [one for one in resources(site) if one.level != "ok"]
    assert [(one.level, one.message) for one in found] == [
        (
            "warn",
            "OAR's resources have no property box, so A-REX publishes each node with one socket",
        )
    ]
    assert found[0].cure.endswith("or remove cpu_level from [custom:oar] for its default")


def test_cure_of_nodes_that_are_away(site: Site) -> None:
    site.oar.set_nodes(
        [{"host": f"n{i}", "cores": 1, "state": s} for i, s in ((1, "Dead"), (2, "Absent"))]
    )
    (found,) = (one for one in resources(site) if one.level != "ok")
    assert found.cure.endswith(
        """run: oarnodesetting -s Alive --sql "state IN ('Absent', 'Dead')\""""
    )


def test_cure_of_the_cores_per_node(site: Site) -> None:
    site.configure("cores_per_node=4")
    (found,) = (one for one in resources(site) if one.level != "ok")
    assert found.cure.startswith("set cores_per_node = 2 in [custom:oar]: ")
    site.oar.set_nodes(
        [{"host": f"n{cores}", "cores": cores, "state": "Alive"} for cores in (1, 2)]
    )
    (found,) = (one for one in resources(site) if one.level != "ok")
    assert found.cure.startswith("remove cores_per_node from [custom:oar]: ")


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
