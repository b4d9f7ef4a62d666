"""What scan remembers from one run to the next, in one small file of the control directory.

Only numbers. The first line is what the question to OAR takes: of which generation OAR is, and when
it was last asked for all. The second is read later: since when a job is unknown to OAR, when OAR
was last asked to delete one, how many scans there were, what was said of a job already, which
troubles have been told, and what the metrics count. Losing the file, or finding nonsense in it,
only makes scan wait a little longer, tell a trouble again, and count anew. The file is also the
lock that keeps two scans apart; the lock goes with its owner.
"""

from __future__ import annotations

import fcntl
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from arc_lrms_oar.errors import ControlDirError

_NAME = "arc_lrms_oar.scan"
_LIMIT = 64 << 20

_Rows = dict[str, dict[str, float]]


class Memory:
    """The remembered numbers, by grid ID; notes, which belong to no job, are kept with a space in
    front of their names. `generation` is that of OAR's commands, None where it is not known."""

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
    def locked(cls, control_dir: str) -> Iterator[Memory | None]:
        """The memory of `control_dir`, saved at the end; None while another scan holds it.

        Raises ControlDirError where the directory cannot be written.
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
            memory = cls(before)
            try:
                yield memory
            finally:
                memory._save(descriptor, before)
        finally:
            os.close(descriptor)

    def _save(self, descriptor: int, before: bytes) -> None:
        """In place, since the file is the lock; of what is there only two lines are read, so that
        who is killed before the cut has saved all the same."""
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
            import json

            rows = json.dumps(self._read).encode() if self._read else b""
        told = (self.generation, self._audited)
        if not rows and told == (None, None):
            return b""
        head = " ".join("-" if number is None else str(number) for number in told)
        return b"%s\n%s\n" % (head.encode(), rows)

    def missing(self, grid_id: str, now: float) -> tuple[int, float]:
        """Counts that OAR did not know the job; gives how often in a row, and since when."""
        row = self._rows.setdefault(grid_id, {})
        if row.get("since", now) > now:
            row.clear()
        row["cycles"] = row.get("cycles", 0) + 1
        row.setdefault("since", now)
        return int(row["cycles"]), row["since"]

    def due(self, grid_id: str, now: float, pause: float) -> bool:
        """Whether `pause` seconds have passed since this was last so for the job."""
        row = self._rows.setdefault(grid_id, {})
        if 0 <= now - row.get("deleted", 0) < pause:
            return False
        row["deleted"] = now
        return True

    def first(self, grid_id: str, what: str) -> bool:
        """Whether `what` is noted of the job for the first time."""
        row = self._rows.setdefault(grid_id, {})
        if what in row:
            return False
        row[what] = 1
        return True

    def doubted(self) -> set[str]:
        """The jobs that OAR did not know when it was last asked for them."""
        return {key for key, row in self._rows.items() if "cycles" in row}

    def turn(self) -> int:
        """How many scans there were before this one, as far as that is remembered."""
        row = self.note("turns")
        before = int(row.get("number", 0))
        row["number"] = before + 1
        return before

    def audit_due(self, now: float, period: float) -> bool:
        """Whether the last audit was `period` seconds ago; the very first scan counts as one."""
        if self._audited is None:
            self._audited = now
        if 0 <= now - self._audited < period:
            return False
        self._audited = now
        return True

    def forget(self, grid_id: str) -> None:
        """OAR knows the job: what was counted against it is void."""
        row = self._rows.get(grid_id)
        if row:
            row.pop("cycles", None)
            row.pop("since", None)

    def note(self, name: str) -> dict[str, float]:
        """The numbers under `name`, which belong to no job and may be changed; {} at first."""
        return self._rows.setdefault(f" {name}", {})

    def notes(self, start: str) -> list[str]:
        """The names of the notes that begin with `start`."""
        return [key[1:] for key in self._rows if key.startswith(f" {start}")]

    def drop_note(self, name: str) -> None:
        """Forgets the note `name`."""
        self._rows.pop(f" {name}", None)

    def keep_only(self, grid_ids: Iterable[str]) -> None:
        """Drops all that is remembered of other jobs than `grid_ids`; notes stay.

        Mostly nothing is remembered of any job, and `grid_ids` not looked at.
        """
        kept = set() if all(key[:1] == " " for key in self._rows) else set(grid_ids)
        self._read = {
            key: row for key, row in self._rows.items() if row and (key in kept or key[:1] == " ")
        }


def _head(line: bytes) -> tuple[int | None, float | None]:
    """The generation and the time of the last audit, each None where that is nonsense."""
    generation, _, audited = line.decode("ascii", "replace").partition(" ")
    try:
        when = _finite(audited)
    except ValueError:
        return None, None
    return int(generation) if generation in ("2", "3") else None, when


def _rows(content: bytes) -> _Rows:
    # The question is on its way by now; it would have to wait 2 ms for this to be loaded.
    import json

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
        raise ValueError("not a number that time or counts can have")
    return number
