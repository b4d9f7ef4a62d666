"""Grid jobs as the information provider publishes them."""

from __future__ import annotations

import time
from typing import Any

import pytest
from support.oar_site import Site
from support.published import published

from arc_lrms_oar.info.details import FULL_RECORDS

STATES = [
    ("Waiting", "Q"),
    ("toLaunch", "R"),
    ("Launching", "R"),
    ("Hold", "S"),
    ("Suspended", "S"),
    ("Running", "R"),
    ("Resuming", "R"),
    ("Finishing", "R"),
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


def test_unknown_job_has_ended_and_invalid_ids_are_ignored(site: Site) -> None:
    info = published(site, "4711", "", "x", None, "-1")
    assert {key: row["status"] for key, row in info["jobs"].items()} == {"4711": "EXECUTED"}


def test_waiting_jobs_by_rank_with_reason_and_predicted_start(site: Site) -> None:
    start = 1893456000
    waits: dict[str, Any] = {
        "state": "Waiting",
        "wanted": "-l \"{type = 'default'}/core=2,walltime=0:30:0\" ",
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
    names = ("status", "cpus", "reqwalltime", "reqcputime")
    assert [jobs["1"][key] for key in names] == ["Q", 2, 1800, 3600]
    assert "walltime" not in jobs["1"]


def test_times_of_a_running_job(site: Site) -> None:
    start = int(time.time()) - 1000
    message = "R=2,W=1:0:0,J=B,N=odd\x07\nname"
    site.oar.add_jobs(1, resources=[1, 2], start_time=start, message=message)
    job = published(site, 1)["jobs"]["1"]
    assert 1000 <= job["walltime"] < 1060
    assert not {"cputime", "mem"} & set(job), "OAR does not measure them"
    assert (job["reqwalltime"], job["reqcputime"]) == (3600, 7200)
    assert job["comment"] == ["R=2,W=1:0:0,J=B,N=odd? name"]
    assert "rank" not in job


@pytest.mark.parametrize(
    ("request_text", "cores", "wall_time"),
    [
        ("/core=8,walltime=0:3:0", 8, 180),
        ("{type = 'default'}/core=8,walltime=0:3:0", 8, 180),
        ("{type = 'default'}/network_address=2/core=1,walltime=1:0:0", 2, 3600),
        ("{(gpu = 'NO') AND type = 'default'}/network_address=3,walltime=1:0:0", 6, 3600),
        ("/cpu=2,walltime=1:0:0", 4, 3600),
        ("/core=2+/core=3,walltime=1:0:0", 5, 3600),
        ("/core=2+{type = 'licence'}/name=4,walltime=1:0:0", 2, 3600),
        ("/core=2/thread=1,walltime=1:0:0", 2, 3600),
        ("/resource_id=3,walltime=1:0:0", 3, 3600),
        ("/network_address=ALL,walltime=1:0:0", 1, 3600),
        ("/switch=1,walltime=1:0:0", 1, 3600),
        ("", 1, None),
    ],
)
def test_request_of_a_job_that_oar_cannot_place(
    site: Site, request_text: str, cores: int, wall_time: int | None
) -> None:
    """Its message has no R= and W=."""
    site.oar.set_nodes(
        [{"network_address": name, "cores": 2, "cpu": cpu} for cpu, name in enumerate("abc", 1)]
    )
    site.oar.add_jobs(
        1,
        state="Waiting",
        message="No enough matching resources (no_matching_slot)",
        wanted=f'-l "{request_text}" ' if request_text else "",
        walltime=None,
    )
    info = published(site, 1)
    assert info["jobs"]["1"]["cpus"] == cores
    assert info["jobs"]["1"].get("reqwalltime") == wall_time
    assert info["cluster"]["queuedcpus"] == cores


def test_first_of_several_alternatives_counts(site: Site) -> None:
    wanted = '-l "/core=4,walltime=2:0:0" -l "/core=8,walltime=1:0:0" '
    site.oar.add_jobs(1, state="Waiting", message="", wanted=wanted, walltime=None)
    job = published(site, 1)["jobs"]["1"]
    assert (job["cpus"], job["reqwalltime"]) == (4, 7200)


def test_request_of_a_local_job_that_oar_cannot_place(site: Site) -> None:
    site.oar.add_jobs(1, state="Waiting", message="", wanted='-l "/core=6,walltime=1:0:0" ')
    assert published(site)["cluster"]["queuedcpus"] == 6


def test_details_are_read_of_the_oldest_jobs_only(site: Site) -> None:
    site.oar.add_jobs(60, first_id=1, state="Waiting", message="")
    site.oar.add_jobs(60, first_id=101, state="Waiting", message="R=1,W=0:30:0,J=B")
    published(site, *range(101, 161))
    (full,) = [argv for argv in site.argvs("oarstat") if "-f" in argv]
    assert full.count("-j") == FULL_RECORDS == 100
    assert {str(number) for number in range(101, 161)} < set(full)


THREADED: list[
    dict[str, Any]
] = [  # a node of two cores with two threads each, and one of eight cores
    *({"network_address": "small", "cores": 1, "core": core} for core in (1, 1, 2, 2)),
    *({"network_address": "large", "cores": 1, "core": core} for core in range(3, 11)),
]
PLACED: dict[str, Any] = {"state": "Waiting", "message": "R=8,W=0:10:0,J=B,N=x", "walltime": None}


@pytest.mark.parametrize(
    ("request_text", "rows", "cores"),
    [
        ("/core=4", 8, 4),
        ("/core=4", 4, 4),
        ("/network_address=1", 4, 2),
        ("/network_address=1", 8, 8),
        ("/network_address=1", 6, 5),
        ("/network_address=1+{type = 'licence'}/name=4", 8, 5),
        ("", 8, 7),
    ],
)
def test_nodes_with_several_resources_per_core(
    site: Site, request_text: str, rows: int, cores: int
) -> None:
    """The request counts, and R= only shows which nodes OAR has chosen for it."""
    site.oar.set_nodes(THREADED)
    wanted = f'-l "{request_text},walltime=0:10:0" ' if request_text else ""
    site.oar.add_jobs(1, **{**PLACED, "message": f"R={rows},W=0:10:0,J=B"}, wanted=wanted)
    assert published(site, 1)["jobs"]["1"]["cpus"] == cores


def test_jobs_of_one_kind_cost_one_full_record(site: Site) -> None:
    site.oar.set_nodes(THREADED)
    four, eight = (f'-l "/core={number},walltime=0:10:0" ' for number in (4, 8))
    site.oar.add_jobs(200, **PLACED, wanted=four, properties="threads = 2")
    site.oar.add_jobs(200, **PLACED, wanted=eight, properties="threads = 1")
    site.oar.add_jobs(200, **PLACED, wanted=eight, properties="threads = 1", owner="other")
    assert published(site)["cluster"]["queuedcpus"] == 200 * 4 + 400 * 8
    (full,) = [argv for argv in site.argvs("oarstat") if "-f" in argv]
    assert full.count("-j") == 3


def test_so_many_kinds_of_requests_are_read_the_most_frequent_first(site: Site) -> None:
    site.oar.set_nodes(THREADED)
    for number in range(FULL_RECORDS):
        condition = f"mem > {number}"
        site.oar.add_jobs(1, **PLACED, wanted='-l "/core=4,walltime=0:10:0" ', properties=condition)
    site.oar.add_jobs(50, **PLACED, wanted='-l "/core=1/thread=2,walltime=0:10:0" ')
    info = published(site, *range(1, 31))
    (full,) = [argv for argv in site.argvs("oarstat") if "-f" in argv]
    assert full.count("-j") == 30 + FULL_RECORDS - 30 + 1
    assert info["cluster"]["queuedcpus"] == FULL_RECORDS * 4 + 50 * 1


def test_nodes_that_are_alike_need_no_full_records(site: Site) -> None:
    rows: list[dict[str, Any]] = [
        {"network_address": "a", "cores": 1, "core": core} for core in (1, 1, 2, 2)
    ]
    site.oar.set_nodes(rows)
    site.oar.add_jobs(5, **PLACED, wanted='-l "/core=4,walltime=0:10:0" ')
    assert published(site)["cluster"]["queuedcpus"] == 5 * 4
    assert [argv for argv in site.argvs("oarstat") if "-f" in argv] == []
