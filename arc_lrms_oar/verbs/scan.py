"""Scan: finds the OAR jobs that have ended and reports them to A-REX.

The story: read which jobs A-REX has in the LRMS, ask OAR for the states of them all at once, ask
for the details of those that have ended, and report each: diag (as its user), the LRMS's output
and the reason into `errors`, then `lrms_done`, and one kick at the end. When OAR cannot be asked,
nothing changes. One job's odd files never stop the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from arc_lrms_oar.arex import controldir
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.kick import kick
from arc_lrms_oar.arex.known import Known, Sighting
from arc_lrms_oar.arex.memory import Memory
from arc_lrms_oar.errors import ControlDirError, OarRefused, OarUnavailable
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.record import JobRecord
from arc_lrms_oar.oar.states import state_of
from arc_lrms_oar.oar.verdict import (
    resubmission_may_come,
    verdict,
    verdict_of_deleted,
    verdict_of_lost,
)
from arc_lrms_oar.settings import Settings
from arc_lrms_oar.verbs import resubmitted
from arc_lrms_oar.verbs.cycle import Cycle
from arc_lrms_oar.verbs.ownership import Ownership
from arc_lrms_oar.verbs.query import UNKNOWN
from arc_lrms_oar.verbs.report import DIAG_PATIENCE, Report, finish, read_diag

# How long after its cancel a job may live before scan asks OAR to delete it (again).
_CANCEL_PATIENCE = 60.0
# How often OAR is asked for the states of all jobs, not only for what has ended.
_AUDIT_PERIOD = 300.0


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
            with Cycle(settings, client, path, memory, log) as cycle:
                reported += _Scan(settings, client, path, memory, log, cycle).run()
    return reported


class _Scan:
    """One look at one control directory."""

    def __init__(
        self,
        settings: Settings,
        client: OarClient,
        path: str,
        memory: Memory,
        log: Log,
        cycle: Cycle,
    ) -> None:
        self.settings = settings
        self.client = client
        self.path = path
        self.memory = memory
        self.log = log
        self.known = Known(path)
        self.ownership = Ownership(settings, path)
        self.stale: set[str] = set()
        self.cycle = cycle
        self.trouble = cycle.troubles.say
        self.written: list[Report] = []
        self.now = cycle.now

    def run(self) -> list[str]:
        jobs = self._jobs()
        ended = self._ask(jobs)
        try:
            self._cancel({job_id: s for job_id, s in jobs.items() if job_id not in ended})
            records = self.client.records(ended)
            for job_id, why in self.ownership.anothers(records, jobs).items():
                self.trouble("ERROR", why)
                del records[job_id], ended[job_id]
            followers = resubmitted.followers_of(self.client, records)
            deleted = self._delete_followers(followers)
            for job_id in ended:
                job = self._read(job_id, jobs[job_id])
                if job is None:
                    continue
                if job_id in deleted:
                    self._report_deleted(job, records[job_id], followers[job_id])
                elif job_id in followers:
                    self._follow(job, followers[job_id], jobs[job_id])
                elif job_id in records:
                    self._ended(job, records[job_id])
                else:
                    self.trouble("WARNING", f"{_called(job)} has ended without a record")
        finally:
            self.known.forget(self.stale)
            self.memory.keep_only(sighting.status_name for sighting in jobs.values())
            done = self._finish()
        return [job.grid_id for job in done]

    def _jobs(self) -> dict[int, Sighting]:
        jobs = self.known.look()
        for path in self.known.without_id:
            self.trouble("WARNING", f"no OAR id in {path}")
        for same in self.known.twice.values():
            names = " and ".join(sighting.status_name for sighting in same)
            self.trouble("ERROR", f"{names} have the same OAR id")
        jobs.update(self.ownership.rightful(self.client, self.known.twice))
        self.cycle.jobs = dict(Counter(sighting.state for sighting in jobs.values()))
        self.cycle.count("submissions", self.known.arrived)
        return jobs

    def _read(self, job_id: int, sighting: Sighting) -> GridJob | None:
        """The job as its files are now; None where it is not, or no more, the job of this id."""
        job = controldir.read_job(self.path, sighting.status_name)
        if job is not None and job.local_id != job_id:
            self.stale.add(sighting.status_name)
            return None
        return job if job is not None and not job.reported else None

    def _ask(self, jobs: dict[int, Sighting]) -> dict[int, str]:
        """The jobs that have ended, with OAR's word for their state.

        Mostly OAR is asked for these alone. The states of all are asked for now and then, to find
        jobs that OAR does not know, or that the cheap query has missed; and those of the jobs that
        were unknown before.
        """
        audit = self.memory.audit_due(self.now, _AUDIT_PERIOD)
        generation = self.memory.generation()
        if generation is not None and not audit:
            self.client.assume(generation)
        self.memory.note_generation(self.client.dialect.generation)
        cheap = None if audit else self.client.ended(jobs)
        if cheap is None:
            asked = list(jobs)
        else:
            doubted = self.memory.doubted()
            asked = [job_id for job_id, s in jobs.items() if s.status_name in doubted]
        states = self.client.states(asked)
        if cheap is None:
            self.cycle.saw(Counter(states.get(job_id, UNKNOWN) for job_id in asked))
        ended = dict.fromkeys(cheap or (), "")
        for job_id in asked:
            word = states.get(job_id)
            state = state_of(word or "")
            if word is None:
                self._unknown(job_id, jobs[job_id])
                continue
            self.memory.forget(jobs[job_id].status_name)
            if state is None:
                name = jobs[job_id].status_name
                if self.memory.first(name, f"unknown state {word}"):
                    called = f"{controldir.grid_id_of(name)}: OAR job {job_id}"
                    self.log.say("WARNING", f"{called} has the unknown state {word!r}")
            elif state.ended:
                ended[job_id] = word
        return ended

    def _unknown(self, job_id: int, sighting: Sighting) -> None:
        """OAR does not know the job: after several scans and a while its own diag decides."""
        name = sighting.status_name
        cycles, since = self.memory.missing(name, self.now)
        if cycles < self.settings.lost_cycles or self.now - since < self.settings.lost_time:
            if cycles == 1:
                grid_id = controldir.grid_id_of(name)
                self.log.say("WARNING", f"{grid_id}: OAR does not know OAR job {job_id}")
            return
        job = self._read(job_id, sighting)
        if job is None:
            return
        try:
            diag = read_diag(job)
            self._report(Report(job, None, diag, verdict_of_lost(diag.values)))
        except (ControlDirError, OSError) as error:
            self.trouble("ERROR", f"{_called(job)} cannot be reported", f": {error}")

    def _ended(self, job: GridJob, record: JobRecord) -> None:
        try:
            if resubmission_may_come(record, self.now):
                return
            diag = read_diag(job)
            if not diag.complete and self._may_still_come(record):
                return
            self._report(Report(job, record, diag, verdict(record, diag.values)))
        except ValueError as error:
            self.trouble("WARNING", f"{job.grid_id}: {error}")
        except (ControlDirError, OSError) as error:
            self.trouble("ERROR", f"{_called(job)} cannot be reported", f": {error}")

    def _follow(self, job: GridJob, follower: int, sighting: Sighting) -> None:
        if self.settings.resubmitted == "delete":
            return
        try:
            resubmitted.follow(job, follower, self.log)
            self.stale.add(sighting.status_name)
            self.log.say("INFO", f"{_called(job)} is now {follower}")
        except OSError as error:
            self.trouble("ERROR", f"{_called(job)} cannot be followed to {follower}", f": {error}")

    def _delete_followers(self, followers: dict[int, int]) -> set[int]:
        """The jobs that are over because what OAR made of them is deleted, as the site wants."""
        if self.settings.resubmitted != "delete" or not followers:
            return set()
        try:
            return resubmitted.delete(self.client, followers, self.log)
        except OarUnavailable as error:
            self.trouble("WARNING", "cannot delete what OAR has submitted again", f": {error}")
            return set()

    def _report_deleted(self, job: GridJob, record: JobRecord, follower: int) -> None:
        try:
            self._report(Report(job, record, read_diag(job), verdict_of_deleted(follower)))
        except (ControlDirError, OSError) as error:
            self.trouble("ERROR", f"{_called(job)} cannot be reported", f": {error}")

    def _may_still_come(self, record: JobRecord) -> bool:
        """Whether the end of the diag may be on its way here over a slow file system."""
        status, stop = record.exit_code, record.stop_time
        if status is None or status & 0x7F or stop is None:
            return False
        return 0 <= self.now - stop < DIAG_PATIENCE

    def _finish(self) -> list[GridJob]:
        """`lrms_done` for all jobs of which all else is written, and one kick for all of them."""
        failed = finish(self.written)
        done = []
        for report in self.written:
            job, (code, reason, kind) = report.job, report.verdict
            if job.grid_id in failed:
                why = failed[job.grid_id]
                self.trouble("ERROR", f"{_called(job)} cannot be reported", f": {why}")
                continue
            done.append(job)
            self.cycle.count(f"verdict {kind}")
            self.log.say("INFO", f"{_called(job)} ended: {code} {reason}")
        kick(done, self.log)
        return done

    def _report(self, report: Report) -> None:
        report.write(self.now)
        self.written.append(report)

    def _cancel(self, jobs: dict[int, Sighting]) -> None:
        """Deletes what is still alive a while after A-REX has cancelled it."""
        ids = [
            job_id
            for job_id, sighting in jobs.items()
            if sighting.canceling
            and not 0 <= self.now - sighting.changed <= _CANCEL_PATIENCE
            and self.memory.due(sighting.status_name, self.now, _CANCEL_PATIENCE)
        ]
        if not ids:
            return
        named = ", ".join(
            f"{controldir.grid_id_of(jobs[job_id].status_name)} (OAR job {job_id})"
            for job_id in ids
        )
        try:
            records = self.client.records(dict.fromkeys(ids, ""))
            own = [i for i in ids if self.ownership.is_own(records.get(i), jobs[i])]
            if own:
                self.client.delete(own)
            if len(own) < len(ids):
                what = f"not all of {named} are known to OAR as their users'"
                self.trouble("WARNING", what, again_in=2 * _CANCEL_PATIENCE)
        except OarRefused as refused:
            what = f"OAR does not cancel all of {named}"
            self.trouble("WARNING", what, f": {refused}", 2 * _CANCEL_PATIENCE)
        except OarUnavailable as error:
            self.trouble("WARNING", f"cannot cancel {named}", f": {error}", 2 * _CANCEL_PATIENCE)


def _called(job: GridJob) -> str:
    return f"{job.grid_id}: OAR job {job.local_id}"
