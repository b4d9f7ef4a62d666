"""Keep a number of jobs in flight in a bed's A-REX, and sample what it takes.

Each interval has a `Watch` of its own, and the jobs that end in it are judged after the next one,
when A-REX has written their accounting.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from bed import Bed
from load_arex import ARex
from load_judge import by_grid_id, wrongs_through_us
from load_oar import Oar, OarEnds
from load_plan import Pilot
from load_watch import Sample, Watch
from soak_rows import Row

_BLOCK = 25
# Seconds between two polls of the jobs, and of the processes.
_POLL = 5.0
_NO_PROCESS = Sample(0.0, 0.0, 0)
_INDEX, _STATE = "arc_lrms_oar.jobs", "arc_lrms_oar.scan"


class Target(Protocol):
    """The system that runs the jobs and gives each a unique name."""

    def submit(self, jobs: Sequence[Pilot]) -> list[str]:
        """Submit jobs and return their names, in order."""

    def kill(self, names: Sequence[str]) -> list[bool]:
        """Kill jobs and return whether each request was accepted."""

    def ended(self) -> set[str]:
        """Return the names of all jobs that have ended, possibly with unrelated ones."""


@dataclass
class Flight:
    """One job in flight: when it was submitted, and whether its kill was accepted."""

    pilot: Pilot
    submitted: float
    killed: bool = False

    def is_due(self, now: float) -> bool:
        """Whether it is to be killed now."""
        late = now - self.submitted >= self.pilot.seconds
        return self.pilot.planned.killed and late and not self.killed


class Steady:
    """Keeps `most` jobs in flight; `ended` are those that have ended, until they are judged."""

    def __init__(self, target: Target, pilots: Iterator[Pilot], most: int) -> None:
        self._target = target
        self._pilots = pilots
        self._most = most
        self.in_flight: dict[str, Flight] = {}
        self.ended: dict[str, Pilot] = {}
        self.finished = 0

    def step(self, now: float, submit: bool) -> None:
        """Note which jobs have ended, submit new ones if wanted, and kill those that are due."""
        for name in self._target.ended() & self.in_flight.keys():
            self.ended[name] = self.in_flight.pop(name).pilot
            self.finished += 1
        room = min(self._most - len(self.in_flight), _BLOCK) if submit else 0
        new = list(islice(self._pilots, room))
        if new:
            names = self._target.submit(new)
            self.in_flight.update((name, Flight(job, now)) for name, job in zip(names, new))
        due = [name for name, flight in self.in_flight.items() if flight.is_due(now)]
        for name, accepted in zip(due, self._target.kill(due) if due else ()):
            self.in_flight[name].killed = accepted


class Soak:
    """A steady load and its samples."""

    def __init__(self, bed: Bed, arex: ARex, oar: Oar, ends: OarEnds, steady: Steady) -> None:
        self._bed = bed
        self._arex = arex
        self._oar = oar
        self._ends = ends
        self._steady = steady
        self._to_judge: dict[str, Pilot] = {}

    def rows(self, seconds: float, drain: float, every: float) -> Iterator[Row]:
        """Run for `seconds` and yield a row each `every` seconds.

        In the last `drain` seconds nothing is submitted. What has not ended then is an error in the
        last row.
        """
        started = time.monotonic()
        minutes = 0.0
        while 60 * minutes < seconds:
            until = started + min(60 * minutes + every, seconds)
            with Watch(self._bed, _POLL) as watch:
                began = time.monotonic()
                while (now := time.monotonic()) < until:
                    self._steady.step(now, submit=now - started < seconds - drain)
                    time.sleep(max(0.0, min(_POLL, until - time.monotonic())))
                took = time.monotonic() - began
            minutes = (until - started) / 60
            yield self._row(minutes, watch, took, last=60 * minutes >= seconds)

    def _row(self, minutes: float, watch: Watch, took: float, last: bool) -> Row:
        steady = self._steady
        new, steady.ended = steady.ended, {}
        wrong = self._judge(self._to_judge)
        self._to_judge = new
        if last:
            wrong += self._judge(new)
            wrong += [f"{name}: has not ended" for name in steady.in_flight]
        latency = sorted(self._latency(list(new)))
        arex, scan = (watch.peak(kind) or _NO_PROCESS for kind in ("arex", "scan"))
        return Row(
            minute=minutes,
            in_flight=len(steady.in_flight),
            finished=steady.finished,
            wrong=wrong,
            arex_mb=arex.mb,
            arex_files=arex.files,
            scan_mb=scan.mb,
            scan_files=scan.files,
            index_kb=self._size(_INDEX),
            state_kb=self._size(_STATE),
            latency=statistics.median(latency) if latency else None,
            latency_95=latency[int(0.95 * len(latency))] if latency else None,
            cpu={who: 1000 * used / took for who, used in watch.cpu.items()},
        )

    def _judge(self, pilots: dict[str, Pilot]) -> list[str]:
        """Return what is wrong with jobs that have ended."""
        if not pilots:
            return []
        held, _ = by_grid_id(self._oar.jobs(), pilots)
        jobs = self._arex.jobs(list(pilots))
        return [
            f"{name}: {phrase}"
            for (name, pilot), job in zip(pilots.items(), jobs)
            for phrase in wrongs_through_us(pilot.planned, job, held[name])
        ]

    def _latency(self, names: Sequence[str]) -> Iterator[float]:
        """Yield the seconds from OAR's last state to FINISHED of each job that was in OAR."""
        in_oar = self._ends.times() if names else {}
        for name in names:
            finished = self._arex.finished_at(name)
            ended = in_oar.get(self._arex.local_id(name))
            if finished is not None and ended is not None:
                yield finished - ended

    def _size(self, name: str) -> float:
        path = self._arex.control / name
        return path.stat().st_size / 1024 if path.exists() else 0.0
