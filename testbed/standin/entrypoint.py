"""Entry point of every executable of the stand-in: entrypoint.py STATE COMMAND ARGUMENT…

Records the call, runs the command's module and writes its reply. Only the modules that the command
needs are imported, since each start-up slows every test.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time

if __package__ in (None, ""):
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

MODULES = {
    "oarsub": "standin.oarsub",
    "oarstat": "standin.oarstat",
    "oardel": "standin.oardel",
    "oarhold": "standin.oardel",
    "oarresume": "standin.oardel",
    "oarnodes": "standin.oarnodes",
    "oarnotify": "standin.oarqueue",
    "oarqueue": "standin.oarqueue",
}


def main(state: str, command: str, args: list[str]) -> int:
    # The package is on the path only after the lines above have run.
    from standin import faults, processes
    from standin.database import Database
    from standin.dialect import dialect
    from standin.invocation import Invocation, Refused

    db = Database(state)
    call_id = db.insert(
        "INSERT INTO calls (argv, cwd, env, uid, gid, pid, pid_start, started)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            json.dumps([command, *args]),
            json.dumps(_cwd()),
            json.dumps(dict(os.environ)),
            os.getuid(),
            os.getgid(),
            os.getpid(),
            processes.start_time(os.getpid()),
            time.time(),
        ),
    )
    call = Invocation(db, dialect(db.knob("version")), [_text(a) for a in args])
    try:
        faults.before_command(call, command)
        reply = importlib.import_module(MODULES[command]).run(call, command)
    except Refused as refused:
        reply = refused.reply
    reply = faults.after_command(call, command, reply)
    # Before the reply is written: its reader may look at the calls at once.
    db.execute("UPDATE calls SET rc = ? WHERE call_id = ?", (reply.rc, call_id))
    db.close()
    _write(1, reply.out)
    _write(2, reply.err)
    return reply.rc


def _text(argument: str) -> str:
    """Decode as UTF-8 in any locale; other bytes become U+FFFD, since SQLite stores text only."""
    return os.fsencode(argument).decode("utf-8", "replace")


def _cwd() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def _write(fd: int, text: str) -> None:
    data = text.encode("utf-8", "surrogateescape")
    try:
        while data:
            data = data[os.write(fd, data) :]
    except OSError:  # the reader is gone; the real commands do not report that either
        pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
