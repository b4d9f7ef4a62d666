"""Keep what the tests inherit from their caller out of them: ignored signals, variables, umask.

A run under `nohup`, in the background of a script, in CI or in a developer's shell must give the
same results. `tests/conftest.py` applies it, and a time limit for each test.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import pytest

# What finds programs and files on this machine, and what configures the tests and their tools.
_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LD_LIBRARY_PATH", "CI")
_KEPT_PREFIXES = ("ARC_OAR_", "PYTEST_", "COV_CORE_", "COVERAGE_")
# Without it, a test could run the `gm-kick` of an ARC that is installed on this machine.
NO_ARC = {"ARC_LOCATION": "/nonexistent/arc"}
_SET = {"LC_ALL": "C.UTF-8", "TZ": "UTC", **NO_ARC}


def restore_ignored_signals() -> list[signal.Signals]:
    """Give the programs that this process starts the default action for every ignored signal.

    Shells start background commands with SIGINT and SIGQUIT ignored, and `nohup` ignores SIGHUP.
    A program inherits an ignored signal through execve(2), but not a handler. An empty handler
    therefore restores the default in the programs, and this process still ignores the signal.
    Python ignores SIGPIPE and SIGXFSZ on its own account, and `subprocess` restores them.

    Returns:
        The signals that were ignored.
    """
    found = []
    for number in signal.valid_signals() - {signal.SIGPIPE, signal.SIGXFSZ}:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _ignore)
            found.append(signal.Signals(number))
    return found


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Do nothing."""


def clean_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a test: PATH, HOME and the like of `variables`, and fixed values.

    Everything else is dropped, such as ARC_CONFIG, X509_USER_PROXY, COLUMNS, TERM, LANGUAGE,
    PYTHONUNBUFFERED and OAR_JOB_ID.
    """
    kept = {
        name: value
        for name, value in variables.items()
        if name in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    return {**kept, **_SET}


@contextmanager
def clean_process() -> Iterator[None]:
    """Run a block with `clean_variables` as the environment and umask 022, and restore both."""
    variables, umask = dict(os.environ), os.umask(0o022)
    _set_variables(clean_variables(variables))
    try:
        yield
    finally:
        _set_variables(variables)
        os.umask(umask)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Fail the test if the block takes longer, so that a test of what must not wait cannot hang.

    The exception is no `Exception`: code under test must not handle it.
    """

    def fail(_number: int, _frame: FrameType | None) -> None:
        pytest.fail(f"still running after {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _set_variables(variables: Mapping[str, str]) -> None:
    for name in os.environ.keys() - variables.keys():
        del os.environ[name]
    os.environ.update(variables)
    time.tzset()
