"""The ways in which a batch system fails: what a knob does to a command.

Command-scoped knobs hold one "COMMAND…" or a list of them; COMMAND may be `*`.
Must not: decide what a healthy command answers.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping

from . import processes
from .command import Call, Refused, Reply

TYPE_CHECKING = False  # typing's own costs each command three milliseconds
if TYPE_CHECKING:
    from typing import Any

NO_DATABASE_2 = "DB connection error, exiting.\n"
NO_DATABASE_26 = (
    "DBI connect('database=oar;host=127.0.0.1;port=5432','{user}',...) failed: connection to"
    ' server at "127.0.0.1", port 5432 failed: Connection refused\n'
    "\tIs the server running on that host and accepting TCP/IP connections?"
    " at /usr/share/perl5/OAR/IO.pm line 350.\n"
)
NO_DATABASE_3 = (
    "Traceback (most recent call last):\n"
    '  File "/opt/oar3/lib/oar/.{command}", line 9, in <module>\n'
    "    sys.exit(cli())\n"
    "sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) connection to server at"
    ' "localhost" (127.0.0.1), port 5432 failed: Connection refused\n'
    "\tIs the server running on that host and accepting TCP/IP connections?\n\n"
    "(Background on this error at: https://sqlalche.me/e/20/e3q8)\n"
)
HANG_POLL = 0.1


def setting(knobs: Mapping[str, Any], name: str, command: str) -> str | None:
    """The rest of the "COMMAND:rest" entry that concerns this command; "" when it has no rest."""
    entries = knobs.get(name, [])
    for entry in [entries] if isinstance(entries, str) else entries:
        target, _, rest = str(entry).partition(":")
        if target in (command, "*"):
            return rest
    return None


def before(call: Call, command: str) -> None:
    """What happens before the command does anything."""
    knobs = call.store.knobs()
    slow = setting(knobs, "slow", command)
    if slow is not None:
        time.sleep(float(slow))
    if setting(knobs, "hang", command) is not None:
        hang(call)
    if "fail_times" in knobs:
        _fail(call, knobs["fail_times"], command)


def _fail(call: Call, entries: Any, command: str) -> None:
    """COMMAND:n:rc:stderr, counted down in the knob."""
    kept = [entries] if isinstance(entries, str) else list(entries)
    for index, entry in enumerate(kept):
        target, left, rc, text = [*entry.split(":", 3), "1", "1", ""][:4]
        if target in (command, "*") and int(left) > 0:
            kept[index] = f"{target}:{int(left) - 1}:{rc}:{text}"
            call.store.set_knob("fail_times", kept)
            raise Refused(int(rc), err=f"{text}\n" if text else "")


def database(call: Call, command: str, *, waits: bool) -> None:
    """The moment in which a command opens OAR's database."""
    while call.store.knob("db_down"):
        if call.dialect.major == 3:
            raise Refused(1, err=NO_DATABASE_3.replace("{command}", command))
        told = NO_DATABASE_26 if call.dialect.hash_errors else ""
        if not waits:
            raise Refused(25, err=told.replace("{user}", "oar_ro") + NO_DATABASE_2)
        # oarsub and oardel try again for ever, and their caller may not signal them.
        _ignore_signals()
        _sleep(call)


def hang(call: Call) -> None:
    """For ever: deaf to SIGTERM, and a process in another session keeps the pipes open."""
    _ignore_signals()
    call.store.close()
    if os.fork() == 0:
        os.setsid()
    call.store.open()
    processes.remember(call.store, "hanging")
    while True:
        _sleep(call)


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _sleep(call: Call) -> None:
    time.sleep(HANG_POLL)
    if not os.path.exists(call.store.path):
        os._exit(1)


def after(call: Call, command: str, reply: Reply) -> Reply:
    """What becomes of the answer on its way out."""
    knobs = call.store.knobs()
    garbage = setting(knobs, "garbage", command)
    if garbage is not None:
        reply = Reply(0, garbage, "")
    if setting(knobs, "half", command) is not None:
        reply = Reply(reply.rc, reply.out[: len(reply.out) // 2], reply.err)
    warning = setting(knobs, "warn_before", command)
    if warning is not None:
        reply = Reply(reply.rc, f"{warning}\n{reply.out}", reply.err)
    return reply
