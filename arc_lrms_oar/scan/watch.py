"""Run cycles at short intervals, for about as long as A-REX would wait with the next scan.

A-REX looks every 10 s whether scan has ended, and then starts it again. So scan stays for almost a
minute and leaves shortly before A-REX looks. Between two cycles it holds no lock and no open file,
and it ends at once when A-REX stops (SIGTERM) or has died.

Whatever ends a cycle with an error also ends the process: A-REX starts the next one. If this
package is replaced, the script starts again (`replacement`).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from arc_lrms_oar import replacement
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.metering import Meter
from arc_lrms_oar.oar.transport import Transport
from arc_lrms_oar.scan.indexed_dir import IndexedDir
from arc_lrms_oar.scan.reconcile import run_cycle
from arc_lrms_oar.settings import Settings

# Seconds between two looks of A-REX (ARC 6.17 and 7.0 `grid-manager/jobs/JobsList.cpp`,
# ExternalHelpers), which is also the longest interval between two cycles.
AREX_INTERVAL = 10.0
# Seconds until the last cycle must have ended: the rest of a minute is for the process's start, and
# for saving the index.
_STAY = 58.5
# The longest sleep: a change in the control directory shortens the interval, and A-REX may die.
_LONGEST_SLEEP = 1.0
# Jobs in the LRMS for which OAR is asked in one second.
_JOBS_PER_SECOND = 1500
# OAR's commands take at most this part of the time: 1/5.
_ANSWER_SHARE = 5
# An interval is at most this part of the time since the last change in the control directory.
_QUIET_SHARE = 30
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_AREX = "arched"


class Clock(Protocol):
    """The time, and waiting."""

    def now(self) -> float:
        """Seconds since some moment, never set back."""

    def sleep(self, seconds: float) -> bool:
        """Wait; returns whether scan may go on."""


class ArexClock:
    """Waits as long as A-REX, the parent process, lives and has not sent a signal."""

    def __init__(self) -> None:
        self._parent = os.getppid()

    def now(self) -> float:
        """Seconds since the machine's start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> bool:
        """Wait; returns False as soon as this process is to end."""
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
        try:
            signalled = signal.sigtimedwait(_ENDING, seconds)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return signalled is None and os.getppid() == self._parent


class Load(NamedTuple):
    """What the interval depends on.

    `jobs`: the number of jobs in the LRMS. `answer`: seconds that OAR took to answer. `quiet`:
    seconds since a job entered, left or changed its state in the control directory.
    """

    jobs: int
    answer: float
    quiet: float


def interval(least: float, load: Load) -> float:
    """Seconds from the start of one cycle to that of the next.

    `least` is the shortest interval. It grows with the number of jobs, with the time that OAR takes
    to answer, and while nothing happens, up to A-REX's own interval.
    """
    wanted = max(
        least, load.jobs / _JOBS_PER_SECOND, load.answer * _ANSWER_SHARE, load.quiet / _QUIET_SHARE
    )
    return min(wanted, max(least, AREX_INTERVAL))


def started_by_arex() -> bool:
    """Whether A-REX has started this process, and will start it again."""
    try:
        with open(f"/proc/{os.getppid()}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip() == _AREX
    except OSError:
        return False


class Watch:
    """The cycles of one process on its control directories."""

    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        control_dirs: Sequence[str],
        log: Log,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._log = log
        self._clock = clock
        self._directories = [IndexedDir(path) for path in control_dirs]
        self._busy: set[str] = set()

    def run(self) -> None:
        """Run the first cycle and those that follow until it is time to leave.

        The indexes are saved for the next process in any case.

        Raises:
            OarUnavailable: OAR does not answer.
            ControlDirError: a control directory cannot be read.
        """
        end = self._clock.now() + _STAY
        try:
            while True:
                began = self._clock.now()
                answer = self._run_cycles()
                if not self._wait(began, end, answer):
                    return
                replacement.check()
        finally:
            for directory in self._directories:
                directory.save()

    def _run_cycles(self) -> float:
        """Run one cycle on each directory and return the seconds that OAR took to answer.

        That is the mean of its commands, or their sum if they led to nothing.
        """
        # A new client forgets OAR's version, which an audit is to ask for.
        client = OarClient(self._transport, self._settings.dialect)
        meter = Meter()
        client.observe(meter.record)
        reported = False
        for directory in self._directories:
            done = run_cycle(self._settings, client, directory, self._log)
            if done is None and directory.path not in self._busy:
                self._busy.add(directory.path)
                self._log.say("WARNING", f"{directory.path}: another scan is running")
            reported = reported or bool(done)
        usage = meter.usage.values()
        seconds = sum(one.seconds for one in usage)
        calls = sum(one.calls for one in usage)
        return seconds / calls if reported and calls else seconds

    def _wait(self, began: float, end: float, answer: float) -> bool:
        """Wait until the next cycle is due; returns False if it is time to leave."""
        jobs = sum(directory.size for directory in self._directories)
        ended = time.time()
        took = self._clock.now() - began
        while True:
            load = Load(jobs, answer, self._quiet(ended))
            due = began + interval(self._settings.scan_interval, load)
            now = self._clock.now()
            if now >= min(due, end):
                return now + took < end
            if not self._clock.sleep(min(due - now, end - now, _LONGEST_SLEEP)):
                return False

    def _quiet(self, when: float) -> float:
        """Seconds from the last change in the directories to `when`; 0 if it came later."""
        from arc_lrms_oar.scan.job_index import modified

        last = max(modified(directory.path) for directory in self._directories) / 1e9
        return max(0.0, when - last)
