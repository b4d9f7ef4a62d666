"""Run a function as another user, for tests that run as root."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


def run_as(uid: int, function: Callable[[], Any], umask: int = 0o077) -> Any:
    """Execute `function` in a forked child with this uid, the same gid and no other groups.

    The child cannot import modules, since the interpreter may be in a directory of root's.

    Returns:
        What `function` returns, as JSON values.

    Raises:
        RuntimeError: `function` raised; the message has the type and text of its exception.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            os.umask(umask)
            answer: list[Any] = ["ok", function()]
        except BaseException as error:
            answer = ["error", f"{type(error).__name__}: {error}"]
        with os.fdopen(writer, "w") as pipe:
            json.dump(answer, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        kind, value = json.load(pipe)
    os.waitpid(child, 0)
    if kind == "error":
        raise RuntimeError(value)
    return value
