"""Where each executable of the stand-in comes in: entry.py STATE COMMAND ARGUMENT…

Notes the call, asks the command's module for its answer and writes it.
Must not: import more than this command needs; a start costs every test.
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
    # Imported here: only now is the package on the path.
    from standin import faults, processes
    from standin.command import Call, Refused
    from standin.dialect import dialect
    from standin.store import Store

    store = Store(state)
    noted = store.insert(
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
    call = Call(store, dialect(store.knob("version")), [_text(a) for a in args])
    try:
        faults.before(call, command)
        reply = importlib.import_module(MODULES[command]).run(call, command)
    except Refused as refused:
        reply = refused.reply
    reply = faults.after(call, command, reply)
    # Before the answer is out: who has read it may look at the calls at once.
    store.execute("UPDATE calls SET rc = ? WHERE call_id = ?", (reply.rc, noted))
    store.close()
    _write(1, reply.out)
    _write(2, reply.err)
    return reply.rc


def _text(argument: str) -> str:
    """UTF-8 whatever the locale; what is not UTF-8 becomes U+FFFD, as SQLite takes text only."""
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
    except OSError:  # the reader has gone; the real commands do not report that either
        pass


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
