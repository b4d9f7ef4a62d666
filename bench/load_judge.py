"""Check that each job of a load ended as planned, exactly once, and with its accounting.

Pure functions. What OAR and A-REX store is read by `load_oar` and `load_arex`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from load_plan import Planned

_CANCELED = "Job is canceled by external request"
# The code that scan reports for a deleted job: 256 plus SIGKILL.
_KILLED_WITH = 265
# A-REX's own code for a failed job without an exit code, as of one that never ran.
_NEVER_RAN = 1
_ENDED = ("Terminated", "Error")


@dataclass(frozen=True)
class OarJob:
    """One job in OAR.

    `status` is the raw wait status, `ended` seconds since 1970, `predecessor` the ID of the job
    that OAR resubmitted as this one, 0 if there is none. `ran`: whether it was ever Running.
    """

    job_id: int
    name: str
    state: str
    status: int | None
    ended: int = 0
    predecessor: int = 0
    ran: bool = True


@dataclass(frozen=True)
class GridJob:
    """One job in A-REX; `accounted` is the exit code in its accounting record."""

    state: str
    failure: str
    local_id: str
    accounted: int | None


def wrongs_in_arex(planned: Planned, job: GridJob) -> list[str]:
    """Return what is wrong with a job in A-REX, one phrase per error."""
    if job.state != "FINISHED":
        return [f"is in {job.state or 'no state'}"]
    if planned.killed:
        right = job.failure.startswith(_CANCELED)
    elif planned.exit_code:
        right = job.failure.startswith(f"LRMS error: ({planned.exit_code}) ")
    else:
        right = not job.failure
    return [] if right else [f"{_wanted(planned)}, but A-REX says {job.failure or 'success'!r}"]


def wrongs_in_oar(planned: Planned, job: OarJob) -> list[str]:
    """Return what is wrong with a job in OAR, one phrase per error."""
    if job.state not in _ENDED:
        return [f"is left in OAR as {job.state} ({job.job_id})"]
    if planned.exit_code is None:
        right = job.state == "Error"
    else:
        right = (job.state, job.status) == ("Terminated", planned.exit_code << 8)
    said = f"{job.state} with status {job.status} ({job.job_id})"
    return [] if right else [f"{_wanted(planned)}, but OAR says {said}"]


def wrongs_through_us(planned: Planned, job: GridJob, held: Sequence[OarJob]) -> list[str]:
    """Return what is wrong with a grid job that has the jobs `held` in OAR.

    A job that is killed before its submission has no OAR job and no accounting record: A-REX opens
    the record when the job enters the LRMS (ARC 6.17). OAR may have resubmitted a job that it could
    not start; only the last of such a chain counts.
    """
    found = wrongs_in_arex(planned, job)
    ids = [str(one.job_id) for one in held]
    single = [one.predecessor for one in held] == [0, *(one.job_id for one in held[:-1])]
    if not (single and job.local_id in ids) and not (
        planned.killed and not ids and not job.local_id
    ):
        found.append(f"has OAR jobs {ids}, and A-REX has local ID {job.local_id or 'none'!r}")
    for one in held[-1:]:
        found += wrongs_in_oar(planned, one)
    if not ids:
        return found
    killed_with = _KILLED_WITH if held[-1].ran else _NEVER_RAN
    if job.accounted is None:
        found.append("has no accounting record")
    elif job.accounted != (killed_with if planned.killed else planned.exit_code):
        found.append(f"{_wanted(planned)}, but accounting has exit code {job.accounted}")
    return found


def by_grid_id(
    held: Iterable[OarJob], names: Iterable[str]
) -> tuple[dict[str, list[OarJob]], list[str]]:
    """Return the OAR jobs of each of the grid jobs, and one phrase for each other OAR job.

    The name of a job in OAR ends with the grid job ID.
    """
    found: dict[str, list[OarJob]] = {name: [] for name in names}
    unrelated = []
    for job in held:
        name = job.name.rpartition("-")[2]
        if name in found:
            found[name].append(job)
        else:
            unrelated.append(f"OAR job {job.job_id}: belongs to no grid job ({job.name})")
    return found, unrelated


def _wanted(planned: Planned) -> str:
    return "was killed" if planned.killed else f"exits with code {planned.exit_code}"
