"""Info: what A-REX's information provider publishes, in the shape that LRMSInfo.pm demands."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from ce import Ce
from oarsite import Site
from standin import Standin

from arc_lrms_oar.errors import ConfigError, OarUnavailable
from arc_lrms_oar.settings import Settings
from arc_lrms_oar.verbs.info import lrms_info, options_schema, read_options

# What InfoChecker.pm refuses to do without ("" in ARC 6.17 infoproviders/LRMSInfo.pm).
REQUIRED = {
    "cluster": {
        *("lrms_type", "lrms_version", "totalcpus", "queuedcpus", "usedcpus", "queuedjobs"),
        *("runningjobs", "cpudistribution"),
    },
    "queues": {"status", "maxrunning", "running", "queued", "totalcpus", "users", "nodes"},
    "jobs": {"status", "nodes", "comment"},
    "nodes": {"isavailable", "isfree"},
}
KNOWN = {
    "cluster": REQUIRED["cluster"] | {"lrms_glue_type", "schedpolicy"},
    "queues": REQUIRED["queues"]
    | {"maxqueuable", "maxuserrun", "maxcputime", "maxtotalcputime", "mincputime", "defaultcput"}
    | {"maxwalltime", "minwalltime", "defaultwallt", "suspended", "total", "preemption"}
    | {"acl_users", "freeslots"},
    "jobs": REQUIRED["jobs"]
    | {"cpus", "rank", "mem", "walltime", "cputime", "reqwalltime", "reqcputime"},
    "nodes": REQUIRED["nodes"]
    | {"tags", "vmem", "pmem", "slots", "lcpus", "pcpus", "sysname", "release", "machine"},
}


def check_schema(info: dict[str, Any]) -> None:
    """Fails where InfoChecker.pm would complain."""
    assert set(info) - {"schedpolicy"} == set(REQUIRED)
    json.dumps(info, allow_nan=False)
    for part, rows in info.items():
        if part == "schedpolicy":
            continue
        for row in [rows] if part == "cluster" else rows.values():
            assert REQUIRED[part] <= set(row) <= KNOWN[part]
            for name, value in row.items():
                if name in ("nodes", "comment", "tags", "acl_users"):
                    assert isinstance(value, list), name
                    assert all(isinstance(word, str) for word in value), name
                elif name == "users":
                    assert all(set(user) == {"freecpus", "queuelength"} for user in value.values())
                else:
                    assert isinstance(value, (str, int)), name


def published(site: Site, *jobs: object, **queues: list[str]) -> dict[str, Any]:
    options = {
        "queues": {name: {"users": users} for name, users in queues.items()},
        "jobs": list(jobs),
    }
    info = lrms_info(site.settings(), site.client(), options)
    check_schema(info)
    return info


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
    assert (default["running"], default["queued"], default["suspended"]) == (3, 2, 2)
    assert (default["total"], default["freeslots"]) == (5, 4)
    assert (admin["running"], admin["queued"], admin["freeslots"]) == (1, 0, 4)
    assert default["users"] == {
        "griduser": {"freecpus": {"4": 0}, "queuelength": 1},
        "nobody": {"freecpus": {"4": 0}, "queuelength": 0},
    }
    free = {name: row["isfree"] for name, row in info["nodes"].items()}
    assert free == {"127.0.0.1": 0, "127.0.0.2": 0, "127.0.0.3": 1, "127.0.0.4": 1}


def test_commands_are_few(site: Site) -> None:
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


STATES = [
    ("Waiting", "Q"),
    ("toLaunch", "Q"),
    ("Launching", "Q"),
    ("Hold", "S"),
    ("Suspended", "S"),
    ("Running", "R"),
    ("Resuming", "R"),
    ("Finishing", "E"),
    ("Terminated", "EXECUTED"),
    ("Error", "EXECUTED"),
    ("Teleporting", "O"),
]


def test_states_of_jobs(site: Site) -> None:
    for state, _ in STATES:
        (job_id,) = site.oar.add_jobs(1)
        site.oar.update(job_id, state=state)
    ids = [str(number) for number in range(1, len(STATES) + 1)]
    info = published(site, *ids)
    assert [info["jobs"][job_id]["status"] for job_id in ids] == [word for _, word in STATES]


def test_details_of_a_job(site: Site) -> None:
    site.oar.add_jobs(1, resources=[1, 2, 3], assigned_moldable_job=1, message="R=3,W=1:0:0")
    job = published(site, 1)["jobs"]["1"]
    assert job["status"] == "R"
    assert (job["nodes"], job["cpus"]) == (["127.0.0.1", "127.0.0.2"], 3)
    assert job["comment"] == ["R=3,W=1:0:0"]


def test_job_that_oar_does_not_know_and_ids_that_are_none(site: Site) -> None:
    info = published(site, "4711", "", "x", None, "-1")
    assert {key: row["status"] for key, row in info["jobs"].items()} == {"4711": "EXECUTED"}


def test_queue_by_another_name_in_oar(site: Site) -> None:
    site.configure("", **{"custom:oar/grid": "oar_queue=default"})
    site.oar.add_jobs(2)
    assert published(site, grid=[])["queues"]["grid"]["status"] == 1
    assert published(site, grid=[])["queues"]["grid"]["total"] == 2


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


def test_oar_without_nodes(site: Site) -> None:
    site.oar.set_nodes([])
    info = published(site, default=["u"])
    assert (info["cluster"]["totalcpus"], info["nodes"]) == (0, {})


def test_oar_3(ce: Ce) -> None:
    with Standin.create(ce.place / "oar3", "3.0.2") as oar:
        site = Site(ce, oar)
        oar.add_jobs(1)
        oar.add_jobs(1, state="Waiting")
        info = published(site, 1, 2, default=["u"])
        assert info["cluster"]["lrms_version"].startswith("3.0.")
        assert (info["cluster"]["totalcpus"], info["cluster"]["queuedjobs"]) == (8, 1)
        assert (info["jobs"]["1"]["status"], info["jobs"]["2"]["status"]) == ("R", "Q")


def test_oar_that_does_not_answer(site: Site) -> None:
    site.oar.set("db_down")
    with pytest.raises(OarUnavailable):
        published(site)


def test_options_of_the_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    path = tmp_path / "options"
    path.write_text('{"jobs": ["1"]}')
    assert read_options(str(path), Settings()) == {"jobs": ["1"]}
    monkeypatch.setattr("sys.stdin", io.StringIO('{"queues": {}}'))
    assert read_options("-", Settings()) == {"queues": {}}
    assert read_options(None, site.settings()) == {"queues": {"default": {"users": []}}, "jobs": []}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "cannot read the provider's options: "),
        ("{", "cannot read the provider's options: "),
        ("[]", "the provider's options must be a JSON object"),
    ],
)
def test_options_that_are_none(tmp_path: Path, content: str | None, complaint: str) -> None:
    path = tmp_path / "options"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        read_options(str(path), Settings())
    assert str(caught.value).startswith(f"{path}: {complaint}")


def test_schema_of_the_options() -> None:
    schema = options_schema()
    assert schema["queues"] == {"*": {"users": [""]}}
    assert schema["jobs"] == [""]
