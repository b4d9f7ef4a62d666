"""Carry out the plan of a chaos run, and wait until all its jobs have ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

from bed import Bed
from chaos_client import Client
from chaos_faults import Faults
from chaos_jobs import description
from chaos_plan import LANES, Fault, Plan, PlannedJob
from chaos_read import unaccounted, unfinished
from chaos_records import Happened

Progress = Callable[[str], None]
# Seconds: between two attempts to reach A-REX, between two looks at the jobs, for A-REX to complete
# its accounting, and without any change before jobs are deleted that OAR has left in their launch,
# and before the run is given up.
_RETRY, _POLL, _ACCOUNTING_TIMEOUT, _STUCK, _TIMEOUT = 1.0, 3.0, 60.0, 120.0, 420.0


class Run:
    """One run; `happened` is what the faults have done, with the true times."""

    def __init__(self, bed: Bed, plan: Plan, progress: Progress) -> None:
        self.bed = bed
        self.plan = plan
        self.progress = progress
        self.happened: list[Happened] = []
        self._faults = Faults(bed)
        self._names: dict[int, str] = {}
        self._started = 0.0

    def run(self) -> None:
        """Run all jobs and faults. Returns when all jobs have ended, or nothing changes any more.

        Raises BedError if a daemon does not start again.
        """
        self._started = time.time()
        lanes = [_Lane(self._run_lane, lane) for lane in LANES]
        for thread in lanes:
            thread.start()
        with closing(Client(self.bed)) as client:
            self._run_jobs(client)
            for thread in lanes:
                thread.join()
            for thread in lanes:
                if thread.error is not None:
                    raise thread.error
            self._faults.repair()
            self.progress("all faults are over; waiting for the jobs")
            self._wait(client)

    def _run_lane(self, lane: str) -> None:
        for fault in self.plan.faults:
            if fault.lane != lane:
                continue
            self._sleep_until(fault.at)
            if time.time() - self._started > 60 * self.plan.minutes:
                self.progress(f"{lane}: no time for the faults from {fault.kind} on")
                return
            self._run_fault(fault)

    def _run_fault(self, fault: Fault) -> None:
        begun = time.time()
        hit = self._faults.begin(fault)
        if hit is not None:
            time.sleep(fault.seconds)
            hit = self._faults.end(fault, hit)
            self.happened.append(Happened(fault.kind, begun, time.time(), hit))
        what = "nothing to hit" if hit is None else f"{len(hit)} hit: {', '.join(hit)}"[:150]
        after = begun - self._started
        self.progress(f"{after:.1f} to {time.time() - self._started:.1f} s {fault.kind}: {what}")

    def _run_jobs(self, client: Client) -> None:
        todo = [(job.at, job.number, job) for job in self.plan.jobs]
        todo += [
            (job.kill_at, job.number, job) for job in self.plan.jobs if job.kill_at is not None
        ]
        for at, _, job in sorted(todo):
            self._sleep_until(at)
            if job.number not in self._names:
                self._submit(client, job)
            else:
                # If A-REX does not answer, the job is killed at the end.
                client.kill([self._names[job.number]])

    def _submit(self, client: Client, job: PlannedJob) -> None:
        while True:
            name = client.submit(description(job))
            if name is not None:
                self._names[job.number] = name
                return
            time.sleep(_RETRY)

    def _wait(self, client: Client) -> None:
        to_kill = {job.name for job in self.plan.jobs if job.kill_at is not None}
        left: dict[str, str] = {}
        changed = time.monotonic()
        deleted = False
        while time.monotonic() - changed < _TIMEOUT:
            before, left = left, unfinished(self.bed)
            if left != before:
                changed = time.monotonic()
            elif not deleted and time.monotonic() - changed >= _STUCK:
                deleted = True
                self.happened.append(self._faults.delete_stuck())
            if not left:
                break
            killed = [name for name, job_name in left.items() if job_name in to_kill]
            if killed and before != left:
                client.kill(killed)
            time.sleep(_POLL)
        deadline = time.monotonic() + _ACCOUNTING_TIMEOUT
        while unaccounted(self.bed) and time.monotonic() < deadline:
            time.sleep(_POLL)

    def _sleep_until(self, at: float) -> None:
        time.sleep(max(0.0, self._started + at - time.time()))


class _Lane(threading.Thread):
    """The faults of one lane, one after another; `error` is what has ended it early."""

    def __init__(self, run: Callable[[str], None], lane: str) -> None:
        super().__init__(daemon=True)
        self._run_lane = run
        self._lane = lane
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._run_lane(self._lane)
        except BaseException as error:
            self.error = error
