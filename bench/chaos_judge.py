"""The checker of a chaos run: what is wrong, from the plan, the faults and both databases. Pure.

A violation that a fault of the plan or a known limit of OAR or A-REX explains has an excuse; the
reasons are in this module. Every other one is an error of this package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from chaos_causes import CANCELED, KILLED_WITH, SERVER_FAULTS, Case, code_of, wrong_cause
from chaos_plan import JOB_KINDS, Plan, PlannedJob
from chaos_records import DELETE_STUCK, ENDED, GridJob, Happened, OarJob, Records

# Seconds between a time in the accounting and OAR's: the job's own script notes it on the node.
_TOLERANCE = 15
# Seconds: A-REX makes the accounting record of an accepted job within this time.
_MAKING = 30
# What A-REX records for a failed job without an exit code in its diag: one that never ran.
_NEVER_RAN = 1
LOST = "the restored dump does not have its OAR job"
# A-REX then leaves the file with the reason empty, cleans the session directory without running
# cancel-OAR-job, and does not repeat what it could not write into its accounting.
NO_SPACE = "A-REX has no space in its control directory"
# A-REX makes the record after it has accepted the job, and not again (ARC 6.17, seen).
NO_RECORD = "A-REX was killed before it had made the accounting record"
# The orphaned oarsub goes on, but A-REX has removed the job script: the shell exits with 127.
# A-REX kills the submission of a job that is cancelled, and so does its own restart.
NOTHING_RAN = "its submission was killed, and nothing ran in the OAR job that oarsub made"
_NO_SCRIPT = 127 << 8
_NOT_STARTED = ("Waiting", "Hold")
_BY_ROOT = f"LRMS error: ({KILLED_WITH}) Job was deleted in OAR by user root"
# Seen with OAR 2.5.9: nothing in OAR ends such a job or starts its program any more.
STUCK = "OAR's server or database failed while OAR launched it"
STUCK_AT_END = "OAR's server or database failed while OAR ended it"
STUCK_DELETED = "OAR left it in its launch until the run deleted it, as an admin would"
# OAR ends one that the dump has running only at its wall time.
REVIVED = "the restored dump has its OAR job as it was before its end"


class Finding(NamedTuple):
    """A violation of an invariant; `excuse` is "" if it is an error."""

    name: str
    what: str
    excuse: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.what}" + (f" ({self.excuse})" if self.excuse else "")


def judge(plan: Plan, happened: Sequence[Happened], records: Records) -> list[Finding]:
    """Return every violation of an invariant."""
    found = [Finding("left behind", path) for path in records.left]
    planned = {job.number: job for job in plan.jobs}
    by_grid_id: dict[str, list[OarJob]] = {job.grid_id: [] for job in records.jobs}
    for oar_job in records.oar_jobs:
        if oar_job.grid_id in by_grid_id:
            by_grid_id[oar_job.grid_id].append(oar_job)
        else:
            found.append(Finding(f"OAR job {oar_job.job_id}", "belongs to no grid job"))
    for number in planned.keys() - {job.number for job in records.jobs}:
        found.append(Finding(planned[number].name, "A-REX has no such job"))
    for job in records.jobs:
        if job.number is None or job.number not in planned:
            found.append(Finding(job.grid_id, "is no job of the plan"))
            continue
        one = planned[job.number]
        # A request that gets no answer is repeated, so A-REX may have several jobs of one name.
        same = [other.grid_id for other in records.jobs if other.number == job.number]
        known = {str(held.job_id) for grid_id in same for held in by_grid_id[grid_id]}
        notes = _Notes.of(records.notes.get(one.name, ()), known)
        held = by_grid_id[job.grid_id]
        for what, excuse in _OneJob(one, job, held, happened, notes).findings():
            found.append(Finding(f"{one.name} ({one.kind}) {job.grid_id}", what, excuse))
    return found


class _Notes(NamedTuple):
    """What a program has noted: the OAR jobs that it began in, and its ends as (job ID, code).

    `known` are the job IDs that OAR has for the program's grid jobs.
    """

    begun: Sequence[str]
    ended: Sequence[tuple[str, str]]
    known: set[str]

    @classmethod
    def of(cls, lines: Sequence[str], known: set[str]) -> _Notes:
        rows = [line.split() for line in lines]
        begun = [row[1] for row in rows if len(row) == 2 and row[0] == "begin"]
        ended = [(row[1], row[2]) for row in rows if len(row) == 3 and row[0] == "end"]
        return cls(begun, ended, known)


class _OneJob:
    """The checks of one grid job; each yields a phrase and an excuse."""

    def __init__(
        self,
        planned: PlannedJob,
        job: GridJob,
        held: Sequence[OarJob],
        faults: Sequence[Happened],
        notes: _Notes,
    ) -> None:
        self.planned = planned
        self.job = job
        self.held: Mapping[int, OarJob] = {one.job_id: one for one in held}
        self.faults = faults
        self.notes = notes
        self.last = self.held.get(job.oar_id)
        self.case = Case(planned, job, self.last, faults)
        self.lost = self.case.target_of("restore-dump", "lost ")
        self.revived = self.case.target_of("restore-dump", "revived ")

    def findings(self) -> Iterator[tuple[str, str]]:
        if self.job.state != "FINISHED":
            yield f"is in {self.job.state or 'no state'}", self._stuck()
            return
        yield from self._oar_jobs()
        yield from self._runs()
        if self.job.unexplained:
            yield "failed without a reason", self._no_space()
            return
        yield from self._success() if not self.job.failure else self._failure()
        yield from self._accounting()
        if self.job.left:
            yield (
                f"has left {', '.join(self.job.left)}",
                "" if self.job.local_id else self._no_space(),
            )

    def _oar_jobs(self) -> Iterator[tuple[str, str]]:
        """One OAR job, and those that OAR has replaced by it."""
        chain = set()
        one = self.last
        while one is not None and one.job_id not in chain:
            chain.add(one.job_id)
            one = self.held.get(one.resubmits)
        if self.job.oar_id and self.last is None:
            yield f"OAR does not have its job {self.job.oar_id}", LOST if self.lost else ""
        for job_id, one in self.held.items():
            if one.state not in ENDED:
                excuse = REVIVED if self.revived else self._nothing_ran(one)
                yield f"OAR job {job_id} is left as {one.state}", excuse
            elif job_id not in chain and not self._is_deleted(one):
                excuse = self._excuse() or self._nothing_ran(one)
                yield f"OAR job {job_id} ran beside {self.job.oar_id or 'none'}", excuse

    def _runs(self) -> Iterator[tuple[str, str]]:
        """The program runs once in each OAR job, and in no OAR job that is not known."""
        for job_id in sorted(set(self.notes.begun)):
            times = self.notes.begun.count(job_id)
            if times > 1:
                yield f"ran {times} times in OAR job {job_id}", ""
            if job_id not in self.notes.known:
                yield f"ran in OAR job {job_id}, which is not its own", self._excuse()

    def _success(self) -> Iterator[tuple[str, str]]:
        if self.planned.exit_code != 0:
            yield f"succeeded, but {self._wanted()}", ""
        if (self.job.local_id, "0") not in self.notes.ended:
            yield "succeeded, but its program did not come to its end", ""
        if self.last is not None and (self.last.state, self.last.status) != ("Terminated", 0):
            said = f"{self.last.state} with status {self.last.status}"
            yield f"succeeded, but OAR says {said}", REVIVED if self.revived else ""

    def _failure(self) -> Iterator[tuple[str, str]]:
        why = wrong_cause(self.case)
        stuck = self.case.target_of(DELETE_STUCK) and self.case.during(*SERVER_FAULTS)
        if stuck and self.job.failure.startswith(_BY_ROOT):
            yield "was deleted in OAR", REVIVED if self.revived else STUCK_DELETED
        elif why:
            yield f"failed with {self.job.failure!r}, but {why}", REVIVED if self.revived else ""

    def _accounting(self) -> Iterator[tuple[str, str]]:
        account = self.job.account
        if account is None or not account.complete:
            if self.job.local_id:
                yield "has no complete accounting record", self._no_space() or self._no_record()
            return
        right = KILLED_WITH if self.job.failure.startswith(CANCELED) else code_of(self.job.failure)
        if right and (self.job.unsubmitted or (self.last is not None and not self.last.start)):
            right = _NEVER_RAN
        excuse = REVIVED if self.revived else self._ended_early()
        if self.job.local_id and right is not None and account.exit_code != right:
            yield f"has exit code {account.exit_code} in the accounting, not {right}", excuse
        if self.last is None or not self.last.start or self.last.state not in ENDED:
            return
        pairs = [
            ("start", account.start, self.last.start, self._tolerance()),
            ("end", account.end, self.last.stop, self._tolerance()),
        ]
        wall = self.last.stop - self.last.start
        # Time in suspension does not count, and OAR's tables do not have it as a number.
        if self.case.target_of("suspend"):
            wall = min(wall, account.wall)
        pairs.append(("wall time", account.wall, wall, self._tolerance()))
        # OAR may have removed what it had assigned to a job that it could not launch.
        if self.last.cores:
            pairs.append(("nodes", account.nodes, self.last.nodes, 0))
            pairs.append(("cores", account.cores, self.last.cores, 0))
        for what, ours, theirs, tolerance in pairs:
            if abs(ours - theirs) > tolerance:
                yield f"has {what} {ours} in the accounting, {theirs} in OAR", excuse

    def _tolerance(self) -> int:
        """Seconds by which times may differ: OAR's clock may have jumped."""
        jumps = [
            abs(int(target.split()[0]))
            for one in self.faults
            if one.kind == "clock-jump" and one.concerns(self.job)
            for target in one.targets
        ]
        return _TOLERANCE + max(jumps, default=0)

    def _excuse(self) -> str:
        return LOST if self.lost else REVIVED if self.revived else ""

    def _no_space(self) -> str:
        return NO_SPACE if self.case.during("control-full") else ""

    def _is_deleted(self, one: OarJob) -> bool:
        """Whether OAR has deleted a job before its start, or one of a submission cut short.

        A-REX ends a job that is cancelled during its submission at once; scan deletes what the
        submission has made.
        """
        cut_short = not self.job.local_id and self.job.failure.startswith(CANCELED)
        deleted = cut_short and one.has_event("FRAG_JOB_REQUEST")
        return one.state == "Error" and (deleted or not one.start)

    def _ended_early(self) -> str:
        """The excuse of a cancelled job that A-REX has ended without scan's report."""
        account = self.job.account
        unreported = account is not None and not account.start
        cancelled = self.job.failure.startswith(CANCELED)
        return self._no_space() if cancelled and unreported else ""

    def _no_record(self) -> str:
        killed = any(
            one.kind == "arex-kill" and one.begin - _MAKING < self.job.begun < one.end
            for one in self.faults
        )
        return NO_RECORD if killed and self.job.account is None else ""

    def _nothing_ran(self, one: OarJob) -> str:
        """The excuse of an OAR job of an orphaned oarsub, which may still wait for its launch.

        A submission that OAR refused or that had no space is not an orphan.
        """
        cancelled = self.job.failure.startswith(CANCELED)
        killed = cancelled or self.case.target_of("submit-kill")
        if self.job.local_id or not killed or str(one.job_id) in self.notes.begun:
            return ""
        waits = one.state in _NOT_STARTED and not one.start
        # OAR gives an idempotent job that it could not start a new ID.
        ended = one.status == _NO_SCRIPT or (one.state == "Error" and one.status is None)
        return NOTHING_RAN if waits or ended else ""

    def _stuck(self) -> str:
        if self.last is None or not self.case.during(*SERVER_FAULTS):
            return ""
        reasons = {"toLaunch": STUCK, "Launching": STUCK, "Finishing": STUCK_AT_END}
        return reasons.get(self.last.state, "")

    def _wanted(self) -> str:
        code = JOB_KINDS[self.planned.kind].exit_code
        return "it ends by being killed" if code is None else f"its program exits with {code}"
