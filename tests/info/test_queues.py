"""Queues as the information provider publishes them."""

from __future__ import annotations

from typing import Any

import pytest
from support.oar_site import Site
from support.published import published

from arc_lrms_oar.errors import OarUnavailable


def test_queue_by_another_name_in_oar(site: Site) -> None:
    site.configure("", **{"custom:oar/grid": "oar_queue=default"})
    site.oar.add_jobs(2)
    assert published(site, grid=[])["queues"]["grid"]["status"] == 1
    assert published(site, grid=[])["queues"]["grid"]["total"] == 2


def test_slots_that_two_jobs_share_are_counted_once(site: Site) -> None:
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


def test_wrong_properties_of_one_queue_do_not_affect_the_others(
    site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    """OAR 3's oarnodes exits with 1 and a traceback on a wrong condition."""
    path = site.oar.bin / "oarnodes"
    real = path.rename(path.with_name("oarnodes.real"))
    fails = "[ \"$2\" != --sql ] || { echo 'no such column' >&2; exit 1; }"
    path.write_text(f'#!/bin/sh\n{fails}\nexec {real} "$@"\n')
    path.chmod(0o755)
    site.configure("", **{"custom:oar/broken": "oar_queue=default\nproperties=nosuch='1'"})
    queues = published(site, default=["u"], broken=["u"])["queues"]
    assert (queues["default"]["status"], queues["default"]["freeslots"]) == (1, 8)
    broken = queues["broken"]
    assert (broken["status"], broken["totalcpus"], broken["freeslots"]) == (-1, 0, 0)
    assert (broken["users"]["u"]["freecpus"], broken["nodes"]) == ({"0": 0}, [])
    assert (
        "[info] [WARNING] queue broken is published as inactive: OAR refuses properties = "
        "\"nosuch='1'\" (oarnodes: exit code 1: no such column)\n"
    ) in capfd.readouterr().err


def test_inactive_and_missing_queue(site: Site) -> None:
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


def test_failing_list_of_queues(site: Site) -> None:
    site.oar.set("fail_times", "oarnotify:1:3:broken")
    with pytest.raises(OarUnavailable, match="oarnotify: exit code 3: broken"):
        published(site, default=[])


def test_limits_in_arc_conf(site: Site) -> None:
    site.configure(
        "default_walltime=1:00:00",
        queue="maxwalltime=7200\nmaxcputime=3600",
        **{"infosys/cluster": "maxwalltime=600000\nminwalltime=60", "queue:admin": ""},
    )
    queues = published(site, default=[], admin=[])["queues"]
    names = ("maxwalltime", "minwalltime", "maxcputime", "mincputime", "defaultwallt")
    assert [queues["default"].get(name) for name in names] == [7200, 60, 3600, None, 3600]
    assert [queues["admin"].get(name) for name in names] == [600000, 60, None, None, 3600]


def test_limits_that_only_the_site_knows(site: Site) -> None:
    site.configure("max_user_running=30", **{"custom:oar/admin": "max_waiting=500"})
    queues = published(site, default=[], admin=[])["queues"]
    assert (queues["default"]["maxuserrun"], queues["admin"]["maxuserrun"]) == (30, 30)
    assert queues["admin"]["maxqueuable"] == 500
    assert "maxqueuable" not in queues["default"]


def test_users_who_alone_may_use_a_queue(site: Site) -> None:
    site.configure("acl_users=", **{"custom:oar/admin": "acl_users = root  griduser"})
    queues = published(site, default=[], admin=[])["queues"]
    assert queues["admin"]["acl_users"] == ["root", "griduser"]
    assert "acl_users" not in queues["default"]


@pytest.mark.parametrize(
    ("columns", "queue", "lines", "free"),
    [
        ({"types": ["besteffort"]}, "default", "", 8),
        ({"queue_name": "besteffort"}, "default", "", 8),
        ({"types": ["besteffort"]}, "default", "best_effort_slots=used", 2),
        ({"types": ["besteffort"]}, "besteffort", "", 2),
        ({"types": ["besteffort"]}, "default", "types=besteffort", 2),
        ({"types": ["idempotent"]}, "default", "", 2),
    ],
)
def test_slots_of_best_effort_jobs_are_free_for_other_jobs(
    site: Site, columns: dict[str, Any], queue: str, lines: str, free: int
) -> None:
    """OAR ends them at once to make room."""
    site.configure(lines)
    site.oar.add_jobs(1, resources=[1, 2, 3, 4, 5, 6], **columns)
    info = published(site, **{queue: ["u"]})
    row = info["queues"][queue]
    assert row["freeslots"] == free
    assert row["users"]["u"]["freecpus"] == {str(free): 0}
    assert info["cluster"]["usedcpus"] == 6


def test_preemption_is_published_under_both_names(site: Site) -> None:
    """The schema has `preemption`, ARC1ClusterInfo.pm reads `Preemption` as a Perl truth value."""
    queues = published(site, default=[], besteffort=[])["queues"]
    found = [(queues[name]["preemption"], queues[name]["Preemption"]) for name in queues]
    assert found == [("false", 0), ("true", 1)]
