"""Scan: find the OAR jobs that have ended and report them to A-REX.

One cycle is a pipeline. The methods of `Cycle` are its steps, in this order:

    state          lock the control directory and read what the last cycle left there
    start_query    ask OAR which jobs have ended; the answer is collected later
    refresh_index  list the jobs that A-REX has in the LRMS
    unsubmitted    report the jobs whose submission failed, which needs no answer of OAR
    ended          collect the answer, and ask for states where that is not enough
    records        read OAR's records and the files of the jobs in question
    check_owner    treat OAR jobs that are not the grid jobs' as unknown to OAR
    decide         report, wait, follow or lost (`scan.decide`, pure)
    apply          write diag, errors and lrms_done, or switch to the successor
    kick           wake A-REX once for all reported jobs

If OAR is unavailable in a step up to `decide`, the cycle ends and nothing has changed. A failure
that concerns one job is logged by `Cycle.one_job` and never stops the others.

The modules that the later steps use are imported by those steps, not at the top: loading them
takes some 15 ms, in which OAR already works on the query.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from arc_lrms_oar import replacement
from arc_lrms_oar.errors import OarLrmsError, OarUnavailable
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.scan.ended_query import EndedQuery
from arc_lrms_oar.scan.job_cache import JobCache
from arc_lrms_oar.scan.state import ABANDONED, ScanState
from arc_lrms_oar.scan.throttled_log import OAR_UNAVAILABLE, ThrottledLog
from arc_lrms_oar.settings import Settings

if TYPE_CHECKING:
    from arc_lrms_oar.arex.controldir import GridJob
    from arc_lrms_oar.arex.diag import Diag
    from arc_lrms_oar.oar.job_record import JobRecord
    from arc_lrms_oar.scan.decide import Decision, Lost, Report
    from arc_lrms_oar.scan.job_index import IndexedJob
    from arc_lrms_oar.scan.metrics import CycleMetrics
    from arc_lrms_oar.scan.report import JobReport

# In `ScanState`: the job was reported, so A-REX does not leave its OAR job alone.
_REPORTED = "reported"


def scan(settings: Settings, client: OarClient, control_dirs: Sequence[str], log: Log) -> list[str]:
    """Run one cycle on each control directory and return the grid job IDs that were reported.

    Raises OarUnavailable, after which everything is as before, and ControlDirError.
    """
    reported: list[str] = []
    for control_dir in control_dirs:
        with ScanState.locked(control_dir) as state:
            if state is None:
                log.say("WARNING", f"{control_dir}: another scan is running")
            else:
                reported += Cycle(settings, client, control_dir, state, log).run()
    return reported


class Cycle:
    """One cycle of scan on one control directory. `now` is in seconds since 1970."""

    def __init__(
        self, settings: Settings, client: OarClient, control_dir: str, state: ScanState, log: Log
    ) -> None:
        self.settings = settings
        self.client = client
        self.control_dir = control_dir
        self.state = state
        self.log = log
        # arc.conf's session roots and metrics file belong to its own control directory.
        self.is_configured = os.path.normpath(control_dir) == os.path.normpath(settings.control_dir)
        self.now = time.time()
        self.problem = ThrottledLog(state, log, self.now)
        self.cache = JobCache(control_dir)
        self.jobs: dict[int, IndexedJob] = {}
        self.metrics = self._start_metrics()

    def run(self) -> list[str]:
        """Run all steps and return the grid job IDs that were reported."""
        try:
            with closing(self.start_query()) as query:
                done = self._steps(query)
        except BaseException as error:
            if isinstance(error, OarUnavailable):
                self.problem.say("ERROR", OAR_UNAVAILABLE, f", nothing was changed: {error}")
            self._write_metrics(error)
            raise
        self._write_metrics(None)
        self.problem.end_cycle()
        return [job.grid_id for job in done]

    def _steps(self, query: EndedQuery) -> list[GridJob]:
        self.refresh_index()
        unsubmitted = self.report_unsubmitted()
        ended, missing = self.ended(query)
        self.delete_leftovers()
        self.delete_cancelled(ended)
        self.delete_abandoned()
        records, found = self.records(ended, missing)
        self.check_owner(records, found, missing)
        decisions = self.decide(records, found, missing)
        if decisions:
            replacement.check()
        done = self.apply(decisions, records, found)
        self.kick(done)
        self.state.keep_only(job.status_name for job in self.jobs.values())
        return [*unsubmitted, *done]

    def start_query(self) -> EndedQuery:
        """Start OAR's command; it runs while the next steps load their code and read files."""
        return EndedQuery(self.client, self.state, self.cache.id_ranges, self.now)

    def refresh_index(self) -> None:
        """Set `jobs` to the jobs that A-REX has in the LRMS, by job ID; raises ControlDirError."""
        from arc_lrms_oar.arex.controldir import grid_id_of
        from arc_lrms_oar.scan.job_index import JobIndex
        from arc_lrms_oar.scan.ownership import Ownership

        self.index = JobIndex(self.cache)
        self.ownership = Ownership(self.settings, self.control_dir)
        self.jobs = self.index.refresh(self.state.next_cycle_number())
        for path in self.index.without_id:
            self.problem.say("WARNING", f"no OAR job ID in {path}")
        for same in self.index.shared.values():
            names = " and ".join(job.status_name for job in same)
            self.problem.say("ERROR", f"{names} have the same OAR job ID")
        for name, job_id in self.index.gone.items():
            if not self.state.is_noted(name, _REPORTED):
                self.state.section(f"{ABANDONED}{grid_id_of(name)}")["job"] = job_id
        self._follow_disowned()
        if self.index.shared:
            self._resolve_shared()
        if self.metrics is not None:
            self.metrics.jobs = dict(Counter(job.state for job in self.jobs.values()))
            self.metrics.count("submissions", self.index.new_jobs)

    def _resolve_shared(self) -> None:
        """Give each shared job ID to the grid job that proves it, and correct the other jobs."""
        from arc_lrms_oar.scan.by_name import correct

        shared = self.index.shared
        owners = self.ownership.owners_of_shared(self.client, shared)
        self.jobs.update(owners)
        others = [job for i, same in shared.items() for job in same if job != owners.get(i)]
        self.index.invalidate(correct(self.client, self.ownership, others, self.log))

    def _follow_disowned(self) -> None:
        """Write their job IDs again for jobs that their users have marked as not submitted."""
        from arc_lrms_oar.arex.controldir import read_job
        from arc_lrms_oar.scan.resubmission import follow

        for job_id, indexed in self.index.disowned.items():
            self.problem.say("ERROR", f"{indexed.grid_id}: no longer names its OAR job {job_id}")
            with self.one_job(job_id, indexed.grid_id, "followed"):
                job = read_job(self.control_dir, indexed.status_name)
                if job is not None:
                    follow(job, job_id, self.log)

    def report_unsubmitted(self) -> list[GridJob]:
        """Report the jobs whose submission failed, wake A-REX, and return them."""
        if not self.index.unsubmitted:
            return []
        from arc_lrms_oar.scan.unsubmitted import prepare_report

        failures = {}
        for indexed in self.index.unsubmitted:
            with self.one_job(None, indexed.grid_id, "reported as not submitted"):
                job = self._read(indexed)
                if job is not None and job.is_unsubmitted and not job.reported:
                    benchmark = self.settings.queue(job.local.get("queue", "")).benchmark
                    failure = prepare_report(job, indexed.status_name, benchmark, self.state)
                    failures[job.grid_id] = failure
        done = self._write_done([failure.report for failure in failures.values()])
        for job in done:
            for problem in failures[job.grid_id].problems:
                self.problem.say("WARNING", f"{job.grid_id}: {problem}")
            if self.metrics is not None:
                self.metrics.count(f"failed_submissions {failures[job.grid_id].kind}")
        self.kick(done)
        return done

    def delete_leftovers(self) -> None:
        """Delete the OAR jobs, if any, of jobs that were reported as not submitted."""
        from arc_lrms_oar.scan.unsubmitted import delete_leftovers

        delete_leftovers(self.client, self.ownership, self.control_dir, self.state, self.log)

    def ended(self, query: EndedQuery) -> tuple[dict[int, str], dict[int, tuple[int, float]]]:
        """The jobs that have ended, with their state, and those that OAR does not know.

        The state is "" where only the cheap query has listed the job. OAR is asked for the states
        of all jobs in an audit, and for the states of the jobs that were missing before. Of a
        missing job the second result holds for how many cycles, and since when (`ScanState`).
        """
        from arc_lrms_oar.oar.states import state_of

        listed = query.answer(self.jobs)
        missing_before = self.state.missing_jobs()
        asked = [
            job_id
            for job_id, job in self.jobs.items()
            if listed is None or job.status_name in missing_before
        ]
        states = self.client.states(asked)
        if listed is None and self.metrics is not None:
            self.metrics.set_states(states.get(job_id, "") for job_id in asked)
        ended = dict.fromkeys(listed or (), "")
        missing = {}
        for job_id in asked:
            job, word = self.jobs[job_id], states.get(job_id)
            if word is None:
                missing[job_id] = self.state.count_missing(job.status_name, self.now)
                if missing[job_id][0] == 1:
                    self.log.say("WARNING", f"{job.grid_id}: OAR does not know OAR job {job_id}")
                continue
            known = state_of(word)
            if known is not None and known.ended:
                ended[job_id] = word
                continue
            self.state.clear_missing(job.status_name)
            if known is None and self.state.first_time(job.status_name, f"unknown state {word}"):
                called = f"{job.grid_id}: OAR job {job_id}"
                self.log.say("WARNING", f"{called} has the unknown state {word!r}")
        return ended, missing

    def delete_cancelled(self, ended: Mapping[int, str]) -> None:
        """Ask OAR to delete what A-REX cancelled a while ago and what has still not ended."""
        from arc_lrms_oar.scan.cancelled import delete

        alive = {i: job for i, job in self.jobs.items() if job.canceling and i not in ended}
        if alive:
            corrected = delete(
                self.client, alive, self.ownership, self.state, self.problem, self.now, self.log
            )
            self.index.invalidate(corrected)

    def delete_abandoned(self) -> None:
        """Ask OAR to delete the jobs that A-REX has ended without them."""
        if self.state.sections(ABANDONED):
            from arc_lrms_oar.scan.abandoned import delete

            grid_ids = {job.grid_id for job in self.jobs.values()}
            problem, now = self.problem, self.now
            delete(
                self.client, self.control_dir, grid_ids, self.ownership, self.state, problem, now
            )

    def records(
        self, ended: Mapping[int, str], missing: Iterable[int]
    ) -> tuple[dict[int, JobRecord], dict[int, GridJob]]:
        """OAR's records of the ended jobs, and all jobs in question as their files are now.

        A job is left out where A-REX has moved it on, and where its files now name another job ID.
        """
        records = self.client.records(ended)
        found = {}
        moved = set()
        for job_id in (*ended, *missing):
            indexed = self.jobs[job_id]
            with self.one_job(job_id, indexed.grid_id, "read"):
                job = self._read(indexed)
                if job is not None and job.local_id != job_id:
                    moved.add(indexed.status_name)
                elif job is not None and job.reported:
                    self.state.first_time(indexed.status_name, _REPORTED)
                elif job is not None:
                    found[job_id] = job
        self.index.invalidate(moved)
        return records, found

    def _read(self, indexed: IndexedJob) -> GridJob | None:
        """The job as its files are now, with its real session directory; None if A-REX moved it."""
        from arc_lrms_oar.arex.controldir import read_job
        from arc_lrms_oar.arex.session_dir import session_dir_of

        job = read_job(self.control_dir, indexed.status_name)
        if job is None or job.reported:
            return job
        path, why = session_dir_of(job, self.settings.session_dirs if self.is_configured else ())
        if why:
            self.problem.say("WARNING", f"{_called(job.local_id, job.grid_id)}: {why}")
        return job._replace(local={**job.local, "sessiondir": path})

    def check_owner(
        self,
        records: dict[int, JobRecord],
        found: Mapping[int, GridJob],
        missing: dict[int, tuple[int, float]],
    ) -> None:
        """Drop the records of OAR jobs that are not the grid jobs', and count those as missing."""
        for job_id in list(records):
            if job_id not in found:
                del records[job_id]
                continue
            name = self.jobs[job_id].status_name
            why = self._mismatch(job_id, records[job_id], found[job_id])
            if why:
                del records[job_id]
                missing[job_id] = self.state.count_missing(name, self.now)
            else:
                self.state.clear_missing(name)

    def _mismatch(self, job_id: int, record: JobRecord, job: GridJob) -> bool:
        """Whether an OAR job is not the grid job's, which is logged."""
        why = self.ownership.mismatch(record, job)
        if why:
            self.problem.say("ERROR", f"{job.grid_id}: OAR job {job_id} {why}; it is left alone")
        return bool(why)

    def decide(
        self,
        records: Mapping[int, JobRecord],
        found: Mapping[int, GridJob],
        missing: Mapping[int, tuple[int, float]],
    ) -> dict[int, tuple[Decision, Diag]]:
        """What to do with each job, with the diag that was read for it."""
        from arc_lrms_oar.scan.decide import Policy, Wait, decide
        from arc_lrms_oar.scan.report import read_diag

        policy = Policy.of(self.settings)
        successors, known = self._successors(records, found)
        deleted = set()
        if successors and policy.delete_resubmitted:
            deleted = self._delete_successors(successors, known, found)
        decisions = {}
        for job_id, job in found.items():
            with self.one_job(job_id, job.grid_id, "decided"):
                diag = read_diag(job)
                name = self.jobs[job_id].status_name
                decision = decide(
                    records.get(job_id),
                    diag,
                    self.now,
                    policy,
                    ended_for=self.state.seconds_since(name, "ended", self.now),
                    successor=successors.get(job_id),
                    successor_deleted=job_id in deleted,
                    missing=missing.get(job_id),
                )
                if isinstance(decision, Wait) and job_id in records:
                    self.state.start_clock(name, "ended", self.now)
                decisions[job_id] = decision, diag
        return self._without_found(decisions, found)

    def _without_found(
        self, decisions: dict[int, tuple[Decision, Diag]], found: Mapping[int, GridJob]
    ) -> dict[int, tuple[Decision, Diag]]:
        """The decisions, with the OAR jobs that OAR has for jobs that would be lost.

        Without OAR's answer nothing is decided on those; the reports of others do not wait for it.
        """
        from arc_lrms_oar.scan import by_name
        from arc_lrms_oar.scan.decide import Follow, Lost

        lost = {i: found[i] for i, (decision, _) in decisions.items() if isinstance(decision, Lost)}
        try:
            real = by_name.find(self.client, self.ownership, lost) if lost else {}
        except OarUnavailable as error:
            self.problem.say("ERROR", f"no OAR job can be found by name: {error}")
            return {i: decision for i, decision in decisions.items() if i not in lost}
        for job_id, new in real.items():
            decisions[job_id] = Follow(new), decisions[job_id][1]
        return decisions

    def _successors(
        self, records: Mapping[int, JobRecord], found: Mapping[int, GridJob]
    ) -> tuple[dict[int, int], dict[int, JobRecord]]:
        """The successors of the jobs that OAR has resubmitted, and the successors' records.

        Those of other grid jobs are left out.
        """
        from arc_lrms_oar.scan.resubmission import records_of, successors_of

        successors = successors_of(self.client, records)
        known = records_of(self.client, successors.values()) if successors else {}
        own = {
            job_id: new
            for job_id, new in successors.items()
            if new not in known or not self._mismatch(new, known[new], found[job_id])
        }
        return own, known

    def _delete_successors(
        self,
        successors: Mapping[int, int],
        known: Mapping[int, JobRecord],
        found: Mapping[int, GridJob],
    ) -> set[int]:
        """Delete the successors, as the site wants it; returns the jobs with an ended successor."""
        from arc_lrms_oar.scan import resubmission

        def is_own(job_id: int, record: JobRecord) -> bool:
            return self.ownership.is_proven(record, found[job_id])

        try:
            return resubmission.delete(self.client, successors, known, is_own, self.log)
        except OarUnavailable as error:
            self.problem.say("WARNING", "cannot delete jobs that OAR has resubmitted", f": {error}")
            return set()

    def apply(
        self,
        decisions: Mapping[int, tuple[Decision, Diag]],
        records: Mapping[int, JobRecord],
        found: Mapping[int, GridJob],
    ) -> list[GridJob]:
        """Carry the decisions out and return the jobs that were reported.

        `lrms_done` is written last and for all jobs together, when everything else of them is on
        disk.
        """
        from arc_lrms_oar.scan.decide import Follow, Lost, Report
        from arc_lrms_oar.scan.resubmission import follow

        reports = {}
        followed = set()
        for job_id, (decision, diag) in decisions.items():
            job = found[job_id]
            if isinstance(decision, Follow):
                with self.one_job(job_id, job.grid_id, f"followed to {decision.successor}"):
                    follow(job, decision.successor, self.log)
                    followed.add(self.jobs[job_id].status_name)
                    self.log.say(
                        "INFO", f"{job.grid_id}: OAR job {job_id} is now {decision.successor}"
                    )
            elif isinstance(decision, (Report, Lost)):
                with self.one_job(job_id, job.grid_id, "reported"):
                    reports[job_id] = self._write_report(
                        job_id, job, records.get(job_id), diag, decision
                    )
            elif decision.problem:
                self.problem.say("WARNING", f"{job.grid_id}: OAR job {job_id} {decision.problem}")
        self.index.invalidate(followed)
        self.index.forget(self.jobs[i].status_name for i, r in reports.items() if r.outcome.code)
        return self._write_done(list(reports.values()))

    def _write_done(self, reports: Sequence[JobReport]) -> list[GridJob]:
        """Write `lrms_done` of the jobs; returns those for which that was possible."""
        from arc_lrms_oar.arex.controldir import status_name
        from arc_lrms_oar.scan.report import write_done

        failed = write_done(reports)
        done = []
        for report in reports:
            with self.one_job(report.job.local_id, report.job.grid_id, "reported"):
                if report.job.grid_id in failed:
                    raise failed[report.job.grid_id]
                done.append(report.job)
                name = status_name(report.job.grid_id, report.job.layout)
                self.state.first_time(name, _REPORTED)
                self._log_end(report)
        return done

    def _write_report(
        self,
        job_id: int,
        job: GridJob,
        record: JobRecord | None,
        diag: Diag,
        decision: Report | Lost,
    ) -> JobReport:
        """Write everything of a report but `lrms_done`; raises ControlDirError or OSError."""
        from arc_lrms_oar.scan.report import WRITE_TIMEOUT, JobReport, allow_new_submission

        benchmark = self.settings.queue(job.local.get("queue", "")).benchmark
        report = JobReport(job, record, diag, decision.outcome, benchmark)
        name = self.jobs[job_id].status_name
        waited = self.state.seconds_since(name, "unwritable", self.now)
        try:
            problems = report.write(final=waited >= WRITE_TIMEOUT)
        except OSError:
            self.state.start_clock(name, "unwritable", self.now)
            raise
        for problem in problems:
            self.problem.say("WARNING", f"{job.grid_id}: OAR job {job_id}: {problem}")
        if decision.outcome.code:
            with self.one_job(job_id, job.grid_id, "prepared for arcresume"):
                allow_new_submission(job)
        return report

    def _log_end(self, report: JobReport) -> None:
        job, (code, reason, cause) = report.job, report.outcome
        what = "was not submitted:" if job.local_id is None else "ended:"
        self.log.say("INFO", f"{_called(job.local_id, job.grid_id)} {what} {code} {reason}")
        if self.metrics is not None:
            self.metrics.count(f"verdict {cause.label}")

    def kick(self, done: Sequence[GridJob]) -> None:
        """Start gm-kick once for all reported jobs."""
        from arc_lrms_oar.arex.kick import kick

        kick(done, self.log)

    @contextmanager
    def one_job(self, job_id: int | None, grid_id: str, action: str) -> Iterator[None]:
        """Turn whatever fails for one job into one line of the log, and go on with the next job.

        `action` completes the sentence "OAR job N cannot be …"; `job_id` is None if there is none.
        """
        try:
            yield
        except Exception as error:
            replacement.check(error)
            known = isinstance(error, (OarLrmsError, OSError, ValueError))
            details = str(error) if known else f"internal error: {type(error).__name__}: {error}"
            what = f"{_called(job_id, grid_id)} cannot be {action}"
            self.problem.say("ERROR", what, f": {details}")

    def _start_metrics(self) -> CycleMetrics | None:
        """The metrics of this cycle, None if none are wanted."""
        if not self.is_configured or not self.settings.metrics_file:
            return None
        from arc_lrms_oar.scan.metrics import CycleMetrics

        return CycleMetrics(self.settings.metrics_file, self.state, self.client, self.now)

    def _write_metrics(self, error: BaseException | None) -> None:
        if self.metrics is None:
            return
        try:
            self.metrics.write(error)
        except OSError as problem:
            what = f"the metrics cannot be written to {self.settings.metrics_file}"
            self.problem.say("WARNING", what, f": {problem.strerror}")


def _called(job_id: int | None, grid_id: str) -> str:
    """How the log names a job."""
    return f"{grid_id}: OAR job {job_id}" if job_id is not None else f"{grid_id}: the job"
