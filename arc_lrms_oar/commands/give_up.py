"""Give up a submission in such a way that the grid user reads the reason.

A-REX itself reports only "Job submission to LRMS failed" (docs/internals/arc.md#submit). So the
failed job is handed over to scan: its reason is left in the session directory, and the job gets a
local job ID that cannot be OAR's. A-REX then takes the job for submitted, and scan reports it as
failed at once.
"""

from __future__ import annotations

from contextlib import suppress

from arc_lrms_oar.arex.controldir import read_local_lines, sibling
from arc_lrms_oar.errors import GramiError, OarLrmsError
from arc_lrms_oar.job import failed_submission, grami
from arc_lrms_oar.local_ids import new_unsubmitted_id


def give_up(path: str, error: OarLrmsError) -> None:
    """Hand the job of the GRAMi file at `path` over to scan, because `error` ended its submission.

    Idempotent. If the reason cannot be written, for example on a full disk, scan reports a general
    one. Raises GramiError where the local job ID cannot be written.
    """
    session_dir = ""
    with suppress(GramiError):
        values = grami.read_values(path)
        if grami.is_unsubmitted(values):
            return
        session_dir = values.get("joboption_directory", "")
    local_id = new_unsubmitted_id()
    if not session_dir:
        session_dir = "".join(read_local_lines(sibling(path, "local")).get("sessiondir", [])[-1:])
    is_path = session_dir.startswith("/") and "\0" not in session_dir
    if is_path:
        with suppress(OSError):
            failed_submission.write(session_dir, local_id, error)
    try:
        grami.append_local_id(path, local_id)
    except GramiError:
        if is_path:
            failed_submission.remove(session_dir, local_id)
        raise
