"""Scan: finds the OAR jobs that have ended and reports them to A-REX.

The story: read which jobs A-REX has in the LRMS, ask OAR for the states of them all at once, ask
for the details of those that have ended, and report each: diag (as its user), the LRMS's output
and the reason into `errors`, then `lrms_done`, and one kick at the end. When OAR cannot be asked,
nothing changes. One job's odd files never stop the others.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from arc_lrms_oar.arex import controldir
from arc_lrms_oar.arex.controldir import CANCELING, GridJob
from arc_lrms_oar.arex.kick import kick
from arc_lrms_oar.arex.memory import Memory
from arc_lrms_oar.errors import ControlDirError, OarRefused, OarUnavailable
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.record import JobRecord
from arc_lrms_oar.oar.states import state_of
from arc_lrms_oar.oar.verdict import resubmitted_to, verdict, verdict_of_lost
from arc_lrms_oar.settings import Settings
from arc_lrms_oar.verbs.report import DIAG_PATIENCE, Report, read_diag

# How long after its cancel a job may live before scan asks OAR to delete it (again).
_CANCEL_PATIENCE = 60.0


def scan(settings: Settings, client: OarClient, control_dirs: Sequence[str], log: Log) -> list[str]:
    """Looks once at the jobs of all control directories and gives the grid IDs reported.

    Raises OarUnavailable, after which everything is as before, and ControlDirError.
    """
    reported = []
    for path in control_dirs:
        with Memory.locked(path) as memory:
            if memory is None:
                log.say("WARNING", f"{path}: another scan is at work")
                continue
            reported += _Scan(settings, client, path, memory, log).run()
    return reported


class _Scan:
    """One look at one control directory."""

    def __init__(
        self, settings: Settings, client: OarClient, path: str, memory: Memory, log: Log
    ) -> None:
        self.settings = settings
        self.client = client
        self.path = path
        self.memory = memory
        self.log = log
        self.done: list[GridJob] = []
        self.now = time.time()

    def run(self) -> list[str]:
        jobs = self._jobs()
        states = self.client.states(jobs)
        ended = []
        for job_id, job in jobs.items():
            state = state_of(states.get(job_id, ""))
            if job_id not in states:
                self._unknown(job, job_id)
                continue
            self.memory.forget(job.grid_id)
            if state is None:
                self._odd_state(job, job_id, states[job_id])
            elif state.ended:
                ended.append(job_id)
        try:
            self._cancel(job for job_id, job in jobs.items() if job_id not in ended)
            records = self.client.records({job_id: states[job_id] for job_id in ended})
            for job_id in ended:
                if job_id in records:
                    self._ended(jobs[job_id], records[job_id])
                else:
                    self.log.say("WARNING", f"OAR job {job_id} has ended without a record")
        finally:
            self.memory.keep_only(job.grid_id for job in jobs.values())
            kick(self.done, self.log)
        return [job.grid_id for job in self.done]

    def _jobs(self) -> dict[int, GridJob]:
        jobs: dict[int, GridJob] = {}
        for job in controldir.jobs_in_lrms(self.path):
            if job.local_id is None:
                self.log.say("WARNING", f"{job.grid_id}: no OAR id in {job.file('local')}")
            elif job.local_id in jobs:
                other = jobs[job.local_id].grid_id
                self.log.say("ERROR", f"{job.grid_id} and {other} are both OAR job {job.local_id}")
            else:
                jobs[job.local_id] = job
        return jobs

    def _odd_state(self, job: GridJob, job_id: int, word: str) -> None:
        self.log.say("WARNING", f"{job.grid_id}: OAR job {job_id} has the unknown state {word!r}")

    def _unknown(self, job: GridJob, job_id: int) -> None:
        """OAR does not know the job: after several scans and a while its own diag decides."""
        cycles, since = self.memory.missing(job.grid_id, self.now)
        if cycles < self.settings.lost_cycles or self.now - since < self.settings.lost_time:
            self.log.say("WARNING", f"{job.grid_id}: OAR does not know job {job_id} (x{cycles})")
            return
        try:
            diag = read_diag(job)
            self._report(job, Report(job, None, diag, verdict_of_lost(diag.values)))
        except (ControlDirError, OSError) as error:
            self.log.say("ERROR", f"{job.grid_id}: {error}")

    def _ended(self, job: GridJob, record: JobRecord) -> None:
        try:
            follower = resubmitted_to(record)
            if follower is not None:
                controldir.set_local_id(job, follower)
                self.log.say("INFO", f"{job.grid_id}: OAR job {record.job_id} is now {follower}")
                return
            diag = read_diag(job)
            if not diag.complete and self._may_still_come(record):
                return
            self._report(job, Report(job, record, diag, verdict(record, diag.values)))
        except ValueError as error:
            self.log.say("WARNING", f"{job.grid_id}: {error}")
        except (ControlDirError, OSError) as error:
            self.log.say("ERROR", f"{job.grid_id}: {error}")

    def _may_still_come(self, record: JobRecord) -> bool:
        """Whether the end of the diag may be on its way here over a slow file system."""
        status, stop = record.exit_code, record.stop_time
        if status is None or status & 0x7F or stop is None:
            return False
        return 0 <= self.now - stop < DIAG_PATIENCE

    def _report(self, job: GridJob, report: Report) -> None:
        report.write()
        self.done.append(job)
        code, reason, _ = report.verdict
        self.log.say("INFO", f"{job.grid_id}: OAR job {job.local_id} ended: {code} {reason}")

    def _cancel(self, jobs: Iterable[GridJob]) -> None:
        """Deletes what is still alive a while after A-REX has cancelled it."""
        ids = [
            job.local_id
            for job in jobs
            if job.state == CANCELING
            and job.local_id is not None
            and self.now - job.status_time > _CANCEL_PATIENCE
            and self.memory.due(job.grid_id, self.now, _CANCEL_PATIENCE)
        ]
        if not ids:
            return
        try:
            self.client.delete(ids)
        except OarRefused as refused:
            self.log.say("WARNING", f"OAR does not cancel all of {ids}: {refused}")
        except OarUnavailable as error:
            self.log.say("WARNING", f"cannot cancel {ids}: {error}")
