"""Failures of a batch system: what each fault knob does to a command.

A knob for single commands holds one "COMMAND…" or a list of them; COMMAND may be `*`. The reply of
a healthy command is made elsewhere.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping

from . import processes
from .invocation import Invocation, Refused, Reply

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
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
    """Return the rest of the "COMMAND:rest" entry for this command, "" where there is no rest."""
    entries = knobs.get(name, [])
    for entry in [entries] if isinstance(entries, str) else entries:
        target, _, rest = str(entry).partition(":")
        if target in (command, "*"):
            return rest
    return None


def before_command(call: Invocation, command: str) -> None:
    """Apply the knobs that act before the command does anything."""
    knobs = call.db.knobs()
    slow = setting(knobs, "slow", command)
    if slow is not None:
        time.sleep(float(slow))
    if setting(knobs, "hang", command) is not None:
        hang(call)
    if "fail_times" in knobs:
        _fail(call, knobs["fail_times"], command)


def _fail(call: Invocation, entries: Any, command: str) -> None:
    """Apply `fail_times` (COMMAND:N:RC:STDERR); N is counted down in the knob."""
    kept = [entries] if isinstance(entries, str) else list(entries)
    for index, entry in enumerate(kept):
        target, left, rc, text = [*entry.split(":", 3), "1", "1", ""][:4]
        if target in (command, "*") and int(left) > 0:
            kept[index] = f"{target}:{int(left) - 1}:{rc}:{text}"
            call.db.set_knob("fail_times", kept)
            raise Refused(int(rc), err=f"{text}\n" if text else "")


def open_database(call: Invocation, command: str, *, waits: bool) -> None:
    """Apply `db_down` where the real command opens OAR's database.

    With `waits` the command retries until the knob is cleared; otherwise it fails.
    """
    while call.db.knob("db_down"):
        if call.dialect.major == 3:
            raise Refused(1, err=NO_DATABASE_3.replace("{command}", command))
        detail = NO_DATABASE_26 if call.dialect.hash_errors else ""
        if not waits:
            raise Refused(25, err=detail.replace("{user}", "oar_ro") + NO_DATABASE_2)
        # oarsub and oardel retry for ever; they are setuid, so their caller cannot signal them.
        _ignore_signals()
        _sleep(call)


def hang(call: Invocation) -> None:
    """Hang for ever and ignore SIGTERM; a child in another session keeps the pipes open."""
    _ignore_signals()
    call.db.close()
    if os.fork() == 0:
        os.setsid()
    call.db.open()
    processes.register(call.db, "hanging")
    while True:
        _sleep(call)


def _ignore_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _sleep(call: Invocation) -> None:
    time.sleep(HANG_POLL)
    if not os.path.exists(call.db.path):
        os._exit(1)


def after_command(call: Invocation, command: str, reply: Reply) -> Reply:
    """Apply the knobs that change the reply."""
    knobs = call.db.knobs()
    garbage = setting(knobs, "garbage", command)
    if garbage is not None:
        reply = Reply(0, garbage, "")
    if setting(knobs, "half", command) is not None:
        reply = Reply(reply.rc, reply.out[: len(reply.out) // 2], reply.err)
    warning = setting(knobs, "warn_before", command)
    if warning is not None:
        reply = Reply(reply.rc, f"{warning}\n{reply.out}", reply.err)
    return reply
