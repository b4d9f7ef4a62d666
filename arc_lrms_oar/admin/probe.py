"""`doctor --probe`: runs a job of one minute in each queue, as each mapped user.

The job goes through this package's own submit, so it meets what grid jobs meet. It does not go
through A-REX, which would hide where a fault is. No job and no file is left behind.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from arc_lrms_oar.admin.as_user import run_as
from arc_lrms_oar.admin.check_sessions import create_session
from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.admin.mapped_users import Account, refusing_shell
from arc_lrms_oar.arex.userfiles import Owner, overwrite, read_end, read_start, remove_directory
from arc_lrms_oar.commands.connect import client_of
from arc_lrms_oar.commands.submit import submit
from arc_lrms_oar.errors import OarLrmsError, OarUnavailable, SiteError
from arc_lrms_oar.job.submit_journal import private_dir
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import outcome_of
from arc_lrms_oar.oar.states import has_ended
from arc_lrms_oar.retry import Retry
from arc_lrms_oar.settings import Settings

WALL_TIME = 60
LONGEST_WAIT = 180.0
_LONGEST_DELETION = 30.0
_SUBMIT_BUDGET = 20.0
_FILE_TIMEOUT = 10.0
_CLOCK_TOLERANCE = 5.0
_PAUSE = 1.0
# Prints facts about the node. Only GNU time prints its name for `--version`.
_PROGRAM = (
    'echo "date=$(date +%s)"; echo "host=$(uname -n)"; echo "user=$(id -un)"; '
    'case "$("$1" --version 2>&1)" in *GNU*) echo time=yes;; *) echo time=no;; esac'
)


@dataclass
class Probe:
    """One probe job; times are seconds since 1970 by this machine's clock."""

    queue: str
    user: Account
    session: str
    job_id: int
    submitted: float
    record: JobRecord | None = None
    seen: float = 0.0


def probe(
    settings: Settings,
    queues: Sequence[str],
    users: Sequence[Account],
    place: str,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Finding]:
    """Run one job per queue and user through OAR, with session directories below `place`.

    Waits at most three minutes for all of them.
    """
    client = client_of(settings)
    sent: list[Probe] = []
    try:
        for user in users:
            for queue in queues:
                try:
                    sent.append(_submit(settings, queue, user, place))
                except (OarLrmsError, OSError) as error:
                    cure = "see oarsub's message; OAR's admission rules decide who may use a queue"
                    yield fail(_name(queue, user), str(error), cure)
        try:
            _follow(client, sent, sleep, LONGEST_WAIT)
        except OarUnavailable as error:
            yield fail("probe", f"OAR became unavailable: {error}", "see the findings on OAR above")
        for one in sent:
            yield from _judge(settings, one, sleep)
    finally:
        _clean(client, sent, sleep)


def _name(queue: str, user: Account) -> str:
    return f"probe of queue {queue} as {user.name}"


def _submit(settings: Settings, queue: str, user: Account, place: str) -> Probe:
    """Submit one job as `user`; raises OarLrmsError or OSError."""
    session = create_session(place, user)
    owner = Owner(user.uid, user.gid)
    try:
        grami = os.path.join(session, "grami")
        if not overwrite(grami, _grami(settings, queue, session).encode(), owner):
            raise SiteError(f"{user.name} cannot write in {session}")
        for suffix in (".diag", ".comment"):
            os.close(os.open(session + suffix, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            if os.geteuid() != user.uid:
                os.chown(session + suffix, user.uid, user.gid)
        retry = Retry(_SUBMIT_BUDGET, (5.0,))
        started = time.time()
        client = client_of(settings)
        # Nobody reads the text for A-REX's file `errors`.
        job_id = run_as(user, lambda: submit(settings, client, grami, retry, lambda _: None).job_id)
    except BaseException:
        _remove(session, owner)
        raise
    return Probe(queue, user, session, job_id, started)


def _grami(settings: Settings, queue: str, session: str) -> str:
    """The GRAMi file that A-REX would write for the job."""
    values = {
        "directory": session,
        "controldir": settings.control_dir,
        "gridid": os.path.basename(session).replace(".", "_"),
        "jobname": "doctor",
        "arg_0": "/bin/sh",
        "arg_1": "-c",
        "arg_2": _PROGRAM,
        "arg_3": "doctor",
        "arg_4": settings.gnu_time,
        "stdout": f"{session}/output",
        "walltime": str(WALL_TIME),
        "count": "1",
        "queue": queue,
    }
    return "".join(f"joboption_{name}={shlex.quote(text)}\n" for name, text in values.items())


def _follow(
    client: OarClient, sent: Sequence[Probe], sleep: Callable[[float], None], longest: float
) -> None:
    """Wait until all jobs have ended, or for `longest` seconds; raises OarUnavailable."""
    deadline = time.monotonic() + longest
    left = {one.job_id: one for one in sent}
    while left:
        records = client.records(client.states(left))
        for job_id, record in records.items():
            left[job_id].record = record
            left[job_id].seen = time.time()
            if has_ended(record.state):
                del left[job_id]
        if time.monotonic() > deadline:
            return
        if left:
            sleep(_PAUSE)


def _judge(settings: Settings, one: Probe, sleep: Callable[[float], None]) -> Iterator[Finding]:
    """The findings on one job."""
    check = _name(one.queue, one.user)
    if one.record is None or not has_ended(one.record.state):
        state = f"{one.record.state} ({one.record.message})" if one.record else "unknown to OAR"
        text = f"OAR job {one.job_id} has not ended within {LONGEST_WAIT:.0f} s: {state}"
        yield warn(
            check, text, "the queue may be full: see `oarstat -f -j JOB_ID`, and probe again later"
        )
        return
    end = outcome_of(one.record)
    nodes = ", ".join(one.record.nodes) or "no node"
    if end.code != 0:
        cure = _failure_cure(one.user)
        owner = Owner(one.user.uid, one.user.gid)
        output = (read_end(one.session + ".comment", 300, owner) or b"").decode("utf-8", "replace")
        text = f"OAR job {one.job_id} on {nodes}: {end.reason}"
        yield fail(check, f"{text}; its output: {output}" if output.strip() else text, cure)
        return
    printed = _output(one, sleep)
    if "host" not in printed:
        yield fail(
            check,
            f"OAR job {one.job_id} ran on {nodes}, but its output in {one.session} is missing here",
            "put the session directory on a file system that the CE and all nodes share",
        )
        return
    took = one.seen - one.submitted
    yield ok(check, f"OAR job {one.job_id} ran on {printed['host']} and ended after {took:.0f} s")
    if printed.get("time") != "yes":
        text = f"{printed['host']} has no GNU time at {settings.gnu_time}"
        cure = "install the package time on the nodes, or set gnu_time in [lrms]; without it "
        yield warn("GNU time", text, cure + "accounting is incomplete")
    else:
        yield ok("GNU time", f"{settings.gnu_time} on {printed['host']}")
    yield _clocks(one, printed)


def _failure_cure(user: Account) -> str:
    """What to do about a job that OAR started and that failed."""
    shell = refusing_shell(user)
    if shell:
        return f"give {user.name} a login shell, which OAR starts jobs with; here it is {shell}"
    return "check that the session directory is mounted on the node and the user exists there"


def _output(one: Probe, sleep: Callable[[float], None]) -> dict[str, str]:
    """The job's output; on a shared file system it may appear some seconds late."""
    path = os.path.join(one.session, "output")
    deadline = time.monotonic() + _FILE_TIMEOUT
    while True:
        text = read_start(path, 4096, Owner(one.user.uid, one.user.gid)) or b""
        if text.endswith(b"\n") or time.monotonic() > deadline:
            lines = text.decode("utf-8", "replace").splitlines()
            return dict(line.partition("=")[::2] for line in lines)
        sleep(_PAUSE)


def _clocks(one: Probe, printed: dict[str, str]) -> Finding:
    """Whether the node's time is between submission and end by this machine's clock."""
    date = printed.get("date", "")
    when = float(date) if date.isdecimal() else 0.0
    # The node prints whole seconds, rounded down.
    off = max(one.submitted - 1 - when, when - one.seen, 0.0)
    if off > _CLOCK_TOLERANCE:
        way = "behind" if when < one.submitted else "ahead"
        text = f"{printed['host']} is at least {off:.0f} s {way} of this machine"
        return warn("clocks", text, "run NTP on both, or the jobs' times are wrong")
    return ok("clocks", f"{printed['host']} and this machine agree")


def _clean(client: OarClient, sent: Sequence[Probe], sleep: Callable[[float], None]) -> None:
    """Delete the jobs that have not ended, and all files.

    A deleted job can write files until OAR has ended it, so its files are removed after that.
    """
    left = [one for one in sent if one.record is None or not has_ended(one.record.state)]
    try:
        for one in left:
            with contextlib.suppress(OarLrmsError):
                client.delete([one.job_id])
        with contextlib.suppress(OarLrmsError):
            _follow(client, left, sleep, _LONGEST_DELETION)
    finally:
        for one in sent:
            _remove(one.session, Owner(one.user.uid, one.user.gid))


def _remove(session: str, owner: Owner) -> None:
    remove_directory(private_dir(session), owner)
    remove_directory(session, owner)
    for path in (session, session + ".diag", session + ".comment"):
        with contextlib.suppress(OSError):
            (os.rmdir if os.path.isdir(path) else os.unlink)(path)
