"""Kills a piece of work at each of its steps: every write and every command is one.

The work runs in a child process that is gone at once, as by SIGKILL: no `finally`, no `except`.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from typing import Any

_KILLED = 77
_FAILED = 78
_CALLS = (
    *("write", "pwrite", "replace", "rename", "unlink", "mkdir", "rmdir", "fsync", "ftruncate"),
    *("chmod", "fchmod", "fchown", "seteuid", "posix_spawn"),
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def killed_before(step: int, work: Callable[[], object]) -> bool:
    """Runs `work` in a child that ends before its step number `step`; False: it has fewer steps."""
    child = os.fork()
    if child == 0:
        try:
            _watch(step)
            work()
            os._exit(0)
        finally:
            os._exit(_FAILED)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == _FAILED:
        raise RuntimeError(f"the work failed before its step {step}")
    return status == _KILLED


def _watch(last: int) -> None:
    count = 0

    def counted(real: Callable[..., Any], writes: Callable[..., bool]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            if writes(*arguments):
                count += 1
                if count == last:
                    os._exit(_KILLED)
            return real(*arguments, **named)

        return call

    def always(*_: Any) -> bool:
        return True

    def for_writing(_path: object, flags: int = 0, *_: Any) -> bool:
        return bool(flags & _WRITING)

    for name in _CALLS:
        setattr(os, name, counted(getattr(os, name), always))
    os.open = counted(os.open, for_writing)
    start = subprocess.Popen.__init__
    subprocess.Popen.__init__ = counted(start, always)  # type: ignore[method-assign]
