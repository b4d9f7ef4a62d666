"""The accounting of the job script: times, nodes and slots in the diag."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from support.compute_node import Node

ACCOUNTED = [
    *("processors", "nodecount", "benchmark", "runtimeenvironments", "walltime", "kerneltime"),
    *("usertime", "lrmsstarttime", "lrmsendtime", "exitcode", "systemsoftware", "usedscratch"),
]


def test_accounting_by_gnu_time(node: Node) -> None:
    ran = node.shell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
    more = ["cpuusage", "maxresidentmemory", "averagetotalmemory"]
    assert sorted(ran.diag.values) == sorted([*ACCOUNTED, *more])
    assert re.fullmatch(r"[1-9][0-9]+kB", ran.diag.values["maxresidentmemory"])
    assert ran.diag.values["averagetotalmemory"] == ran.diag.values["maxresidentmemory"]
    assert (ran.diag.seconds("usertime") or 0) > 0


@pytest.mark.parametrize("gnu_time", ["", "/no/such/time", "/bin/false"])
def test_accounting_by_the_shell(node: Node, gnu_time: str) -> None:
    node.plan["gnu_time"] = gnu_time
    ran = node.shell("i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
    assert sorted(ran.diag.values) == sorted(ACCOUNTED)
    assert (ran.diag.seconds("usertime") or 0) > 0


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_times_are_utc_whatever_the_zone(node: Node, zone: str) -> None:
    node.environment["TZ"] = zone
    ran = node.shell("date -u +%Y%m%d%H%M%SZ; echo $TZ", stdout="o")
    during, shown = ran.text("o").split()
    assert shown == zone
    told = (ran.diag.values["lrmsstarttime"], during, ran.diag.values["lrmsendtime"])
    times = [datetime.strptime(text, "%Y%m%d%H%M%SZ") for text in told]
    # The clock may be set while this runs; another time zone would differ by hours.
    assert max(times) - min(times) < timedelta(hours=1)


def test_nodes_and_slots(node: Node) -> None:
    node.nodes = ["b", "a", "b", "a", "c", ""]
    ran = node.shell("true")
    assert ran.diag.nodes == ["b", "a", "c"]
    assert (ran.diag.values["nodecount"], ran.diag.values["processors"]) == ("3", "6")


def test_nodes_without_a_node_file(node: Node) -> None:
    node.environment["OAR_NODE_FILE"] = "/no/such/file"
    node.plan["nodename_command"] = "/bin/echo told by me"
    ran = node.shell("true")
    assert (ran.diag.nodes, ran.diag.values["nodecount"]) == (["told by me"], "1")
    assert "processors" not in ran.diag.values


def test_node_without_a_name(node: Node) -> None:
    node.environment.update(OAR_NODE_FILE="", HOSTNAME="myself")
    assert node.shell("true").diag.nodes == ["myself"]


def test_benchmark(node: Node) -> None:
    node.plan["benchmark"] = "HEPSPEC:12.5"
    assert node.shell("true").diag.values["benchmark"] == "HEPSPEC:12.5"
