"""The list of queues, for root and oar only: `oarnotify -l` of 2.x and `oarqueue` of OAR 3."""

from __future__ import annotations

from . import faults
from .invocation import Invocation, Refused, Reply

_USAGE = (
    "Usage: /usr/lib/oar/oarnotify [-h] [-V] [-e str] [-d str] [-E] [-D] [--add-queue str]"
    " [--remove-queue]\n[-l] [tag_to_Almighty]\nSend a tag to Almighty and manage queues\n"
)


def run(call: Invocation, command: str) -> Reply:
    if "-V" in call.args or "--version" in call.args:
        return Reply(0, call.dialect.version_line + "\n")
    listed = set(call.args) & {"-l", "--list-queues", "--list"}
    if command == "oarnotify" and not listed:
        raise Refused(1, _USAGE)
    if call.user not in ("root", "oar"):
        if command == "oarnotify":
            raise Refused(126, err="oarnotify: Permission denied\n")
        raise Refused(8, err="#ERROR: You must be oar or root\n")
    faults.open_database(call, command, waits=False)
    new = call.dialect.major == 3
    indent, word = ("", "policy") if new else ("\t", "scheduler")
    order = "priority DESC" if new else "rowid"
    return Reply(
        0,
        "".join(
            f"{row['name']}\n{indent}priority = {row['priority']}\n"
            f"{indent}{word} = {row['policy']}\n{indent}state = {row['state']}\n"
            for row in call.db.rows(f"SELECT * FROM queues ORDER BY {order}")
        ),
    )
