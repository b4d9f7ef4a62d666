"""Tells A-REX that jobs have changed: gm-kick, one process for all of them.

A-REX looks by itself from time to time, so a kick that fails loses nothing but that time.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from arc_lrms_oar.arex.controldir import GridJob, kick_argument
from arc_lrms_oar.log import Log

_PLACES = ("libexec/arc", "lib/arc", "lib64/arc")
_TIMEOUT = 60
_JOBS_IN_ONE_CALL = 5000


def find_gm_kick() -> str | None:
    """The path of gm-kick: below $ARC_LOCATION (default /usr), or None."""
    prefix = os.environ.get("ARC_LOCATION") or "/usr"
    for place in _PLACES:
        path = os.path.join(prefix, place, "gm-kick")
        if os.access(path, os.X_OK):
            return path
    return None


def kick(jobs: Sequence[GridJob], log: Log) -> None:
    """Kicks A-REX for `jobs`, which are all of one control directory."""
    program = find_gm_kick() if jobs else None
    if program is None:
        return
    # It takes 4 ms to load, and most scans have nobody to kick for.
    import subprocess

    for start in range(0, len(jobs), _JOBS_IN_ONE_CALL):
        block = jobs[start : start + _JOBS_IN_ONE_CALL]
        words = [word for job in block for word in ("-j", job.grid_id)]
        try:
            subprocess.run(
                [program, *words, kick_argument(block[0])],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_TIMEOUT,
                check=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            log.say("WARNING", f"gm-kick failed, A-REX will look by itself: {error}")
