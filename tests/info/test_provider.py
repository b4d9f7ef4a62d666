"""The whole result of the information provider."""

from __future__ import annotations

import pytest
from standin import Standin
from support.ce import Ce
from support.oar_site import Site
from support.published import published

from arc_lrms_oar.errors import OarUnavailable


def test_empty_cluster(site: Site) -> None:
    info = published(site, default=["/CN=a"], admin=[])
    assert info["cluster"] == {
        "lrms_type": "oar",
        "lrms_glue_type": "oar",
        "schedpolicy": "fairshare",
        "lrms_version": "2.5.9",
        "totalcpus": 8,
        "usedcpus": 0,
        "queuedcpus": 0,
        "queuedjobs": 0,
        "runningjobs": 0,
        "cpudistribution": "2cpu:4",
    }
    queue = info["queues"]["default"]
    assert (queue["running"], queue["queued"], queue["totalcpus"]) == (0, 0, 8)
    assert (queue["status"], queue["freeslots"], queue["preemption"]) == (1, 8, "false")
    assert queue["users"] == {"/CN=a": {"freecpus": {"8": 0}, "queuelength": 0}}
    assert len(queue["nodes"]) == 4
    assert (info["queues"]["admin"]["users"], info["jobs"]) == ({}, {})
    assert set(info["nodes"]) == set(queue["nodes"])


def test_running_and_waiting_jobs(site: Site) -> None:
    site.oar.owner = "griduser"
    site.oar.add_jobs(1, resources=[1, 2, 3], assigned_moldable_job=1)
    site.oar.add_jobs(1, queue_name="admin", resources=[4], assigned_moldable_job=2)
    site.oar.add_jobs(1, state="Waiting", message="R=3,W=0:30:0,J=B (Karma=0.000,quota_ok)")
    site.oar.add_jobs(1, state="Waiting", owner="other", message="")
    site.oar.add_jobs(1, state="Hold")
    site.oar.add_jobs(1, state="Suspended", resources=[1, 2])
    site.oar.add_jobs(5, state="Terminated")
    info = published(site, default=["griduser", "nobody"], admin=["griduser"])
    assert (info["cluster"]["usedcpus"], info["cluster"]["runningjobs"]) == (4, 2)
    assert (info["cluster"]["queuedjobs"], info["cluster"]["queuedcpus"]) == (2, 4)
    default, admin = info["queues"]["default"], info["queues"]["admin"]
    assert (default["running"], default["queued"], default["suspended"]) == (1, 2, 2)
    assert (default["total"], default["freeslots"]) == (5, 4)
    assert (admin["running"], admin["queued"], admin["freeslots"]) == (1, 0, 4)
    assert default["users"] == {
        "griduser": {"freecpus": {"4": 0}, "queuelength": 1},
        "nobody": {"freecpus": {"4": 0}, "queuelength": 0},
    }
    free = {name: row["isfree"] for name, row in info["nodes"].items()}
    assert free == {"127.0.0.1": 0, "127.0.0.2": 0, "127.0.0.3": 1, "127.0.0.4": 1}


def test_number_of_commands(site: Site) -> None:
    site.oar.add_jobs(50)
    site.oar.add_jobs(5, state="Waiting")
    published(site, *range(1, 60), default=[], admin=[])
    asked = [" ".join(argv[:4]) for argv in (call.argv for call in site.oar.calls())]
    assert asked == [
        "oarnodes -J",
        "oarstat -V",
        "oarstat --format 2 -J",
        "oarnotify -l",
        "oarstat --format 2 -J",
        "oarstat -s -J -j",
    ]


def test_oar_3(ce: Ce) -> None:
    with Standin.create(ce.place / "oar3", "3.0.2") as oar:
        site = Site(ce, oar)
        oar.add_jobs(1, resources=[3, 4], message="R=2,W=360,J=P,Q=default")
        oar.add_jobs(1, state="Waiting", start_time=1893456000, message="R=1,W=360,J=P,Q=default")
        oar.set_queue("admin", state="notActive")
        info = published(site, 1, 2, default=["u"], admin=[])
        assert site.commands() == ["oarnodes", "oarstat", "oarstat", "oarstat", "oarqueue"]
        assert site.argvs("oarstat")[2] == ["oarstat", "-p", "-J", "-j", "1"]
        assert (info["jobs"]["1"]["nodes"], info["jobs"]["1"]["cpus"]) == (["127.0.0.2"], 2)
        assert (info["cluster"]["usedcpus"], info["nodes"]["127.0.0.2"]["isfree"]) == (2, 0)
        assert info["queues"]["admin"]["status"] == -1
        assert info["jobs"]["2"]["comment"][1].endswith("to start at 2030-01-01T00:00:00Z")
        assert info["cluster"]["lrms_version"].startswith("3.0.")
        assert (info["cluster"]["totalcpus"], info["cluster"]["queuedjobs"]) == (8, 1)
        assert (info["jobs"]["1"]["status"], info["jobs"]["2"]["status"]) == ("R", "Q")


def test_oar_is_unavailable(site: Site) -> None:
    site.oar.set("db_down")
    with pytest.raises(OarUnavailable):
        published(site)
