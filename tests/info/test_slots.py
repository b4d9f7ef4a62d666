"""OAR's resources as slots and nodes."""

from __future__ import annotations

import time
from typing import Any

import pytest
from support.oar_site import Site
from support.published import published


def test_oar_without_nodes(site: Site) -> None:
    site.oar.set_nodes([])
    info = published(site, default=["u"])
    assert (info["cluster"]["totalcpus"], info["nodes"]) == (0, {})


def test_nodes_that_are_not_alive(site: Site) -> None:
    site.oar.set_nodes(
        [
            {"host": "a", "network_address": "a", "cores": 4},
            {"host": "b", "network_address": "b", "cores": 2, "state": "Dead"},
            {"host": "c", "network_address": "c", "cores": 2, "state": "Suspected"},
        ]
    )
    info = published(site, default=[])
    assert (info["cluster"]["totalcpus"], info["cluster"]["cpudistribution"]) == (4, "4cpu:1")
    available = {name: row["isavailable"] for name, row in info["nodes"].items()}
    assert available == {"a": 1, "b": 0, "c": 0}


ASLEEP_UNTIL_NEEDED = 2147483646


@pytest.mark.parametrize(
    ("properties", "there", "available", "free"),
    [
        ({}, 2, 1, 1),
        ({"state": "Alive", "drain": "YES"}, 2, 0, 0),
        ({"state": "Absent"}, 0, 0, 0),
        ({"state": "Absent", "available_upto": 0}, 0, 0, 0),
        ({"state": "Absent", "available_upto": 1000}, 0, 0, 0),
        ({"state": "Absent", "available_upto": ASLEEP_UNTIL_NEEDED}, 2, 1, 1),
        ({"state": "Absent", "available_upto": str(ASLEEP_UNTIL_NEEDED)}, 2, 1, 1),
        ({"state": "Suspected", "available_upto": ASLEEP_UNTIL_NEEDED}, 0, 0, 0),
        ({"state": "Dead"}, 0, 0, 0),
        ({"state": "Alive", "available_upto": 0}, 2, 1, 1),
        ({"state": "Alive", "available_upto": 1000}, 2, 0, 0),
        ({"state": "Alive", "available_upto": "1000"}, 2, 0, 0),
        ({"state": "Alive", "available_upto": "soon"}, 2, 1, 1),
        ({"state": "Melting"}, 0, 0, 0),
    ],
)
def test_node_in_every_condition(
    site: Site, properties: dict[str, Any], there: int, available: int, free: int
) -> None:
    site.oar.set_nodes([{"host": "a", "network_address": "a", "cores": 2, **properties}])
    info = published(site, default=["u"])
    assert info["cluster"]["totalcpus"] == there
    node = info["nodes"]["a"]
    assert (node["isavailable"], node["isfree"]) == (available, free)
    queue = info["queues"]["default"]
    assert (queue["totalcpus"], queue["freeslots"]) == (there, 2 * free)


NODES = [("a", "Alive"), ("b", "Suspected")]


def test_job_on_a_node_that_went_away_is_still_counted(site: Site) -> None:
    site.oar.set_nodes([{"network_address": n, "cores": 2, "state": s} for n, s in NODES])
    site.oar.add_jobs(1, resources=[3, 4])
    info = published(site, default=["u"])
    assert (info["cluster"]["totalcpus"], info["cluster"]["usedcpus"]) == (4, 2)
    assert info["queues"]["default"]["freeslots"] == 2


def test_slots_sockets_memory_and_tags_with_the_property_names_of_the_site(site: Site) -> None:
    """Two threads of a core are one slot. A property that varies within a node is not a tag."""
    rows: list[dict[str, Any]] = [
        {"network_address": "n1.example", "host": "n1", "cores": 1, "cpu": cpu, "core": core}
        for cpu, core in [(1, 1), (1, 1), (2, 2), (2, 2)]
    ]
    more: dict[str, Any] = {"memnode": 64, "gpu_model": "A100", "cpuset": "0"}
    site.oar.set_nodes([{**row, **more, "thread": n} for n, row in enumerate(rows)])
    site.configure("node_level=host\nmemory_property=memnode\nmemory_unit=GB")
    site.oar.add_jobs(1, resources=[1], message="R=1,W=0:30:0,J=B")
    site.oar.add_jobs(1, state="Waiting", message="R=4,W=0:30:0,J=B", wanted="")
    info = published(site, 1, 2, default=["u"])
    node = info["nodes"]["n1"]
    assert (node["slots"], node["lcpus"], node["pcpus"]) == (2, 2, 2)
    assert node["pmem"] == 64 * 1024
    assert node["tags"] == ["drain=NO", "gpu_model=A100", "mem=4096", "memnode=64"]
    assert info["cluster"]["cpudistribution"] == "2cpu:1"
    assert (info["cluster"]["usedcpus"], info["cluster"]["queuedcpus"]) == (1, 2)
    job = info["jobs"]["1"]
    assert (job["nodes"], job["cpus"]) == (["n1"], 1)


@pytest.mark.parametrize(
    ("lines", "memory"),
    [
        ("memory_property=mem", 4096),
        ("memory_property=mem\nmemory_unit=kB", 4),
        ("memory_property=mem\nmemory_unit=GB", 4096 * 1024),
        ("memory_property=mem\nmemory_scope=core", 2 * 4096),
    ],
)
def test_memory_of_a_node_is_in_mb(site: Site, lines: str, memory: int) -> None:
    """ARC copies it unchanged into GLUE2's MainMemorySize, which is in MB."""
    site.configure(lines)
    assert published(site)["nodes"]["127.0.0.1"]["pmem"] == memory


def test_resources_without_a_node_or_of_another_type_are_not_counted(site: Site) -> None:
    """Licences, storage and rows that an admin has not finished are in the same table of OAR."""
    site.oar.set_nodes(
        [
            {"network_address": "a", "cores": 2},
            {"network_address": "", "host": "", "cores": 3},
            {"network_address": "", "cores": 4, "type": "licence"},
        ]
    )
    info = published(site, default=["u"])
    assert (info["cluster"]["totalcpus"], list(info["nodes"])) == (2, ["a"])
    assert info["queues"]["default"]["nodes"] == ["a"]


def test_free_slots_by_time(site: Site) -> None:
    """One of two nodes shuts down in two hours."""
    now = int(time.time())
    ends = {"127.0.0.1": now + 7230, "127.0.0.2": 2147483647}
    site.oar.set_nodes(
        [{"network_address": n, "cores": 4, "available_upto": upto} for n, upto in ends.items()]
    )
    queue = published(site, default=["u"])["queues"]["default"]
    assert queue["users"]["u"]["freecpus"] == {"4": 0, "8": 120}
