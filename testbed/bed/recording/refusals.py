"""Scenarios: what OAR's commands answer and refuse without running a job."""

from __future__ import annotations

import time

from ..suites import OTHERUSER
from .normal_ends import ONE_CORE
from .recorder import Recorder
from .scenario import scenario

UNKNOWN = "99999999"

# Submissions that oarsub refuses: name of the step and arguments.
REFUSED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("name-squote", ("-n", "a'b", *ONE_CORE, "sleep 1")),
    ("name-quotes", ("-n", "q\"uo'te\\back", *ONE_CORE, "sleep 1")),
    ("name-long", ("-n", "x" * 150, *ONE_CORE, "sleep 1")),
    ("project-squote", ("--project", "a'b", *ONE_CORE, "sleep 1")),
    ("queue-unknown", ("-q", "nosuch", *ONE_CORE, "sleep 1")),
    ("queue-admin", ("-q", "admin", *ONE_CORE, "sleep 1")),
    ("resources-impossible", ("-l", "/core=100,walltime=0:5:0", "sleep 1")),
    ("resource-unknown", ("-l", "/foo=1,walltime=0:5:0", "sleep 1")),
    ("resource-forbidden", ("-l", "/type=1,walltime=0:5:0", "sleep 1")),
    ("resource-syntax", ("-l", "core=", "sleep 1")),
    ("resource-zero", ("-l", "/core=0,walltime=0:5:0", "sleep 1")),
    ("walltime-syntax", ("-l", "/core=1,walltime=abc", "sleep 1")),
    ("property-nomatch", ("-p", "host='nohost'", *ONE_CORE, "sleep 1")),
    ("property-unknown", ("-p", "nosuch='x'", *ONE_CORE, "sleep 1")),
    ("property-sqlsyntax", ("-p", "host='unterminated", *ONE_CORE, "sleep 1")),
    ("type-unknown", ("-t", "nosuchtype", *ONE_CORE, "sleep 1")),
    ("option-unknown", ("--nosuchoption", *ONE_CORE, "sleep 1")),
    ("script-missing", ("-S", "/nonexistent/script")),
    ("nocommand", ONE_CORE),
    ("reservation-past", ("-r", "2020-01-01 00:00:00", *ONE_CORE, "sleep 1")),
    ("reservation-syntax", ("-r", "tomorrow", *ONE_CORE, "sleep 1")),
    ("depend-malformed", ("-a", "xyz", *ONE_CORE, "sleep 1")),
    ("resubmit-unknown", (f"--resubmit={UNKNOWN}",)),
)


@scenario("oarsub-refused")
def _refused(at: Recorder) -> None:
    """Each submission is refused by OAR or by one of its admission rules."""
    for name, argv in REFUSED:
        at.call(f"oarsub.{name}", ["oarsub", *argv], env={"TZ": "UTC"})
    at.call("oarsub.as-root", ["oarsub", *ONE_CORE, "sleep 1"], user="root")


@scenario("oardel")
def _oardel(at: Recorder) -> None:
    """oardel is given job IDs that are unknown, malformed, ended or another user's."""
    ours = at.submit("-n", "oardel", "--hold", *ONE_CORE, "true")
    at.call("oardel.otheruser", ["oardel", str(ours)], user=OTHERUSER)
    at.call("oardel.unknown", ["oardel", UNKNOWN])
    at.call("oardel.malformed", ["oardel", "abc"])
    at.call("oardel.noarg", ["oardel"])
    at.call("oardel.hold", ["oardel", str(ours)])
    at.reach(ours, "Error")
    at.call("oardel.hold-again", ["oardel", str(ours)])
    at.call("oardel.mix", ["oardel", UNKNOWN, str(ours)])


@scenario("unknown")
def _unknown(at: Recorder) -> None:
    """Unknown job IDs, alone and among others, and malformed ones."""
    ours = at.submit("-n", "unknown", "--hold", *ONE_CORE, "true")
    at.reach(ours, "Hold")
    at.snapshot("unknown", int(UNKNOWN))
    at.snapshot("mix", ours, int(UNKNOWN))
    for name, word in (("bigint", "9999999999"), ("huge", "9" * 20), ("zero", "0")):
        at.call(f"{name}.oarstat-s-J", ["oarstat", "-s", "-J", "-j", str(ours), "-j", word])
    for name, word in (("list", f"{ours},{UNKNOWN}"), ("malformed", f"{ours}abc")):
        at.call(f"{name}.oarstat-s-J", ["oarstat", "-s", "-J", "-j", word])
    for name, where in (("sql-empty", f"job_id = {UNKNOWN}"), ("sql-error", "job_id in (")):
        at.call(f"{name}.oarstat-J", ["oarstat", "--format", "2", "-J", "--sql", where])
    at.call("oardel", ["oardel", str(ours)])


@scenario("bulk")
def _bulk(at: Recorder) -> None:
    """Thirty held jobs in one array: queried by job ID, by name, and among all active jobs."""
    at.submit("-n", "bulk", "--hold", "--array", "30", *ONE_CORE, "true")
    time.sleep(3)
    at.snapshot("held", *at.jobs)
    named = ["oarstat", "--format", "2", "-J", "--sql", "job_name = 'bulk'"]
    at.call("named.oarstat-J", named)
    at.call("active.oarstat-J", ["oarstat", "--format", "2", "-J"])
    at.call("oardel", ["oardel", *map(str, at.jobs)])
    at.reach(at.jobs[-1], "Error")
    at.snapshot("final", *at.jobs)


@scenario("site")
def _site(at: Recorder) -> None:
    """OAR's version, its resources, its queues and the states that its database permits."""
    at.call("oarstat-V", ["oarstat", "-V"])
    at.call("oarnodes-J", ["oarnodes", "-J"])
    at.call("oarnodes-J-s", ["oarnodes", "-J", "-s"])
    at.call("oarnodes-s", ["oarnodes", "-s"])
    at.root("oarnotify-l", "oarnotify", "-l")
    at.call("oarnotify-l-as-user", ["/usr/sbin/oarnotify", "-l"])
    query = "select pg_get_constraintdef(oid) from pg_constraint where conname = 'jobs_state_check'"
    at.call("states.psql", ["psql", "-d", "oar", "-Atc", query], user="postgres")
