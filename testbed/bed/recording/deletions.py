"""Scenarios: jobs that a user, OAR or a failure ends. Other users are not disturbed, except that
the cores of a node may be occupied for a moment.
"""

from __future__ import annotations

import time

from ..suites import GRIDUSER, OTHERUSER
from .normal_ends import ONE_CORE
from .recorder import DIRECTORY, Recorder
from .scenario import scenario

LONG = "sleep 300"


def on_node(node: int, cores: int = 1) -> tuple[str, ...]:
    """Return the options of oarsub for so many cores of one node."""
    return ("-p", f"host='node{node}'", "-l", f"/core={cores},walltime=0:5:0")


def _set_alive(at: Recorder, node: int) -> None:
    at.root("oarnodesetting", "oarnodesetting", "-h", f"127.0.0.{node}", "-s", "Alive")


@scenario("delrunning")
def _delrunning(at: Recorder) -> None:
    """The owner deletes a running job twice."""
    job_id = at.submit("-n", "delrunning", *ONE_CORE, LONG)
    at.reach(job_id, "Running")
    at.call("oardel.running", ["oardel", str(job_id)])
    at.call("oardel.running-again", ["oardel", str(job_id)])
    at.end(job_id)


@scenario("delbyroot")
def _delbyroot(at: Recorder) -> None:
    """An administrator deletes a running job."""
    job_id = at.submit("-n", "delbyroot", *ONE_CORE, LONG)
    at.reach(job_id, "Running")
    at.root("oardel.running", "oardel", str(job_id))
    at.end(job_id)


@scenario("delhold")
def _delhold(at: Recorder) -> None:
    """The owner deletes a held job."""
    job_id = at.submit("-n", "delhold", "--hold", *ONE_CORE, LONG)
    at.reach(job_id, "Hold")
    at.call("oardel.hold", ["oardel", str(job_id)])
    at.end(job_id)


@scenario("delwaiting")
def _delwaiting(at: Recorder) -> None:
    """The owner deletes a job for which a later start has been predicted."""
    filler = at.submit("-n", "filler", *on_node(4, 2), "sleep 60")
    at.reach(filler, "Running")
    job_id = at.submit("-n", "delwaiting", *on_node(4, 2), LONG)
    time.sleep(6)
    at.snapshot("waiting", job_id, filler)
    at.call("oardel.waiting", ["oardel", str(job_id), str(filler)])
    at.end(job_id)


@scenario("dellaunching")
def _dellaunching(at: Recorder) -> None:
    """The owner deletes a job while the prologue runs on the node."""
    job_id = at.submit("-n", "dellaunching", "--hold", *ONE_CORE, LONG)
    at.hook("prologue", job_id, "sleep 8")
    at.call("oarresume", ["oarresume", str(job_id)])
    at.reach(job_id, "Launching")
    at.snapshot("launching", job_id)
    at.call("oardel.launching", ["oardel", str(job_id)])
    at.end(job_id)


@scenario("delnoop")
def _delnoop(at: Recorder) -> None:
    """The owner deletes a job that only occupies its resources (type noop)."""
    job_id = at.submit("-n", "delnoop", "-t", "noop", *ONE_CORE, LONG)
    at.reach(job_id, "Running")
    at.call("oardel.running", ["oardel", str(job_id)])
    at.end(job_id)


@scenario("be-kill")
def _be_kill(at: Recorder) -> None:
    """A best-effort job is killed to free its cores for another job."""
    job_id = at.submit("-n", "be-kill", "-t", "besteffort", *on_node(2, 2), LONG)
    at.reach(job_id, "Running")
    other = at.submit("-n", "be-kill-normal", *on_node(2, 2), "true", step="normal.oarsub")
    at.end(job_id, other)


@scenario("be-idem")
def _be_idem(at: Recorder) -> None:
    """A best-effort and idempotent job is killed for another job, and OAR resubmits it."""
    types = ("-t", "besteffort", "-t", "idempotent")
    command = "if mkdir be-idem; then sleep 300; else exit 0; fi"
    job_id = at.submit("-n", "be-idem", *types, *on_node(3, 2), command)
    at.reach(job_id, "Running")
    other = at.submit("-n", "be-idem-normal", *on_node(3, 2), "true", step="normal.oarsub")
    at.end(job_id, other)
    successor = at.successor(job_id)
    if successor is not None:
        at.end(successor, stage="resubmitted")


@scenario("prologue-fail")
def _prologue_fail(at: Recorder) -> None:
    """The prologue on the node fails: the node becomes Suspected and OAR resubmits the job."""
    job_id = at.submit("-n", "prologue-fail", "--hold", *on_node(1), "true")
    at.hook("prologue", job_id, "exit 1")
    at.call("oarresume", ["oarresume", str(job_id)])
    at.end(job_id)
    successor = at.successor(job_id)
    if successor is not None:
        at.snapshot("resubmitted-waiting", successor)
    _set_alive(at, 1)
    if successor is not None:
        at.end(successor, stage="resubmitted")


@scenario("epilogue-fail")
def _epilogue_fail(at: Recorder) -> None:
    """The command exits with 4, then the epilogue fails and the node becomes Suspected."""
    job_id = at.submit("-n", "epilogue-fail", "--hold", *on_node(1), "exit 4")
    at.hook("epilogue", job_id, "exit 1")
    at.call("oarresume", ["oarresume", str(job_id)])
    at.end(job_id)
    _set_alive(at, 1)


@scenario("outputs-gone")
def _outputs_gone(at: Recorder) -> None:
    """The working directory is removed while the job runs."""
    gone = f"{DIRECTORY}/gone"
    at.bed.run(["install", "-d", "-o", GRIDUSER, gone])
    job_id = at.submit("-n", "outputs-gone", "-d", gone, *ONE_CORE, "sleep 5; exit 0")
    at.reach(job_id, "Running")
    at.bed.run(["rm", "-r", gone])
    at.end(job_id)


@scenario("forged")
def _forged(at: Recorder) -> None:
    """A job of another user has a name that contains a text line like that of our held job."""
    ours = at.submit("-n", "forged-ours", "--hold", *ONE_CORE, "true")
    at.reach(ours, "Hold")
    row = f"x\n{ours:<9} T griduser    0:00:02 R=1,W=0:5:0,J=B,N=forged-ours"
    command = ["oarsub", "-n", row, *ONE_CORE, "sleep 1"]
    theirs = int(at.call("theirs.oarsub", command, OTHERUSER).stdout.rpartition("OAR_JOB_ID=")[2])
    at.reach(theirs, "Terminated")
    at.snapshot("ours", ours)
    both = f"job_id in ({ours},{theirs})"
    at.call("final.oarstat-text", ["oarstat", "--format", "2", "--sql", both])
    at.snapshot("final", ours, theirs)
    at.call("oardel", ["oardel", str(ours)])
