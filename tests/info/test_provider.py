"""Info: what A-REX's information provider publishes, in the shape that LRMSInfo.pm demands."""

from __future__ import annotations

import io
import json
import pwd
import time
from pathlib import Path
from typing import Any

import pytest
from standin import Standin
from support.ce import NOBODY, Ce
from support.oar_site import Site
from support.scan_jobs import OTHER
from support.users import needs_root

from arc_lrms_oar.errors import ConfigError, OarUnavailable
from arc_lrms_oar.info.provider import lrms_info, options_schema, read_options
from arc_lrms_oar.info.render import as_text
from arc_lrms_oar.settings import Settings

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


NOW_ASLEEP = 2147483646


@pytest.mark.parametrize(
    ("properties", "there", "available", "free"),
    [
        ({}, 2, 1, 1),
        ({"state": "Alive", "drain": "YES"}, 2, 0, 0),
        ({"state": "Absent"}, 0, 0, 0),
        ({"state": "Absent", "available_upto": 0}, 0, 0, 0),
        ({"state": "Absent", "available_upto": 1000}, 0, 0, 0),
        ({"state": "Absent", "available_upto": NOW_ASLEEP}, 2, 1, 1),
        ({"state": "Suspected", "available_upto": NOW_ASLEEP}, 0, 0, 0),
        ({"state": "Dead"}, 0, 0, 0),
        ({"state": "Alive", "available_upto": 0}, 2, 1, 1),
        ({"state": "Alive", "available_upto": 1000}, 2, 0, 0),
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


def test_job_on_a_node_that_went_away_is_still_counted(site: Site) -> None:
    site.oar.set_nodes([{"network_address": n, "cores": 2, "state": s} for n, s in NODES])
    site.oar.add_jobs(1, resources=[3, 4])
    info = published(site, default=["u"])
    assert (info["cluster"]["totalcpus"], info["cluster"]["usedcpus"]) == (4, 2)
    assert info["queues"]["default"]["freeslots"] == 2


NODES = [("a", "Alive"), ("b", "Suspected")]


def test_slots_sockets_memory_and_tags_by_the_sites_names(site: Site) -> None:
    """Two threads of a core are one slot; what differs within a node is no tag of it."""
    rows: list[dict[str, Any]] = [
        {"network_address": "n1.example", "host": "n1", "cores": 1, "cpu": cpu, "core": core}
        for cpu, core in [(1, 1), (1, 1), (2, 2), (2, 2)]
    ]
    more: dict[str, Any] = {"memnode": 64, "gpu_model": "A100", "cpuset": "0"}
    site.oar.set_nodes([{**row, **more, "thread": n} for n, row in enumerate(rows)])
    site.configure("node_level=host\nmemory_property=memnode\nmemory_unit=GB")
    site.oar.add_jobs(1, resources=[1], message="R=1,W=0:30:0,J=B")
    site.oar.add_jobs(1, state="Waiting", message="R=4,W=0:30:0,J=B")
    info = published(site, 1, 2, default=["u"])
    node = info["nodes"]["n1"]
    assert (node["slots"], node["lcpus"], node["pcpus"]) == (2, 2, 2)
    assert node["pmem"] == 64 * 1024 * 1024
    assert node["tags"] == ["drain=NO", "gpu_model=A100", "mem=4096", "memnode=64"]
    assert info["cluster"]["cpudistribution"] == "2cpu:1"
    assert (info["cluster"]["usedcpus"], info["cluster"]["queuedcpus"]) == (1, 2)
    job = info["jobs"]["1"]
    assert (job["nodes"], job["cpus"], job["mem"]) == (["n1"], 1, 32 * 1024 * 1024)


def test_memory_of_each_core(site: Site) -> None:
    site.configure("memory_property=mem\nmemory_scope=core")
    assert published(site)["nodes"]["127.0.0.1"]["pmem"] == 2 * 4096 * 1024


def test_jobs_that_share_slots_and_queues_that_share_jobs(site: Site) -> None:
    site.configure("", **{"custom:oar/other": "oar_queue=default"})
    site.oar.add_jobs(2, resources=[1, 2], types=["timesharing=*,*"])
    info = published(site, default=[], other=[])
    assert (info["cluster"]["usedcpus"], info["cluster"]["runningjobs"]) == (2, 2)
    for queue in info["queues"].values():
        assert (queue["running"], queue["freeslots"], queue["total"]) == (2, 6, 2)


def test_queue_with_properties_of_its_own(site: Site) -> None:
    site.configure("", **{"custom:oar/other": "oar_queue=default\nproperties=host='node2'"})
    info = published(site, other=["u"])
    queue = info["queues"]["other"]
    assert (queue["totalcpus"], queue["nodes"]) == (2, ["127.0.0.2"])
    assert site.argvs("oarnodes")[1:] == [["oarnodes", "-J", "--sql", "host='node2'"]]


def test_queues_that_take_no_jobs(site: Site) -> None:
    site.oar.set_queue("default", state="notActive")
    site.oar.add_jobs(1, state="Waiting", message="")
    info = published(site, 1, default=["u"], ghost=["u"], besteffort=[])
    default, ghost = info["queues"]["default"], info["queues"]["ghost"]
    assert (default["status"], default["totalcpus"], default["freeslots"]) == (-1, 8, 0)
    assert default["users"]["u"]["freecpus"] == {"0": 0}
    assert (ghost["status"], ghost["totalcpus"], ghost["nodes"]) == (-1, 0, [])
    assert info["queues"]["besteffort"]["preemption"] == "true"
    assert info["jobs"]["1"]["comment"] == ["OAR's queue default is not active"]


def test_caller_who_may_not_list_queues(site: Site) -> None:
    (site.oar.bin / "oarnotify").chmod(0)
    (site.oar.bin / "oarnotify").unlink()
    assert published(site, default=[])["queues"]["default"]["status"] == 1


def test_queues_that_could_not_be_asked_for(site: Site) -> None:
    site.oar.set("fail_times", "oarnotify:1:3:broken")
    with pytest.raises(OarUnavailable, match="oarnotify: exit code 3: broken"):
        published(site, default=[])


def test_limits_that_arc_conf_tells(site: Site) -> None:
    site.configure(
        "default_walltime=1:00:00",
        queue="maxwalltime=7200\nmaxcputime=3600",
        **{"infosys/cluster": "maxwalltime=600000\nminwalltime=60", "queue:admin": ""},
    )
    queues = published(site, default=[], admin=[])["queues"]
    names = ("maxwalltime", "minwalltime", "maxcputime", "mincputime", "defaultwallt")
    assert [queues["default"].get(name) for name in names] == [7200, 60, 3600, None, 3600]
    assert [queues["admin"].get(name) for name in names] == [600000, 60, None, None, 3600]


def test_users_who_alone_may_use_a_queue(site: Site) -> None:
    site.configure("acl_users=", **{"custom:oar/admin": "acl_users = root  griduser"})
    queues = published(site, default=[], admin=[])["queues"]
    assert queues["admin"]["acl_users"] == ["root", "griduser"]
    assert "acl_users" not in queues["default"]


def test_free_slots_by_time(site: Site) -> None:
    """A node that goes off in two hours, and a reservation that starts in one."""
    now = int(time.time())
    ends = {"127.0.0.1": now + 7230, "127.0.0.2": 2147483647}
    site.oar.set_nodes(
        [{"network_address": n, "cores": 4, "available_upto": upto} for n, upto in ends.items()]
    )
    queue = published(site, default=["u"])["queues"]["default"]
    assert queue["users"]["u"]["freecpus"] == {"4": 0, "8": 120}


def test_waiting_jobs_by_rank_with_reason_and_predicted_start(site: Site) -> None:
    start = 1893456000
    waits: dict[str, Any] = {
        "state": "Waiting",
        "message": "R=2,W=0:30:0,J=B,N=x (Karma=0.1,quota_ok)",
    }
    site.oar.add_jobs(1, **waits, submission_time=100)
    site.oar.add_jobs(1, **waits, submission_time=50, scheduled=start)
    site.oar.add_jobs(1, **waits, queue_name="admin")
    site.oar.add_jobs(1, state="Hold", message="")
    jobs = published(site, 1, 2, 3, 4, default=[])["jobs"]
    assert [jobs[key].get("rank") for key in "1234"] == [2, 1, 1, None]
    assert jobs["1"]["comment"] == [waits["message"], "OAR has scheduled it for later"]
    assert jobs["2"]["comment"] == [
        waits["message"],
        "OAR expects it to start at 2030-01-01T00:00:00Z",
    ]
    assert jobs["4"]["comment"] == ["held in OAR (oarhold)"]
    told = ("status", "cpus", "reqwalltime", "reqcputime")
    assert [jobs["1"][key] for key in told] == ["Q", 2, 1800, 3600]
    assert "walltime" not in jobs["1"]


def test_times_of_a_running_job(site: Site) -> None:
    start = int(time.time()) - 1000
    message = "R=2,W=1:0:0,J=B,N=odd\x07\nname"
    site.oar.add_jobs(1, resources=[1, 2], start_time=start, message=message)
    job = published(site, 1)["jobs"]["1"]
    assert 1000 <= job["walltime"] < 1060
    assert job["cputime"] == 2 * job["walltime"]
    assert (job["reqwalltime"], job["reqcputime"]) == (3600, 7200)
    assert job["comment"] == ["R=2,W=1:0:0,J=B,N=odd? name"]
    assert "rank" not in job


def test_options_as_perl_gives_them(site: Site) -> None:
    site.oar.add_jobs(1)
    options: dict[Any, Any] = {
        b"queues": {b"default": {b"users": [b"\xc3\xbc"]}},
        b"jobs": [b"1"],
        b"lrms": b"x",
    }
    info = lrms_info(site.settings(), site.client(), options)
    check_schema(info)
    assert list(info["queues"]["default"]["users"]) == ["ü"]
    assert info["jobs"]["1"]["status"] == "R"


def test_tables_for_an_admin(site: Site) -> None:
    site.oar.set_nodes(
        [
            {"network_address": "a", "cores": 4},
            {"network_address": "b", "cores": 4, "state": "Dead"},
            {"network_address": "c", "cores": 1},
        ]
    )
    site.configure("memory_property=mem")
    site.oar.add_jobs(1, resources=[9])
    assert as_text(published(site, default=[], ghost=[])).splitlines() == [
        "OAR             2.5.9",
        "slots           5",
        "in use          1",
        "waited for      0",
        "jobs running    1",
        "jobs waiting    0",
        "scheduling      fairshare",
        "nodes by slots  1cpu:1 4cpu:1",
        "",
        "queue    state     used  waiting  suspended  slots  free  nodes",
        "default  active    1     0        0          5      4     3",
        "ghost    inactive  0     0        0          0      0     0",
        "",
        "nodes  state        slots  memory",
        "1      busy         1      4096 MB",
        "1      free         4      4096 MB",
        "1      unavailable  4      4096 MB",
    ]


def test_oar_without_nodes(site: Site) -> None:
    site.oar.set_nodes([])
    info = published(site, default=["u"])
    assert (info["cluster"]["totalcpus"], info["nodes"]) == (0, {})


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


@needs_root
def test_without_options_the_jobs_are_those_of_the_control_directory(
    place: Path, oar: Standin
) -> None:
    site = Site(Ce(place, owner=NOBODY), oar)
    site.running()
    site.running(OTHER, "CANCELING", state="Waiting")
    site.ce.job("C" * 30)
    options = read_options(None, site.settings())
    assert options["queues"] == {"default": {"users": [pwd.getpwuid(NOBODY).pw_name]}}
    assert sorted(options["jobs"]) == ["1", "2"]
    info = lrms_info(site.settings(), site.client(), options)
    check_schema(info)
    assert [info["jobs"][job_id]["status"] for job_id in ("1", "2")] == ["R", "Q"]
    assert "grid jobs       1 Q, 1 R" in as_text(info).splitlines()


def test_without_options_and_a_control_directory(site: Site) -> None:
    settings = site.settings()._replace(control_dir=str(site.ce.place / "none"))
    assert read_options(None, settings) == {"queues": {"default": {"users": []}}, "jobs": []}


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


@pytest.mark.parametrize(
    ("options", "right"),
    [
        ({"queues": ["default"]}, "queues must be an object of objects"),
        ({"queues": {"default": None}}, "queues must be an object of objects"),
        ({"queues": {"default": {"users": "a"}}}, "jobs and users must be lists"),
        ({"jobs": "1"}, "jobs and users must be lists"),
    ],
)
def test_options_of_another_shape(site: Site, options: dict[str, Any], right: str) -> None:
    with pytest.raises(ConfigError, match=right):
        lrms_info(site.settings(), site.client(), options)
    assert site.commands() == []


def test_schema_of_the_options() -> None:
    schema = options_schema()
    assert schema["queues"] == {"*": {"users": [""]}}
    assert schema["jobs"] == [""]
