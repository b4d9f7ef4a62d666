"""Find the session directory of a job without trusting the job's user.

Users own their job's `.local` and can change its `sessiondir`. A-REX uses the path that it has in
memory, so a report written anywhere else would leave the accounting to the user's own diag.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from arc_lrms_oar.arex.controldir import GridJob


def session_dir_of(job: GridJob, roots: Sequence[str]) -> tuple[str, str]:
    """Return the job's session directory, and what is wrong with the one in `.local`, or "".

    `roots` are the values of A-REX's option `sessiondir`; A-REX names the directory below one of
    them after the grid job ID. If none of them holds it, the path is "". The value in `.local` is
    taken as it is only where a root depends on the user ("*", "%…"), or where no root is known.
    """
    stated = job.session_dir
    fixed = [root for root in roots if root.startswith("/") and "%" not in root]
    expected = [os.path.join(root, job.grid_id) for root in fixed]
    for path in expected:
        if stated and os.path.normpath(stated) == os.path.normpath(path):
            return path, ""
    for path in expected:
        if _is_directory_of(job, path):
            return path, f"sessiondir is {stated!r} in .local, and {path} is used"
    if len(fixed) < len(roots) or not roots:
        return stated, "" if stated else "no sessiondir in .local"
    return "", f"sessiondir is {stated!r} in .local, which is not below {' or '.join(fixed)}"


def _is_directory_of(job: GridJob, path: str) -> bool:
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return job.owner is None or status.st_uid == job.owner.uid
