"""What scan remembers from one run to the next, in one small file of the control directory.

Only numbers: since when a job is unknown to OAR, when it was last asked to delete one, when it was
last asked for all and of which generation it was then, how many scans there were, what was said of
a job already, which troubles have been told, and what the metrics count. Losing the file, or
finding nonsense in it, only makes scan wait a little longer, tell a trouble again, and count anew.
The file is also the lock that keeps two scans apart; the lock goes with its owner.
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
_AUDIT = "audit"


class Memory:
    """The remembered numbers, by grid ID; notes, which belong to no job, are kept with a space in
    front of their names."""

    def __init__(self, rows: dict[str, dict[str, float]]) -> None:
        self._rows = rows

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
            memory = cls(_rows(before.partition(b"\n")[0]))
            try:
                yield memory
            finally:
                memory._save(descriptor, before)
        finally:
            os.close(descriptor)

    def _save(self, descriptor: int, before: bytes) -> None:
        """In place, since the file is the lock; of what is there only the first line is read, so
        that who is killed before the cut has saved all the same."""
        content = json.dumps(self._rows).encode() + b"\n" if self._rows else b""
        if content == before:
            return
        try:
            os.pwrite(descriptor, content, 0)
            os.ftruncate(descriptor, len(content))
        except OSError:
            return

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
        row = self.note(_AUDIT)
        if 0 <= now - row.setdefault("audited", now) < period:
            return False
        row["audited"] = now
        return True

    def generation(self) -> int | None:
        """The generation of OAR's commands that was last found out."""
        found = self.note(_AUDIT).get("generation")
        return None if found is None else int(found)

    def note_generation(self, generation: int) -> None:
        """Remembers the generation of OAR's commands."""
        self.note(_AUDIT)["generation"] = generation

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
        self._rows = {
            key: row for key, row in self._rows.items() if row and (key in kept or key[:1] == " ")
        }


def _rows(content: bytes) -> dict[str, dict[str, float]]:
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
