"""What every command has in common: who calls, what it answers.

Must not: print; entry.py writes the reply, after the faults have been at it.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence

from .dialect import Dialect
from .store import Store


class Call:
    """One invocation. `args` is without the command's name."""

    def __init__(self, store: Store, dialect: Dialect, args: Sequence[str]) -> None:
        self.store = store
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
    """Exit code, standard output, standard error."""

    def __init__(self, rc: int = 0, out: str = "", err: str = "") -> None:
        self.rc = rc
        self.out = out
        self.err = err


class Refused(Exception):
    """Ends a command from anywhere with what has been said so far."""

    def __init__(self, rc: int, out: str = "", err: str = "") -> None:
        super().__init__(rc)
        self.reply = Reply(rc, out, err)


def click_error(command: str, arguments: str, text: str) -> Refused:
    """How every command of OAR 3 refuses its command line."""
    if text.endswith("requires an argument."):
        return Refused(2, err=f"Error: {text}\n")
    return Refused(
        2,
        err=f"Usage: .{command} [OPTIONS]{arguments}\nTry '.{command} --help' for help.\n\n"
        f"Error: {text}\n",
    )


def shuffled(ids: Sequence[int]) -> list[int]:
    """OAR 2 prints hashes and unordered SQL results: an order that means nothing, but repeats."""
    return sorted(ids, key=lambda i: (i * 2654435761) & 0xFFFF)
