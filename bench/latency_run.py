"""End running grid jobs of a bed one by one, and note when OAR and A-REX have them ended.

A-REX's times are the modification times of its files.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from bed import Bed, BedError
from load_arex import ARex
from load_oar import Oar, OarEnds

# Each job's sleep has a duration of its own, by which its process is found.
_SLEEP = 1_000_000
_POLL = 0.02
_START_TIMEOUT = 1_800.0
_END_TIMEOUT = 180.0
_BLOCK = 20


class Sleeper(NamedTuple):
    """A job that sleeps until its sleep is ended; `number` is unique."""

    number: int

    @property
    def command(self) -> tuple[str, ...]:
        """The command line of the job."""
        return ("/bin/sh", "-c", f"sleep {_SLEEP + self.number}; exit 0")


class End(NamedTuple):
    """One job's end; times in seconds since 1970.

    `asked`: the program was ended or the job cancelled. `in_oar`: OAR has its last state.
    `reported`: scan has written `lrms_done`, None if A-REX had removed it before it was seen.
    `finished`: the job is FINISHED in A-REX. `failure`: A-REX's reason.
    """

    asked: float
    in_oar: float
    reported: float | None
    finished: float
    failure: str


class Sleepers:
    """The running jobs of one measurement."""

    def __init__(self, bed: Bed, arex: ARex, oar: Oar) -> None:
        self._bed = bed
        self._arex = arex
        self._names: list[str] = []
        self._pids: dict[int, int] = {}
        command, environment = bed.inside.command(["sh"], user="root")
        self._shell = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, text=True, bufsize=1
        )
        self._oar_ends = OarEnds(oar)

    def start(self, jobs: int, say: Callable[[str], None]) -> None:
        """Submit jobs and wait until all run; raises BedError if they do not."""
        deadline = time.monotonic() + _START_TIMEOUT
        running = 0
        while running < jobs:
            if len(self._names) - running <= 2 * _BLOCK and len(self._names) < jobs:
                numbers = range(len(self._names), min(jobs, len(self._names) + _BLOCK))
                self._names += self._arex.submit([Sleeper(number) for number in numbers])
            time.sleep(2)
            running = len(self._find())
            if time.monotonic() > deadline:
                raise BedError(f"only {running} of {jobs} jobs run")
        deadline = time.monotonic() + _END_TIMEOUT
        while self._arex.in_lrms(self._names) < jobs:
            time.sleep(1)
            if time.monotonic() > deadline:
                raise BedError("A-REX does not have all jobs in the LRMS")
        say(f"{jobs} jobs run")

    def end(self, numbers: Sequence[int], pause: float, cancel: bool) -> list[End]:
        """End these jobs one by one, with `pause` seconds between two."""
        asked: dict[str, float] = {}
        seen: dict[str, float] = {}
        waiting = [self._names[number] for number in numbers]
        left = list(numbers)
        following = time.time()
        last = time.monotonic()
        while waiting:
            if left and time.time() >= following:
                number = left.pop(0)
                following = time.time() + pause
                asked[self._names[number]] = time.time()
                self._end(number, cancel)
                last = time.monotonic()
            for name in [name for name in waiting if name in asked]:
                with suppress(OSError):
                    seen.setdefault(name, self._arex.path(name, "lrms_done").stat().st_mtime)
                if self._arex.finished_at(name):
                    waiting.remove(name)
                    last = time.monotonic()
            if time.monotonic() - last > _END_TIMEOUT:
                raise BedError(f"{len(waiting)} jobs do not end in A-REX")
            time.sleep(_POLL)
        return self._ends(asked, seen)

    def _end(self, number: int, cancel: bool) -> None:
        if cancel:
            self._arex.kill([self._names[number]])
        else:
            assert self._shell.stdin is not None
            self._shell.stdin.write(f"kill {self._pids[number]}\n")

    def _ends(self, asked: dict[str, float], seen: dict[str, float]) -> list[End]:
        in_oar = self._oar_ends.times()
        return [
            End(
                when,
                in_oar[self._arex.local_id(name)],
                seen.get(name),
                self._arex.finished_at(name) or 0.0,
                self._arex.read(name, "failed").strip(),
            )
            for name, when in asked.items()
        ]

    def _find(self) -> dict[int, int]:
        """Find the process of each job's sleep, by its number."""
        proc = self._bed.path("/proc")
        for entry in os.listdir(proc):
            if not entry.isdigit():
                continue
            with suppress(OSError):
                words = (proc / entry / "cmdline").read_bytes().split(b"\0")
                if words[0] == b"sleep" and words[1].isdigit() and int(words[1]) >= _SLEEP:
                    self._pids[int(words[1]) - _SLEEP] = int(entry)
        return self._pids

    def close(self) -> None:
        """Cancel the jobs that are left, and remove what was added to the database."""
        self._shell.communicate()
        self._oar_ends.close()
        left = [name for name in self._names if not self._arex.finished_at(name)]
        if left:
            self._arex.kill(left)
