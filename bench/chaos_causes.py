"""Check the cause that A-REX gives for a failed job against the plan, the faults and OAR. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from chaos_plan import AGAIN, AGAIN_AFTER, PlannedJob
from chaos_records import GridJob, Happened, OarJob

# The code that scan reports for a deleted job: 256 plus SIGKILL.
KILLED_WITH = 265
NO_CODE = 512
CANCELED = "Job is canceled by external request"
_NOT_SUBMITTED = (
    "Job submission to LRMS failed",
    "Failed extracting LRMS ID due to some internal error",
)
_IN_LRMS = re.compile(r"LRMS error: \(([0-9]+)\) (.*)", re.S)
SERVER_FAULTS = (
    "oar-kill",
    "oar-restart",
    "database-kill",
    "database-restart",
    "database-full",
    "restore-dump",
)
_NODE_FAULTS = ("sshd-kill", "node-refuses", "node-dead", *SERVER_FAULTS)
_DISK_FAULTS = ("control-full", "session-full")
# Parts of the reasons of failed submissions, and the faults that explain them.
_FAILED_SUBMISSIONS = {
    "OAR did not answer": SERVER_FAULTS,
    "session directory": _DISK_FAULTS,
    "cannot write the job ID": _DISK_FAULTS,
}


class Case(NamedTuple):
    """One failed job with all that may explain it; `oar_job` is its last one, None if unknown."""

    planned: PlannedJob
    job: GridJob
    oar_job: OarJob | None
    faults: Sequence[Happened]

    def during(self, *kinds: str) -> bool:
        """Return whether a fault of one of these kinds concerns the job."""
        return any(one.kind in kinds and one.concerns(self.job) for one in self.faults)

    def target_of(self, kind: str, word: str = "") -> bool:
        """Return whether the job was hit by a fault of this kind, as a target with this word."""
        return any(
            one.kind == kind and self.job.grid_id in target and target.startswith(word)
            for one in self.faults
            for target in one.targets
        )

    def has_event(self, kind: str, text: str = "") -> bool:
        return self.oar_job is not None and self.oar_job.has_event(kind, text)


def code_of(failure: str) -> int | None:
    """Return the code in a failure of the LRMS, 0 for success, None for other failures."""
    if not failure:
        return 0
    found = _IN_LRMS.match(failure)
    return int(found[1]) if found else None


def wrong_cause(case: Case) -> str:
    """Return what is wrong with the reason for which the job has failed, "" if nothing is."""
    failure = case.job.failure
    if failure.startswith(CANCELED):
        return "" if case.planned.kill_at is not None else "nobody killed it"
    if failure.startswith(_NOT_SUBMITTED):
        possible = case.target_of("submit-kill") or case.during(*_DISK_FAULTS)
        return "" if possible else "nothing disturbed its submission"
    in_lrms = _IN_LRMS.match(failure)
    if not in_lrms:
        return "the reason is unknown to the checker"
    code, text = int(in_lrms[1]), in_lrms[2]
    if case.job.unsubmitted:
        return _failed_submission(case, code, text)
    for start, right_code, check in _CAUSES:
        if text.startswith(start):
            if right_code is not None and code != right_code:
                return f"the code should be {right_code}"
            return check(case, text)
    return "the reason is unknown to the checker"


def _failed_submission(case: Case, code: int, text: str) -> str:
    if code != NO_CODE:
        return f"the code should be {NO_CODE}"
    for part, faults in _FAILED_SUBMISSIONS.items():
        if part in text:
            return "" if case.during(*faults) else "nothing disturbed its submission"
    return "the reason is unknown to the checker"


def _exit_code(case: Case, text: str) -> str:
    code = code_of(case.job.failure)
    named = re.match(r"Job finished with exit code ([0-9]+)", text)
    right = code == case.planned.exit_code or (code == AGAIN and _too_short_by_clock(case))
    if not right or not named or int(named[1]) != code:
        return f"its program exits with {case.planned.exit_code}"
    if case.oar_job is not None and case.oar_job.status != code << 8:
        return f"OAR has the status {case.oar_job.status}"
    return ""


def _too_short_by_clock(case: Case) -> bool:
    """Whether OAR did not run an idempotent job again, since it was too short by its clock."""
    one = case.oar_job
    if case.planned.kind != "again" or one is None or not case.during("clock-jump"):
        return False
    return one.stop - one.start <= AGAIN_AFTER


def _wall_time(case: Case, _text: str) -> str:
    ended = [
        one
        for one in (case.oar_job.events if case.oar_job else ())
        if one.startswith("WALLTIME ") and "walltime changed" not in one.lower()
    ]
    if not ended:
        return "OAR has no event of the end of its wall time"
    short = case.planned.kind == "over" or case.target_of("shorter-walltime")
    return "" if short else "its wall time was not over"


def _preempted(case: Case, _text: str) -> str:
    right = case.planned.kind == "besteffort" and case.has_event("BESTEFFORT_KILL")
    return "" if right else "OAR did not end it as a best-effort job"


def _node(case: Case, text: str) -> str:
    named = re.search(r"\(([A-Z_]+)\)", text)
    if not named or not case.has_event(named[1]):
        return "OAR has no such event"
    return "" if case.during(*_NODE_FAULTS) else "no fault of nodes or servers happened"


def _deleted(case: Case, text: str) -> str:
    named = re.match(r"Job was deleted in OAR by user (\w+)", text)
    if not named or not case.has_event("FRAG_JOB_REQUEST", f"User {named[1]} "):
        return "OAR has no such event"
    if case.planned.kill_at is not None:
        return ""
    # A-REX that cannot write the state of a job calls the cancel script, and has the job INLRMS
    # again when it restarts (ARC 7.0, seen).
    by_root = named[1] == "root"
    return "" if case.during("node-dead" if by_root else "control-full") else "nobody deleted it"


def _lost(case: Case, _text: str) -> str:
    return "" if case.target_of("restore-dump", "lost ") else "OAR has lost no such job"


def _no_exit_code(case: Case, _text: str) -> str:
    # The bipbip of a job that the dump does not have, of a new job with its ID.
    restored = case.during("restore-dump") and case.oar_job is not None and not case.oar_job.start
    return "" if restored else "OAR should know its exit code"


def _session_directory(case: Case, _text: str) -> str:
    return "" if case.during(*_DISK_FAULTS) else "its session directory was in order"


_CAUSES: tuple[tuple[str, int | None, Callable[[Case, str], str]], ...] = (
    ("Job finished with exit code", None, _exit_code),
    ("Job exceeded its walltime", KILLED_WITH, _wall_time),
    ("Job ran as best-effort", KILLED_WITH, _preempted),
    ("Job was lost to a failure of its nodes", NO_CODE, _node),
    ("Job was deleted in OAR", KILLED_WITH, _deleted),
    ("Job is lost", NO_CODE, _lost),
    ("OAR does not know the job's exit code", NO_CODE, _no_exit_code),
    ("The session directory could not be used", NO_CODE, _session_directory),
    ("The output files could not be written", NO_CODE, _session_directory),
)
