"""Detects that the package is replaced while a script of A-REX runs, and starts the script again.

cp, pip, dpkg and rpm all replace a package file by file, and a script imports its modules while it
runs. Modules of two versions in one process may fail, or do something that neither version does.
So a script checks before it changes anything, and after any failure. Starting it again is safe: it
may be killed at any step (docs/guarantees.md). The scripts themselves, `share/OAR-job`, start
again if the package cannot be imported at all.

Only a script is watched: a program that uses the package as a library has loaded it before.
"""

from __future__ import annotations

import os
import sys
import time
from typing import NoReturn

from arc_lrms_oar.errors import OarLrmsError

# In the environment of a script that was started again; counted together with `share/OAR-job`.
_COUNTER = "ARC_LRMS_OAR_TRIES"
_TRIES = 15
# The environment of a script that must not wait for the end of an upgrade.
NO_MORE_TRIES = {_COUNTER: str(_TRIES)}
# Seconds without a change after which the package is regarded as complete.
_QUIET = 5.0
# Seconds after the last change in which an internal error is regarded as one of a mixed package.
_SUSPICIOUS = 60.0
_LONGEST_WAIT = 60.0
_STEP = 1.0
_FOLDER = os.path.dirname(os.path.abspath(__file__))

_started: float | None = None


class PackageReplaced(OarLrmsError):
    """The package was replaced since the script started; the script has to start again."""


def watch() -> None:
    """Start watching, if this process is a script of A-REX, such as submit-OAR-job."""
    global _started
    if os.path.basename(sys.argv[0]).endswith("-job"):
        _started = time.time()


def check(error: Exception | None = None) -> None:
    """Raise PackageReplaced if the package has been replaced since `watch`, or just before.

    After an `error` that no module of this package raises by itself, a change in the last minute is
    enough. It takes less than 1 ms. After too many starts, and without `watch`, nothing is raised.
    """
    known = error is None or isinstance(error, (OarLrmsError, OSError, ValueError))
    if _replaced(_QUIET if known else _SUSPICIOUS):
        raise PackageReplaced("arc_lrms_oar was replaced while this script ran: run it again")


def start_again_if_replaced(error: Exception) -> None:
    """After `error`, wait for the end of a replacement and run the script anew.

    Returns if the package has not been replaced.
    """
    if not isinstance(error, PackageReplaced):
        try:
            check(error)
        except PackageReplaced:
            pass
        else:
            return
    _start_again()


def _replaced(seconds: float) -> bool:
    """Whether a file has changed since `seconds` before `watch`."""
    if _started is None or _tries() >= _TRIES:
        return False
    # A time in the future is that of a clock that was wrong.
    return _started - seconds < _last_change() <= time.time() + _STEP


def _start_again() -> NoReturn:
    until = time.time() + _LONGEST_WAIT
    time.sleep(_STEP)
    while abs(time.time() - _last_change()) <= _QUIET and time.time() < until:
        time.sleep(_STEP)
    environment = {**os.environ, _COUNTER: str(_tries() + 1)}
    os.execve(sys.executable, [sys.executable, *sys.argv], environment)


def _tries() -> int:
    return int(os.environ.get(_COUNTER, "0"))


def _last_change() -> float:
    """When a file of the package last changed, in seconds since 1970; now while files vanish.

    No program can set the time of this change (st_ctime) back. Bytecode does not count: Python
    writes it.
    """
    newest = 0.0
    for folder, folders, names in os.walk(_FOLDER):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            try:
                newest = max(newest, os.lstat(os.path.join(folder, name)).st_ctime)
            except FileNotFoundError:
                return time.time()
    return newest or time.time()
