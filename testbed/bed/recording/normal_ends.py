"""Scenarios: jobs that run and end by themselves in various ways."""

from __future__ import annotations

import time
from collections.abc import Callable

from .recorder import Recorder
from .scenario import SCENARIOS, Scenario, scenario

ONE_CORE = ("-l", "/core=1,walltime=0:5:0")

# Name, description, further options of oarsub, command.
SIMPLE: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    ("exit3", "The command exits with 3.", (), "exit 3"),
    ("exit255", "The command exits with 255.", (), "exit 255"),
    ("exit137", "The command exits with 137, as shells do for a signal.", (), "exit 137"),
    ("kill9self", "The command is killed by signal 9.", (), "kill -9 $$"),
    ("kill15self", "The command is killed by signal 15.", (), "kill -15 $$"),
    ("segv", "The command crashes.", (), "ulimit -c unlimited; kill -11 $$"),
    ("cmdnotfound", "There is no such command.", (), "/nonexistent/cmd"),
    ("nodir", "There is no such working directory.", ("-d", "/nonexistent/dir"), "echo hi"),
    ("nostdout", "The output files cannot be written.", ("-O", "/root/x.out"), "echo hi"),
    ("name-utf8", "A name in UTF-8.", ("-n", "tést-ñ-日本"), "echo é"),
    ("name-newline", "A name with a newline.", ("-n", "line1\nline2"), "true"),
    ("name-space", "A name with spaces.", ("-n", "my job name"), "true"),
    ("name-100", "A name of the maximum length.", ("-n", "y" * 100), "true"),
    ("name-slash", "A name with a slash, which breaks the output files.", ("-n", "a/b"), "true"),
    (
        "cmd-json",
        "A command with unusual characters.",
        (),
        "echo \"dq\" 'sq' \\\\ \t { } [ ] &amp; \x01 é",
    ),
    ("cmd-newline", "A command of several lines.", (), "true\n    state = Fake\nJob_Id: 1\nexit 7"),
    ("idem-short", "An idempotent job exits with 99 too early.", ("-t", "idempotent"), "exit 99"),
    ("besteffort", "A best-effort job ends by itself.", ("-t", "besteffort"), "sleep 1"),
    ("project", "A project with a space.", ("--project", "my proj-1"), "true"),
)


def _simple(name: str, options: tuple[str, ...], command: str) -> Callable[[Recorder], None]:
    def run(at: Recorder) -> None:
        named = () if "-n" in options else ("-n", name)
        at.end(at.submit(*named, *options, *ONE_CORE, command))

    return run


for _name, _how, _options, _command in SIMPLE:
    SCENARIOS[_name] = Scenario(_name, _how, _simple(_name, _options, _command))


@scenario("exit0")
def _exit0(at: Recorder) -> None:
    """The command exits with 0; later its owner deletes the ended job, twice."""
    job_id = at.submit("-n", "exit0", *ONE_CORE, "sleep 4; exit 0")
    at.reach(job_id, "Running")
    at.snapshot("running", job_id)
    at.end(job_id)
    at.call("oardel.finished", ["oardel", str(job_id)])
    at.call("oardel.finished-again", ["oardel", str(job_id)])
    at.snapshot("after-oardel-of-finished", job_id)


@scenario("multi")
def _multi(at: Recorder) -> None:
    """A job of two cores on each of two nodes."""
    job_id = at.submit("-n", "multi", "-l", "/host=2/core=2,walltime=0:5:0", "sleep 3")
    at.reach(job_id, "Running")
    at.snapshot("running", job_id)
    at.end(job_id)


@scenario("array")
def _array(at: Recorder) -> None:
    """An array of three jobs."""
    at.submit("-n", "array", "--array", "3", *ONE_CORE, "exit 4")
    at.end(*at.jobs)


@scenario("waiting")
def _waiting(at: Recorder) -> None:
    """A job waits until it may start (postpone), then runs to its end."""
    later = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 20))
    job_id = at.submit("-n", "waiting", "-t", f"postpone={later}", *ONE_CORE, "true")
    at.reach(job_id, "Waiting")
    time.sleep(5)
    at.snapshot("waiting", job_id)
    at.end(job_id)


@scenario("hold")
def _hold(at: Recorder) -> None:
    """A held job is released by its owner and runs to its end."""
    job_id = at.submit("-n", "hold", "--hold", *ONE_CORE, "true")
    at.reach(job_id, "Hold")
    at.snapshot("held", job_id)
    at.call("oarresume", ["oarresume", str(job_id)])
    at.end(job_id)


@scenario("walltime")
def _walltime(at: Recorder) -> None:
    """The job runs longer than its walltime of 20 s."""
    at.end(at.submit("-n", "walltime", "-l", "/core=1,walltime=0:0:20", "sleep 600"))


@scenario("checkpoint")
def _checkpoint(at: Recorder) -> None:
    """The owner has OAR send the checkpoint signal (oardel -c), and the job exits with 42."""
    job_id = at.submit("-n", "checkpoint", *ONE_CORE, "trap 'exit 42' USR2; sleep 60 & wait")
    at.reach(job_id, "Running")
    at.call("oardel-c", ["oardel", "-c", str(job_id)])
    at.end(job_id)


@scenario("signal")
def _signal(at: Recorder) -> None:
    """The owner sends the job SIGTERM through OAR (oardel -s), and the job dies of it."""
    job_id = at.submit("-n", "signal", *ONE_CORE, "exec sleep 60")
    at.reach(job_id, "Running")
    at.call("oardel-s", ["oardel", "-s", "SIGTERM", str(job_id)])
    at.end(job_id)


@scenario("finishing")
def _finishing(at: Recorder) -> None:
    """The command has exited with 6 and the server's epilogue takes 8 s."""
    job_id = at.submit("-n", "finishing", "--hold", *ONE_CORE, "exit 6")
    at.hook("server_epilogue", job_id, "sleep 8")
    at.call("oarresume", ["oarresume", str(job_id)])
    at.reach(job_id, "Finishing")
    at.snapshot("finishing", job_id)
    at.end(job_id)


@scenario("reservation")
def _reservation(at: Recorder) -> None:
    """An advance reservation that starts 30 s after its submission."""
    start = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(time.time() + 30))
    job_id = at.submit("-n", "reservation", "-r", start, *ONE_CORE, "exit 0")
    at.snapshot("waiting", job_id)
    at.end(job_id)


@scenario("idempotent99", slow=True)
def _idempotent99(at: Recorder) -> None:
    """An idempotent job exits with 99 after more than 60 s, and OAR resubmits it."""
    command = "if mkdir idempotent99; then sleep 63; exit 99; else exit 0; fi"
    job_id = at.submit("-n", "idempotent99", "-t", "idempotent", *ONE_CORE, command)
    at.end(job_id)
    successor = at.successor(job_id)
    if successor is not None:
        at.end(successor, stage="resubmitted")
