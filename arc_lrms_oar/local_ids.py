"""Local job IDs, as A-REX stores them for a grid job: OAR's job ID, or that no OAR job was made.

A-REX takes any text that submission writes into the GRAMi file. Of a job whose submission failed it
gets an ID that cannot be OAR's, so that scan can report the reason to the grid user
(docs/internals/arc.md#submissions-that-fail).
"""

from __future__ import annotations

import os
import re

_OAR_JOB_ID = re.compile(r"[1-9][0-9]{0,17}")
_UNSUBMITTED = re.compile(r"not-submitted-[0-9a-f]{12}")


def oar_job_id(local_id: str) -> int | None:
    """The job ID in OAR, None if the text is none."""
    return int(local_id) if _OAR_JOB_ID.fullmatch(local_id) else None


def new_unsubmitted_id() -> str:
    """A new local job ID for a job whose submission failed.

    It is unique, since accounting servers take records with one local job ID and one end time for
    the same job.
    """
    return f"not-submitted-{os.urandom(6).hex()}"


def is_unsubmitted(local_id: str) -> bool:
    """Whether this is the local job ID of a job whose submission failed; it is a safe file name."""
    return bool(_UNSUBMITTED.fullmatch(local_id))
