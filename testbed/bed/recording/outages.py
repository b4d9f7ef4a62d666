"""Scenarios that disturb all users: nodes that become unavailable, OAR or its database stopped.

Each scenario restores what it changed, also if it fails.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from .normal_ends import ONE_CORE
from .recorder import Recorder, sql
from .scenario import scenario

LAST = "127.0.0.4"
UNREACHABLE = "nonode.invalid"
HANG_LIMIT = 8.0

_RESOURCE = f"select resource_id from resources where network_address = '{UNREACHABLE}'"


def _node_unavailable(at: Recorder, name: str, state: str) -> None:
    job_id = at.submit("-n", name, "-p", "host='node4'", *ONE_CORE, "sleep 60")
    at.reach(job_id, "Running")
    try:
        at.root("oarnodesetting", "oarnodesetting", "-h", LAST, "-s", state)
        at.end(job_id)
        at.call("oarnodes-J-s", ["oarnodes", "-J", "-s"])
    finally:
        at.root("oarnodesetting.alive", "oarnodesetting", "-h", LAST, "-s", "Alive")


@scenario("node-absent", disturbs=True)
def _absent(at: Recorder) -> None:
    """An administrator sets the job's node Absent while it runs."""
    _node_unavailable(at, "node-absent", "Absent")


@scenario("node-dead", disturbs=True)
def _dead(at: Recorder) -> None:
    """An administrator sets the job's node Dead while it runs."""
    _node_unavailable(at, "node-dead", "Dead")


@scenario("nonode", disturbs=True)
def _nonode(at: Recorder) -> None:
    """The job's node cannot be reached when the job is launched."""
    properties = ("host=nonode", "cpu=99", "core=99", "cpuset=0", "mem=1")
    words = [word for pair in properties for word in ("-p", pair)]
    at.root("oarnodesetting", "oarnodesetting", "-a", "-h", UNREACHABLE, *words)
    try:
        job_id = at.submit("-n", "nonode", "-p", "host='nonode'", *ONE_CORE, "true")
        at.end(job_id)
        successor = at.successor(job_id)
        if successor is not None:
            at.snapshot("resubmitted-waiting", successor)
            at.call("oardel", ["oardel", str(successor)])
            at.end(successor, stage="resubmitted")
    finally:
        at.root("oarnodesetting.dead", "oarnodesetting", "-h", UNREACHABLE, "-s", "Dead")
        for row in sql(at.bed, _RESOURCE):
            at.root("oarremoveresource", "oarremoveresource", row[0])


@scenario("server-prologue-fail", disturbs=True)
def _server_prologue(at: Recorder) -> None:
    """The server's prologue fails: OAR stops all queues; 2.5 also resubmits the job."""
    job_id = at.submit("-n", "server-prologue-fail", "--hold", *ONE_CORE, "true")
    at.hook("server_prologue", job_id, "exit 1")
    at.call("oarresume", ["oarresume", str(job_id)])
    try:
        at.end(job_id)
        successor = at.successor(job_id)
        at.root("oarnotify-l", "oarnotify", "-l")
    finally:
        at.root("oarnotify-E", "oarnotify", "-E")
    if successor is not None:
        at.end(successor, stage="resubmitted")


@scenario("server-epilogue-fail", disturbs=True)
def _server_epilogue(at: Recorder) -> None:
    """The command exits with 0, then the server's epilogue fails: OAR stops all queues."""
    job_id = at.submit("-n", "server-epilogue-fail", "--hold", *ONE_CORE, "true")
    at.hook("server_epilogue", job_id, "exit 1")
    at.call("oarresume", ["oarresume", str(job_id)])
    try:
        at.end(job_id)
    finally:
        at.root("oarnotify-E", "oarnotify", "-E")


@contextmanager
def _stopped(at: Recorder, *services: str) -> Iterator[None]:
    for name in services:
        at.bed.service(name, "stop")
    try:
        yield
    finally:
        for name in reversed(services):
            at.bed.service(name, "start")


@scenario("server-down", disturbs=True)
def _server_down(at: Recorder) -> None:
    """OAR's server is stopped, its database is not; jobs submitted meanwhile run later."""
    held = at.submit("-n", "server-down-held", "--hold", *ONE_CORE, "true")
    with _stopped(at, "oar"):
        at.call("down.oarsub", ["oarsub", "-n", "server-down", *ONE_CORE, "exit 5"])
        at.call("down.oardel", ["oardel", str(held)])
        at.snapshot("down", held)
        at.call("down.oarnodes-J", ["oarnodes", "-J"])
    # After its restart the server does not look for deletion requests of the meantime.
    at.call("up-again.oardel", ["oardel", str(held)])
    accepted = int(at.calls[1].stdout.rpartition("OAR_JOB_ID=")[2])
    at.jobs.append(accepted)
    at.end(held, accepted)


@scenario("database-down", disturbs=True)
def _database_down(at: Recorder) -> None:
    """OAR's database is stopped; oarsub and oardel retry for ever."""
    held = at.submit("-n", "database-down", "--hold", *ONE_CORE, "true")
    with _stopped(at, "oar", "postgres"):
        at.call("oarstat-V", ["oarstat", "-V"])
        at.snapshot("down", held)
        at.call("oarnodes-J", ["oarnodes", "-J"])
        at.call("oarsub", ["oarsub", *ONE_CORE, "true"], limit=HANG_LIMIT)
        at.call("oardel", ["oardel", str(held)], limit=HANG_LIMIT)
    time.sleep(1)
    at.snapshot("up-again", held)
    at.call("up-again.oardel", ["oardel", str(held)])
    at.reach(held, "Error")
