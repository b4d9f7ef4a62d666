"""One invocation of a command: its caller, its arguments and its reply.

Nothing is printed here: entrypoint.py applies the fault knobs to the reply and writes it.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence

from .database import Database
from .dialect import Dialect


class Invocation:
    """The invocation of a command. `args` does not include the command's name."""

    def __init__(self, db: Database, dialect: Dialect, args: Sequence[str]) -> None:
        self.db = db
        self.dialect = dialect
        self.args = args
        self.uid = os.getuid()

    @property
    def user(self) -> str:
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)


class Reply:
    """Exit status, standard output and standard error of a command."""

    def __init__(self, rc: int = 0, out: str = "", err: str = "") -> None:
        self.rc = rc
        self.out = out
        self.err = err


class Refused(Exception):
    """Raised anywhere in a command to end it with this reply."""

    def __init__(self, rc: int, out: str = "", err: str = "") -> None:
        super().__init__(rc)
        self.reply = Reply(rc, out, err)


def click_error(command: str, arguments: str, text: str) -> Refused:
    """The reply of every OAR 3 command (Python's click) to a wrong command line."""
    if text.endswith("requires an argument."):
        return Refused(2, err=f"Error: {text}\n")
    return Refused(
        2,
        err=f"Usage: .{command} [OPTIONS]{arguments}\nTry '.{command} --help' for help.\n\n"
        f"Error: {text}\n",
    )


def shuffled(ids: Sequence[int]) -> list[int]:
    """Put IDs into a fixed, meaningless order, as OAR 2 prints hashes and unordered SQL results."""
    return sorted(ids, key=lambda i: (i * 2654435761) & 0xFFFF)
