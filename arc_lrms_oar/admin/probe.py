"""Submits a real one-minute job to each queue, as a mapped user, and follows it to its end.

The job goes through the package's own submit, so that what is seen is what grid jobs will meet.
Whatever happens, no job and no file of it stays behind. Must not run through A-REX: doctor tells
where a fault lies, and A-REX hides it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from arc_lrms_oar.admin.as_user import as_user
from arc_lrms_oar.admin.check_users import make_session
from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.admin.mapped_users import Account
from arc_lrms_oar.arex.userfiles import Owner, overwrite, read_end, read_start, remove_directory
from arc_lrms_oar.commands.connect import client_of
from arc_lrms_oar.commands.submit import submit
from arc_lrms_oar.errors import OarLrmsError, OarUnavailable, SiteError
from arc_lrms_oar.job.submit_journal import private_dir
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import verdict
from arc_lrms_oar.oar.states import has_ended
from arc_lrms_oar.retry import Retry
from arc_lrms_oar.settings import Settings

WALL_TIME = 60
WAITS = 180.0
_SUBMIT_BUDGET = 20.0
_FILE_PATIENCE = 10.0
_CLOCKS = 5.0
_PAUSE = 1.0
# What the node tells of itself. GNU time alone knows `--version` and says its name.
_PROGRAM = (
    'echo "date=$(date +%s)"; echo "host=$(uname -n)"; echo "user=$(id -un)"; '
    'case "$("$1" --version 2>&1)" in *GNU*) echo time=yes;; *) echo time=no;; esac'
)


@dataclass
class Probe:
    """One probing job; times are seconds since 1970 by this machine's clock."""

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
    """Sends one job for each queue and user through OAR, with session directories below `place`.

    Waits three minutes for all of them together.
    """
    client = client_of(settings)
    sent: list[Probe] = []
    try:
        for user in users:
            for queue in queues:
                try:
                    sent.append(_send(settings, queue, user, place))
                except (OarLrmsError, OSError) as error:
                    cure = "see oarsub's words; its admission rules decide who may use a queue"
                    yield fail(_name(queue, user), str(error), cure)
        try:
            _follow(client, sent, sleep)
        except OarUnavailable as error:
            yield fail("probe", f"OAR went away: {error}", "see the lines on OAR above")
        for one in sent:
            yield from _judge(settings, one, sleep)
    finally:
        _clean(client, sent)


def _name(queue: str, user: Account) -> str:
    return f"probe of queue {queue} as {user.name}"


def _send(settings: Settings, queue: str, user: Account, place: str) -> Probe:
    """Submits one job as `user`; raises OarLrmsError or OSError."""
    session = make_session(place, user)
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
        job_id = as_user(user, lambda: submit(settings, client_of(settings), grami, retry))
    except BaseException:
        _remove(session, owner)
        raise
    return Probe(queue, user, session, job_id, started)


def _grami(settings: Settings, queue: str, session: str) -> str:
    """The job as A-REX would describe it."""
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
        "stdout": f"{session}/told",
        "walltime": str(WALL_TIME),
        "count": "1",
        "queue": queue,
    }
    return "".join(f"joboption_{name}={shlex.quote(text)}\n" for name, text in values.items())


def _follow(client: OarClient, sent: Sequence[Probe], sleep: Callable[[float], None]) -> None:
    """Waits until all jobs have ended, or for WAITS seconds; raises OarUnavailable."""
    deadline = time.monotonic() + WAITS
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
    """What became of one job."""
    what = _name(one.queue, one.user)
    if one.record is None or not has_ended(one.record.state):
        said = f"{one.record.state} ({one.record.message})" if one.record else "unknown to OAR"
        text = f"OAR job {one.job_id} has not ended in {WAITS:.0f} s: {said}"
        yield warn(
            what, text, "the queue may be full; oarstat -j tells more, and probe again later"
        )
        return
    end = verdict(one.record, {})
    nodes = ", ".join(one.record.nodes) or "no node"
    if end.code != 0:
        cure = "see that the session directory is mounted and the user is known on the node"
        owner = Owner(one.user.uid, one.user.gid)
        said = (read_end(one.session + ".comment", 300, owner) or b"").decode("utf-8", "replace")
        text = f"OAR job {one.job_id} on {nodes}: {end.reason}"
        yield fail(what, f"{text}; it said: {said}" if said.strip() else text, cure)
        return
    told = _told(one, sleep)
    if "host" not in told:
        yield fail(
            what,
            f"OAR job {one.job_id} ran on {nodes}, but what it wrote to {one.session} is not here",
            "put the session directory on a file system that the CE and all nodes share",
        )
        return
    took = one.seen - one.submitted
    yield ok(what, f"OAR job {one.job_id} ran on {told['host']} and was back after {took:.0f} s")
    if told.get("time") != "yes":
        text = f"{told['host']} has no GNU time at {settings.gnu_time}"
        cure = "install the package `time` on the nodes, or set gnu_time in [lrms]: without it "
        yield warn("GNU time", text, cure + "less is accounted")
    else:
        yield ok("GNU time", f"{settings.gnu_time} on {told['host']}")
    yield _clocks(one, told)


def _told(one: Probe, sleep: Callable[[float], None]) -> dict[str, str]:
    """What the job has written; a shared file system may show it some seconds late."""
    path = os.path.join(one.session, "told")
    deadline = time.monotonic() + _FILE_PATIENCE
    while True:
        text = read_start(path, 4096, Owner(one.user.uid, one.user.gid)) or b""
        if text.endswith(b"\n") or time.monotonic() > deadline:
            lines = text.decode("utf-8", "replace").splitlines()
            return dict(line.partition("=")[::2] for line in lines)
        sleep(_PAUSE)


def _clocks(one: Probe, told: dict[str, str]) -> Finding:
    """Whether the node's clock lies between submission and end by that of this machine."""
    date = told.get("date", "")
    when = float(date) if date.isdecimal() else 0.0
    # The node tells whole seconds, cut.
    off = max(one.submitted - 1 - when, when - one.seen, 0.0)
    if off > _CLOCKS:
        way = "behind" if when < one.submitted else "ahead"
        text = f"{told['host']} is at least {off:.0f} s {way} of this machine"
        return warn("clocks", text, "run NTP on both: times of jobs would be wrong")
    return ok("clocks", f"{told['host']} and this machine agree")


def _clean(client: OarClient, sent: Sequence[Probe]) -> None:
    """No job and no file of doctor's stays, whatever happened."""
    for one in sent:
        if one.record is None or not has_ended(one.record.state):
            with contextlib.suppress(OarLrmsError):
                client.delete([one.job_id])
        _remove(one.session, Owner(one.user.uid, one.user.gid))


def _remove(session: str, owner: Owner) -> None:
    remove_directory(private_dir(session), owner)
    remove_directory(session, owner)
    for path in (session, session + ".diag", session + ".comment"):
        with contextlib.suppress(OSError):
            (os.rmdir if os.path.isdir(path) else os.unlink)(path)
