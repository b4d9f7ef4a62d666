"""Runs a function as another user, in a child process.

Scan switches its effective IDs only (`arex.userfiles`). Commands also check the real IDs and pass
them on to their own children, so they need a process of their own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from arc_lrms_oar.admin.mapped_users import Account
from arc_lrms_oar.errors import OarLrmsError, SiteError

_UMASK = 0o077


def run_as(account: Account, work: Callable[[], Any]) -> Any:
    """Run `work` as `account`, with umask 077 and the working directory /.

    Returns:
        What `work` returns; it must be representable in JSON.

    Raises:
        SiteError: `work` raised an exception, or this process may not become another user.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _run_in_child(writer, account, work)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    try:
        kind, value = json.loads(answer)
    except ValueError:
        raise SiteError(f"the process run as {account.name} ended without a result") from None
    if kind != "ok":
        raise SiteError(value)
    return value


def _run_in_child(writer: int, account: Account, work: Callable[[], Any]) -> None:
    """Run `work`, write its result to the pipe, and end this process."""
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
