"""Why a submission failed: a file in the job's private directory, from submit to scan.

Submission writes it as the mapped user. Its name is the local job ID that marks the job as not
submitted (`local_ids`). The user can change the file, so a reader gets one of the known kinds and a
short printable line, whatever the file holds.
"""

from __future__ import annotations

import os
from contextlib import suppress

from arc_lrms_oar.console import printable
from arc_lrms_oar.errors import (
    ConfigError,
    GramiError,
    JobError,
    OarLrmsError,
    OarRefused,
    OarUnavailable,
)
from arc_lrms_oar.files import atomic_write
from arc_lrms_oar.job.submit_journal import make_private_dir, private_dir

# The kinds of failures, which are labels of a metric, by the error of the submission.
_KINDS: dict[type[OarLrmsError], str] = {
    OarRefused: "refused",
    OarUnavailable: "unavailable",
    JobError: "job",
    GramiError: "grami",
    ConfigError: "configuration",
}
_OTHER = "other"
KINDS = (*_KINDS.values(), _OTHER)

# No more than this number of bytes is read, and of characters reported.
LIMIT = 4096
_LONGEST = 1000
_NO_REASON = (
    "The job was not submitted to OAR; the reason could not be kept in the session directory, and "
    "is in the job's errors (arccat -l)"
)


def path_of(session_dir: str, local_id: str) -> str:
    """Path of the file of the job with this session directory and local job ID."""
    return os.path.join(private_dir(session_dir), local_id)


def write(session_dir: str, local_id: str, error: OarLrmsError) -> None:
    """Write the reason for a failed submission; raises OSError."""
    make_private_dir(session_dir)
    kind = next((kind for known, kind in _KINDS.items() if isinstance(error, known)), _OTHER)
    content = f"{kind}\n{error}\n".encode("utf-8", "replace")
    atomic_write(path_of(session_dir, local_id), content, sync=True)


def remove(session_dir: str, local_id: str) -> None:
    """Remove the reason, and the private directory if nothing else is in it; ignores errors."""
    with suppress(OSError):
        os.unlink(path_of(session_dir, local_id))
        os.rmdir(private_dir(session_dir))


def parse(content: bytes) -> tuple[str, str]:
    """Return kind and reason of a failure; any other content gives a general reason.

    The reason is one printable line.
    """
    kind, _, text = content.decode("utf-8", "replace").partition("\n")
    reason = printable(text.partition("\n")[0]).strip()
    if kind not in KINDS or not reason:
        return _OTHER, _NO_REASON
    return kind, reason if len(reason) <= _LONGEST else f"{reason[: _LONGEST - 3]}..."
