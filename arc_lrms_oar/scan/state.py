"""The state that scan keeps from one cycle to the next, in one small file of the control directory.

It holds numbers only. The first line is what the query to OAR needs: OAR's generation, and when
all jobs were last asked for. The second line, read later, holds rows of numbers: since when OAR has
not known a job, when OAR was last asked to delete it, the number of cycles, which problems have
been logged, and the counters of the metrics. If the file is lost or invalid, scan waits a little
longer, logs a problem again, and counts from 0. The file is also the lock that keeps two scans
apart; the lock ends with the process that holds it.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from arc_lrms_oar.errors import ControlDirError

_NAME = "arc_lrms_oar.scan"
_LIMIT = 64 << 20
# Sections of candidates of `scan.abandoned`; the grid job ID follows.
ABANDONED = "abandoned "
# The section with the jobs reported as not submitted for which OAR has not been asked yet: the user
# ID of each, by the name of its status file.
UNSUBMITTED = "unsubmitted"
# What is noted of a job that was reported: A-REX does not leave its OAR job alone.
REPORTED = "reported"

_Rows = dict[str, dict[str, float]]


class ScanState:
    """Rows of numbers, one for each job (by the name of its status file) and one for each section.

    Sections belong to no job; in the file their names begin with a space. `generation` is that of
    OAR's commands, None if it is not known.
    """

    def __init__(self, content: bytes) -> None:
        head, _, rest = content.partition(b"\n")
        self.generation, self._audited = _head(head)
        self._unread = rest.partition(b"\n")[0]
        self._read: _Rows | None = None

    @property
    def _rows(self) -> _Rows:
        if self._read is None:
            self._read = _rows(self._unread)
        return self._read

    @classmethod
    @contextmanager
    def locked(cls, control_dir: str) -> Iterator[ScanState | None]:
        """The state of `control_dir`, saved at the end; None while another scan holds the lock.

        Raises ControlDirError if the directory cannot be written.
        """
        path = os.path.join(control_dir, _NAME)
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise ControlDirError(f"{path}: cannot be written: {error.strerror}") from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
                return
            before = os.pread(descriptor, _LIMIT, 0)
            state = cls(before)
            try:
                yield state
            finally:
                state._save(descriptor, before)
        finally:
            os.close(descriptor)

    def _save(self, descriptor: int, before: bytes) -> None:
        """Write in place, since the file is the lock.

        Only two lines are ever read, so a scan that is killed before the truncation has saved its
        state all the same.
        """
        content = self._content()
        if content == before:
            return
        try:
            os.pwrite(descriptor, content, 0)
            os.ftruncate(descriptor, len(content))
        except OSError:
            return

    def _content(self) -> bytes:
        rows = self._unread
        if self._read is not None:
            rows = json.dumps(self._read).encode() if self._read else b""
        head = (self.generation, self._audited)
        if not rows and head == (None, None):
            return b""
        line = " ".join("-" if number is None else str(number) for number in head)
        return b"%s\n%s\n" % (line.encode(), rows)

    def count_missing(self, status_name: str, now: float) -> tuple[int, float]:
        """Count a cycle in which OAR did not know the job.

        Returns the number of such cycles in a row, and since when (seconds since 1970).
        """
        row = self._rows.setdefault(status_name, {})
        if row.get("since", now) > now:
            row.clear()
        row["cycles"] = row.get("cycles", 0) + 1
        row.setdefault("since", now)
        return int(row["cycles"]), row["since"]

    def clear_missing(self, status_name: str) -> None:
        """OAR knows the job: drop the count of cycles in which it did not."""
        row = self._rows.get(status_name)
        if row:
            row.pop("cycles", None)
            row.pop("since", None)

    def missing_jobs(self) -> set[str]:
        """The jobs that OAR did not know when it was last asked for them."""
        return {key for key, row in self._rows.items() if "cycles" in row}

    def deletion_due(self, status_name: str, now: float, interval: float) -> bool:
        """Whether `interval` seconds have passed since this last returned True for the job."""
        row = self._rows.setdefault(status_name, {})
        if 0 <= now - row.get("deleted", 0) < interval:
            return False
        row["deleted"] = now
        return True

    def first_time(self, status_name: str, what: str) -> bool:
        """Whether this is the first call with `what` for the job."""
        row = self._rows.setdefault(status_name, {})
        if what in row:
            return False
        row[what] = 1
        return True

    def is_noted(self, status_name: str, what: str) -> bool:
        """Whether `first_time` was called with `what` for the job."""
        return what in self._rows.get(status_name, {})

    def start_clock(self, status_name: str, what: str, now: float) -> None:
        """Note that `what` has begun for the job, unless it has begun already."""
        self._rows.setdefault(status_name, {}).setdefault(f"{what} since", now)

    def seconds_since(self, status_name: str, what: str, now: float) -> float:
        """The seconds since `start_clock`; 0 if it was not called or the clock was set back."""
        row = self._rows.get(status_name, {})
        return max(0.0, now - row.get(f"{what} since", now))

    def next_cycle_number(self) -> int:
        """The number of cycles before this one; call it once in each cycle."""
        row = self.section("turns")
        before = int(row.get("number", 0))
        row["number"] = before + 1
        return before

    def audit_due(self, now: float, interval: float) -> bool:
        """Whether the last audit was `interval` seconds ago; the first scan counts as one."""
        if self._audited is None:
            self._audited = now
        if 0 <= now - self._audited < interval:
            return False
        self._audited = now
        return True

    def section(self, name: str) -> dict[str, float]:
        """The numbers of a section, to be changed in place; {} at first."""
        return self._rows.setdefault(f" {name}", {})

    def sections(self, prefix: str) -> list[str]:
        """The names of the sections that begin with `prefix`."""
        return [key[1:] for key in self._rows if key.startswith(f" {prefix}")]

    def drop_section(self, name: str) -> None:
        """Remove a section, if it exists."""
        self._rows.pop(f" {name}", None)

    def keep_only(self, status_names: Iterable[str]) -> None:
        """Drop the rows of all other jobs; sections stay.

        Mostly there is no row of any job, and `status_names` is not iterated.
        """
        kept = set() if all(key[:1] == " " for key in self._rows) else set(status_names)
        self._read = {
            key: row for key, row in self._rows.items() if row and (key in kept or key[:1] == " ")
        }


def _head(line: bytes) -> tuple[int | None, float | None]:
    """The generation and the time of the last audit, each None if the line is invalid."""
    generation, _, audited = line.decode("ascii", "replace").partition(" ")
    try:
        when = _finite(audited)
    except ValueError:
        return None, None
    return int(generation) if generation in ("2", "3") else None, when


def _rows(content: bytes) -> _Rows:
    try:
        found: Any = json.loads(content) if content else {}
        return {
            str(key): {str(name): _finite(value) for name, value in row.items()}
            for key, row in found.items()
        }
    except (ValueError, AttributeError, TypeError, OverflowError, RecursionError):
        return {}


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number
