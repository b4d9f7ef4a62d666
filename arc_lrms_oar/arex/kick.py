"""Notify A-REX that jobs have changed: gm-kick, one process for all of them.

A-REX also checks its jobs at intervals, so a failed kick costs no more than one interval.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from arc_lrms_oar import process
from arc_lrms_oar.arex.controldir import GridJob, kick_argument
from arc_lrms_oar.log import Log

_FOLDERS = ("libexec/arc", "lib/arc", "lib64/arc")
_TIMEOUT = 60
_JOBS_IN_ONE_CALL = 5000


def find_gm_kick() -> str | None:
    """The path of gm-kick below $ARC_LOCATION (default /usr), None if it is not installed."""
    prefix = os.environ.get("ARC_LOCATION") or "/usr"
    for folder in _FOLDERS:
        path = os.path.join(prefix, folder, "gm-kick")
        if os.access(path, os.X_OK):
            return path
    return None


def kick(jobs: Sequence[GridJob], log: Log) -> None:
    """Notify A-REX of `jobs`, which all belong to one control directory."""
    program = find_gm_kick() if jobs else None
    if program is None:
        return
    for start in range(0, len(jobs), _JOBS_IN_ONE_CALL):
        block = jobs[start : start + _JOBS_IN_ONE_CALL]
        arguments = [word for job in block for word in ("-j", job.grid_id)]
        try:
            argv = [program, *arguments, kick_argument(block[0])]
            done = process.run(argv, _TIMEOUT, os.environ)
        except OSError as error:
            why = str(error.strerror)
        else:
            why = f"exit status {done.status}" if done.status else ""
        if why:
            log.say("WARNING", f"gm-kick failed, A-REX will notice later: {why}")
