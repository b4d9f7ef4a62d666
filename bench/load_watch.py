"""Measure memory, open files and CPU time of A-REX, its scripts and OAR while a load runs in a bed.

Only reads the bed's /proc, so as not to influence the load.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from bed import Bed
from bed.processes import session
from bed.services import Arex, Oar, Postgres, Service, Sshd

_TICKS = os.sysconf("SC_CLK_TCK")
_INIT = 1


class Sample(NamedTuple):
    """One process at one moment (seconds of the monotonic clock): its MB and its open files."""

    when: float
    mb: float
    files: int


class Watch:
    """A context manager; afterwards its results are those of the time in it."""

    def __init__(self, bed: Bed, poll: float = 1.0) -> None:
        """`poll`: seconds between two samples."""
        self.bed = bed
        self.poll = poll
        self.proc = bed.path("/proc")
        self.arex = self._pid(Arex)
        self.samples: dict[str, list[Sample]] = {}
        self.cpu: dict[str, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._before: dict[str, float] = {}

    def __enter__(self) -> Watch:
        self._before = self._cpu()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self.cpu = {who: used - self._before[who] for who, used in self._cpu().items()}

    def memory(self, kind: str) -> tuple[float, float] | None:
        """Return the peak MB of the largest process of a kind in the first and the last third.

        None if there was no such process.
        """
        seen = self.samples.get(kind)
        if not seen:
            return None
        first, last = seen[0].when, seen[-1].when
        third = (last - first) / 3
        return (
            max(sample.mb for sample in seen if sample.when <= first + third),
            max(sample.mb for sample in seen if sample.when >= last - third),
        )

    def peak(self, kind: str) -> Sample | None:
        """Return the highest values of all processes of a kind; None if there was no process."""
        seen = self.samples.get(kind)
        return Sample(*map(max, zip(*seen))) if seen else None

    def _watch(self) -> None:
        while not self._over.wait(self.poll):
            now = time.monotonic()
            for entry in os.listdir(self.proc):
                if entry.isdigit():
                    with suppress(OSError):
                        self._look(now, int(entry))

    def _look(self, now: float, pid: int) -> None:
        place = self.proc / str(pid)
        if pid == self.arex:
            kind, field = "arex", "VmRSS"
        else:
            words = (place / "cmdline").read_bytes().split(b"\0")[:3]
            names = {os.path.basename(word).decode(errors="replace") for word in words}
            found = [word for word in ("scan", "submit") if f"{word}-OAR-job" in names]
            if not found:
                return
            kind, field = found[0], "VmHWM"
        files = len(os.listdir(place / "fd"))
        for line in (place / "status").read_text().splitlines():
            if line.startswith(field):
                sample = Sample(now, int(line.split()[1]) / 1024, files)
                self.samples.setdefault(kind, []).append(sample)

    def _cpu(self) -> dict[str, float]:
        """Return the CPU seconds of each party so far, including its ended children."""
        inside = self.bed.inside
        oar, postgres, sshd = (self._pid(kind) for kind in (Oar, Postgres, Sshd))
        return {
            "arex": self._used([self.arex], children=False),
            "scripts": self._used([self.arex]) - self._used([self.arex], children=False),
            "oar": self._used(session(inside, oar)),
            "postgres": self._used([postgres]),
            # The processes of a job leave sshd's session, and init reaps them.
            "nodes": self._used([sshd, _INIT]),
        }

    def _used(self, pids: Iterable[int], children: bool = True) -> float:
        used = 0
        for pid in pids:
            with suppress(OSError):
                fields = Path(self.proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
                used += sum(map(int, fields[11 : 15 if children else 13]))
        return used / _TICKS

    def _pid(self, kind: type[Service]) -> int:
        return kind(self.bed.inside, self.bed.suite).pid() or 0
