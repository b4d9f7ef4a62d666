"""Does something as another user, in a child process that is this user altogether.

Scan acts as a user by its effective ids (`arex.userfiles`); commands, which look at the real ids
too, and whatever they start, need a process of their own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from arc_lrms_oar.admin.mapped_users import Account
from arc_lrms_oar.errors import OarLrmsError, SiteError

_UMASK = 0o077


def as_user(account: Account, work: Callable[[], Any]) -> Any:
    """What `work` gives (JSON values), done as `account`.

    An OarLrmsError or OSError of `work` is raised here as a SiteError with the same text; so is
    the lack of the right to become another user.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _answer(writer, account, work)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    try:
        kind, value = json.loads(said)
    except ValueError:
        raise SiteError(f"what was tried as {account.name} ended without an answer") from None
    if kind != "ok":
        raise SiteError(value)
    return value


def _answer(writer: int, account: Account, work: Callable[[], Any]) -> None:
    """Does the work, writes what came of it, and ends this process."""
    try:
        if os.geteuid() != account.uid:
            os.setgroups(account.groups)
            os.setgid(account.gid)
            os.setuid(account.uid)
        os.umask(_UMASK)
        os.chdir("/")
        answer: list[Any] = ["ok", work()]
    except (OarLrmsError, OSError) as error:
        answer = ["error", str(error)]
    except BaseException as error:
        answer = ["error", f"{type(error).__name__}: {error}"]
    try:
        with os.fdopen(writer, "w", encoding="utf-8") as pipe:
            json.dump(answer, pipe)
    finally:
        os._exit(0)
