"""One look of scan at a control directory: what has ended in OAR is reported to A-REX.

The story: read which jobs A-REX has in the LRMS, learn which of them have ended, ask OAR for the
details of these, and report each: diag (as its user), the LRMS's output and the reason into
`errors`, then `lrms_done`, and one kick at the end. When OAR cannot be asked, nothing changes. One
job's odd files never stop the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from arc_lrms_oar.arex import controldir
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.kick import kick
from arc_lrms_oar.commands.query import UNKNOWN
from arc_lrms_oar.errors import ControlDirError, OarRefused, OarUnavailable
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import (
    resubmission_may_come,
    verdict,
    verdict_of_deleted,
    verdict_of_lost,
)
from arc_lrms_oar.oar.states import state_of
from arc_lrms_oar.scan import resubmission
from arc_lrms_oar.scan.cycle import Cycle
from arc_lrms_oar.scan.ended_query import Bulk
from arc_lrms_oar.scan.job_index import Known, Sighting
from arc_lrms_oar.scan.ownership import Ownership
from arc_lrms_oar.scan.report import DIAG_PATIENCE, Report, finish, read_diag
from arc_lrms_oar.scan.state import Memory
from arc_lrms_oar.settings import Settings

# How long after its cancel a job may live before scan asks OAR to delete it (again).
_CANCEL_PATIENCE = 60.0


class Look:
    """One look at one control directory."""

    def __init__(
        self,
        settings: Settings,
        client: OarClient,
        known: Known,
        memory: Memory,
        log: Log,
        cycle: Cycle,
        bulk: Bulk,
    ) -> None:
        self.settings = settings
        self.client = client
        self.known = known
        self.memory = memory
        self.log = log
        self.bulk = bulk
        self.ownership = Ownership(settings, known.control_dir)
        self.stale: set[str] = set()
        self.cycle = cycle
        self.trouble = cycle.troubles.say
        self.written: list[Report] = []
        self.now = cycle.now

    def run(self) -> list[str]:
        jobs = self._jobs()
        canceling = {job_id: s for job_id, s in jobs.items() if s.canceling}
        ended = self._ask(jobs)
        try:
            self._cancel({i: s for i, s in canceling.items() if i not in ended})
            records = self.client.records(ended)
            found = self._read_all(ended, jobs)
            for job_id, why in self.ownership.anothers(records, found).items():
                self.trouble("ERROR", why)
                del found[job_id]
            records = {job_id: records[job_id] for job_id in found if job_id in records}
            followers = resubmission.followers_of(self.client, records)
            deleted = self._delete_followers(followers)
            for job_id, job in found.items():
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
        jobs = self.known.look(self.memory.turn())
        for path in self.known.without_id:
            self.trouble("WARNING", f"no OAR id in {path}")
        for same in self.known.twice.values():
            names = " and ".join(sighting.status_name for sighting in same)
            self.trouble("ERROR", f"{names} have the same OAR id")
        jobs.update(self.ownership.rightful(self.client, self.known.twice))
        self.cycle.jobs = dict(Counter(sighting.state for sighting in jobs.values()))
        self.cycle.count("submissions", self.known.arrived)
        return jobs

    def _read_all(self, ids: Iterable[int], jobs: Mapping[int, Sighting]) -> dict[int, GridJob]:
        """The jobs of `ids` that `_read` gives, each read once."""
        read = ((job_id, self._read(job_id, jobs[job_id])) for job_id in ids)
        return {job_id: job for job_id, job in read if job is not None}

    def _read(self, job_id: int, sighting: Sighting) -> GridJob | None:
        """The job as its files are now; None where it is not, or no more, the job of this id."""
        job = controldir.read_job(self.known.control_dir, sighting.status_name)
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
        cheap = self.bulk.ended(jobs)
        if cheap is None:
            asked = list(jobs)
        else:
            doubted = self.memory.doubted()
            asked = [i for i, s in jobs.items() if s.status_name in doubted] if doubted else []
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
            resubmission.follow(job, follower, self.log)
            self.stale.add(sighting.status_name)
            self.log.say("INFO", f"{_called(job)} is now {follower}")
        except OSError as error:
            self.trouble("ERROR", f"{_called(job)} cannot be followed to {follower}", f": {error}")

    def _delete_followers(self, followers: dict[int, int]) -> set[int]:
        """The jobs that are over because what OAR made of them is deleted, as the site wants."""
        if self.settings.resubmitted != "delete" or not followers:
            return set()
        try:
            return resubmission.delete(self.client, followers, self.log)
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
            if not 0 <= self.now - sighting.changed <= _CANCEL_PATIENCE
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
