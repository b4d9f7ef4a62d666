"""Scan: find the OAR jobs that have ended and report them to A-REX.

One cycle is a pipeline. The methods of `Cycle` are its steps, in this order:

    state          lock the control directory and read what the last cycle left there
    start_query    ask OAR which jobs have ended; the answer is collected later
    refresh_index  list the jobs that A-REX has in the LRMS
    unsubmitted    report the jobs whose submission failed, which needs no answer of OAR
    ended          collect the answer, and ask for states where that is not enough
    unidentified   find the OAR jobs of jobs without a job ID
    records        read OAR's records and the files of the jobs in question
    check_owner    treat OAR jobs that are not the grid jobs' as unknown to OAR
    decide         report, wait, follow or lost (`scan.decide`, pure)
    apply          write diag, errors and lrms_done, or switch to the successor
    kick           wake A-REX once for all reported jobs

If OAR is unavailable in a step up to `decide`, the cycle ends and nothing has changed. A failure
that concerns one job is logged by `Context.one_job` and never stops the others. `scan.watch` runs
cycles at intervals.

The modules that the later steps use are imported by those steps, not at the top: loading them
takes some 15 ms, in which OAR already works on the query.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from arc_lrms_oar import replacement
from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.scan.context import Context
from arc_lrms_oar.scan.ended_query import EndedQuery
from arc_lrms_oar.scan.indexed_dir import IndexedDir
from arc_lrms_oar.scan.state import ABANDONED, REPORTED, UNSUBMITTED, ScanState
from arc_lrms_oar.scan.throttled_log import OAR_UNAVAILABLE
from arc_lrms_oar.settings import Settings

if TYPE_CHECKING:
    from arc_lrms_oar.arex.controldir import GridJob
    from arc_lrms_oar.arex.diag import Diag
    from arc_lrms_oar.oar.job_record import JobRecord
    from arc_lrms_oar.scan.decide import Decision
    from arc_lrms_oar.scan.decisions import Question
    from arc_lrms_oar.scan.ended_jobs import Missing
    from arc_lrms_oar.scan.job_index import IndexedJob


def scan(settings: Settings, client: OarClient, control_dirs: Sequence[str], log: Log) -> list[str]:
    """Run one cycle on each control directory and return the grid job IDs that were reported.

    Raises OarUnavailable, after which everything is as before, and ControlDirError.
    """
    reported: list[str] = []
    for control_dir in control_dirs:
        done = run_cycle(settings, client, IndexedDir(control_dir), log)
        if done is None:
            log.say("WARNING", f"{control_dir}: another scan is running")
        else:
            reported += done
    return reported


def run_cycle(
    settings: Settings, client: OarClient, directory: IndexedDir, log: Log
) -> list[str] | None:
    """Run one cycle and return the grid job IDs that were reported.

    Returns None, and does nothing, while another scan runs its cycle. Raises as `scan` does.
    """
    with ScanState.locked(directory.path) as state:
        if state is None:
            return None
        context = Context(settings, client, directory.path, state, log)
        return Cycle(context, directory).run()


class Cycle:
    """One cycle of scan on one control directory."""

    def __init__(self, context: Context, directory: IndexedDir) -> None:
        self.context = context
        self.client = context.client
        self.directory = directory
        self.jobs: Mapping[int, IndexedJob] = {}

    def run(self) -> list[str]:
        """Run all steps and return the grid job IDs that were reported."""
        context = self.context
        try:
            with closing(self.start_query()) as query:
                done = self._steps(query)
        except BaseException as error:
            if isinstance(error, OarUnavailable):
                context.problem.say("ERROR", OAR_UNAVAILABLE, f", nothing was changed: {error}")
            context.write_metrics(error)
            raise
        context.write_metrics(None)
        context.problem.end_cycle()
        return [job.grid_id for job in done]

    def _steps(self, query: EndedQuery) -> list[GridJob]:
        self.refresh_index()
        unsubmitted = self.report_unsubmitted()
        ended, missing = self.ended(query)
        self.delete_leftovers()
        self.delete_cancelled(ended)
        if query.is_audit:
            self.find_abandoned()
        self.delete_abandoned()
        lost = self.identify()
        records, found = self.records(ended, missing)
        self.check_owner(records, found, missing)
        done: list[GridJob] = []
        if found:
            question = self.question(records, found, missing)
            decisions = self.decide(question)
            replacement.check()
            done = self.apply(question, decisions)
            self.kick(done)
        self.measure(records, done)
        kept = (*self.jobs.values(), *self.index.unidentified)
        self.context.state.keep_only(job.status_name for job in kept)
        return [*unsubmitted, *lost, *done]

    def start_query(self) -> EndedQuery:
        """Start OAR's command; it runs while the next steps load their code and read files."""
        ranges = self.directory.cache.id_ranges
        return EndedQuery(self.client, self.context.state, ranges, self.context.now)

    def refresh_index(self) -> None:
        """Set `jobs` to the jobs that A-REX has in the LRMS, by job ID; raises ControlDirError."""
        from arc_lrms_oar.arex.controldir import grid_id_of
        from arc_lrms_oar.scan.ownership import Ownership

        context = self.context
        self.index = self.directory.refresh(context.state)
        self.ownership = Ownership(context.settings, context.control_dir)
        self.jobs = self.index.jobs
        for grid_id, path in self.index.without_id.items():
            context.problem.say("WARNING", f"{grid_id}: no OAR job ID in {path}")
        for same in self.index.shared.values():
            names = " and ".join(job.status_name for job in same)
            context.problem.say("ERROR", f"{names} have the same OAR job ID")
        for name, job_id in self.index.gone.items():
            if not context.state.is_noted(name, REPORTED):
                context.state.section(f"{ABANDONED}{grid_id_of(name)}")["job"] = job_id
        if self.index.dropped:
            from arc_lrms_oar.scan.abandoned import note_dropped

            note_dropped(context, self.index.dropped)
        if self.index.disowned:
            from arc_lrms_oar.scan.unsubmitted import follow_disowned

            follow_disowned(context, self.index.disowned)
        if self.index.shared:
            from arc_lrms_oar.scan.by_name import owners_of_shared

            owners, corrected = owners_of_shared(context, self.ownership, self.index.shared)
            self.jobs = {**self.jobs, **owners}
            self.index.invalidate(corrected)
        if context.metrics is not None:
            context.metrics.jobs = dict(Counter(job.state for job in self.jobs.values()))
            context.metrics.count("submissions", self.index.new_jobs)
            context.metrics.count_taken(job.status_name for job in self.jobs.values())

    def report_unsubmitted(self) -> list[GridJob]:
        """Report the jobs whose submission failed, wake A-REX, and return them."""
        if not self.index.unsubmitted:
            return []
        from arc_lrms_oar.scan.unsubmitted import report

        done = report(self.context, self.index.unsubmitted)
        self.kick(done)
        return done

    def delete_leftovers(self) -> None:
        """Delete the OAR jobs, if any, of jobs that were reported as not submitted."""
        if self.context.state.section(UNSUBMITTED):
            from arc_lrms_oar.scan.unsubmitted import delete_leftovers

            delete_leftovers(self.context, self.ownership)

    def ended(self, query: EndedQuery) -> tuple[dict[int, str], Missing]:
        """The jobs that have ended, with their state if it is known, and those unknown to OAR."""
        from arc_lrms_oar.scan.ended_jobs import ended_jobs

        return ended_jobs(self.context, self.jobs, query.answer(self.jobs))

    def delete_cancelled(self, ended: Mapping[int, str]) -> None:
        """Ask OAR to delete what A-REX cancelled a while ago and what has still not ended."""
        alive = {i: job for i, job in self.jobs.items() if job.canceling and i not in ended}
        if alive:
            from arc_lrms_oar.scan.cancelled import delete

            self.index.invalidate(delete(self.context, alive, self.ownership))

    def find_abandoned(self) -> None:
        """Find the OAR jobs whose grid jobs A-REX has ended, whatever earlier cycles have seen."""
        from arc_lrms_oar.scan.abandoned import find

        find(self.context, self.jobs)

    def delete_abandoned(self) -> None:
        """Ask OAR to delete the jobs that A-REX has ended without them."""
        if self.context.state.sections(ABANDONED):
            from arc_lrms_oar.scan.abandoned import delete

            delete(self.context, {job.grid_id for job in self.jobs.values()}, self.ownership)

    def identify(self) -> list[GridJob]:
        """Find the OAR jobs of the jobs without a job ID; returns those reported as lost."""
        if not self.index.unidentified:
            return []
        from arc_lrms_oar.scan.unidentified import identify

        done = identify(self.context, self.ownership, self.index.unidentified)
        self.kick(done)
        return done

    def records(
        self, ended: Mapping[int, str], missing: Iterable[int]
    ) -> tuple[dict[int, JobRecord], dict[int, GridJob]]:
        """OAR's records of the ended jobs, and all jobs in question as their files are now.

        A job is left out where A-REX has moved it on, and where its files now name another job ID.
        A-REX takes a while to fetch many reports; OAR is not asked for those jobs again.
        """
        from arc_lrms_oar.arex.controldir import has_lrms_done

        context = self.context
        records = self.client.records(
            {
                job_id: word
                for job_id, word in ended.items()
                if not has_lrms_done(context.control_dir, self.jobs[job_id].status_name)
            }
        )
        found = {}
        moved = set()
        for job_id in (*ended, *missing):
            indexed = self.jobs[job_id]
            with context.one_job(job_id, indexed.grid_id, "read"):
                job = context.read(indexed)
                if job is not None and job.local_id != job_id:
                    moved.add(indexed.status_name)
                elif job is not None and job.reported:
                    context.state.first_time(indexed.status_name, REPORTED)
                elif job is not None:
                    found[job_id] = job
        self.index.invalidate(moved)
        return records, found

    def check_owner(
        self, records: dict[int, JobRecord], found: Mapping[int, GridJob], missing: Missing
    ) -> None:
        """Drop the records of OAR jobs that are not the grid jobs', and count those as missing."""
        from arc_lrms_oar.scan.decisions import mismatch

        state = self.context.state
        for job_id in list(records):
            if job_id not in found:
                del records[job_id]
                continue
            name = self.jobs[job_id].status_name
            if mismatch(self.context, self.ownership, records[job_id], found[job_id]):
                del records[job_id]
                missing[job_id] = state.count_missing(name, self.context.now)
            else:
                state.clear_missing(name)

    def question(
        self, records: Mapping[int, JobRecord], found: Mapping[int, GridJob], missing: Missing
    ) -> Question:
        """The jobs in question with everything that the decision depends on."""
        from arc_lrms_oar.scan.decisions import Question

        names = {job_id: self.jobs[job_id].status_name for job_id in found}
        return Question(found, names, records, missing)

    def decide(self, question: Question) -> dict[int, tuple[Decision, Diag]]:
        """What to do with each job, with the diag that was read for it."""
        from arc_lrms_oar.scan.decisions import decide_all

        return decide_all(self.context, self.ownership, question)

    def apply(
        self, question: Question, decisions: Mapping[int, tuple[Decision, Diag]]
    ) -> list[GridJob]:
        """Carry the decisions out and return the jobs that were reported."""
        from arc_lrms_oar.scan.apply import apply, write_all_done

        reports, followed = apply(self.context, question, decisions)
        names = question.status_names
        self.index.invalidate(followed)
        self.index.forget(names[i] for i, report in reports.items() if report.outcome.code)
        return write_all_done(self.context, list(reports.values()))

    def kick(self, done: Sequence[GridJob]) -> None:
        """Start gm-kick once for all reported jobs."""
        from arc_lrms_oar.arex.kick import kick

        kick(done, self.context.log)

    def measure(self, records: Mapping[int, JobRecord], done: Sequence[GridJob]) -> None:
        """Note what is not reported, and ask OAR now and then if there is no job to ask for."""
        metrics = self.context.metrics
        if metrics is None:
            return
        reported = {job.local_id for job in done}
        metrics.set_unreported([one for job_id, one in records.items() if job_id not in reported])
        if self.jobs or metrics.is_due:
            if not self.jobs:
                self.client.states([1])
            metrics.answered = True
