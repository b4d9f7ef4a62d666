"""What the last look at a control directory has left for the next, in a file of two lines.

The first line holds the OAR ids that were found, by their runs: it is all that the question to OAR
takes, and is read long before the rest. The second holds a row for each status file, by its name:
[its time in ns, its inode, OAR id or 0, whether it is canceling]. All of it is only a hint: where
it is lost or nonsense, nothing is remembered.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from arc_lrms_oar.id_ranges import Run

_NAME = "arc_lrms_oar.jobs"
_LIMIT = 256 << 20

Rows = dict[str, list[int]]


class LastLook:
    """What is remembered of a control directory; `runs` are those of the OAR ids, ascending."""

    def __init__(self, control_dir: str) -> None:
        self.control_dir = control_dir
        self._path = os.path.join(control_dir, _NAME)
        runs, _, self._rows = self._read().partition(b"\n")
        self.runs = _runs(runs)

    def rows(self) -> Rows | None:
        """The rows; None where there are none, or it is nonsense."""
        # The question is on its way by now; it would have to wait 2 ms for this to be loaded.
        import json

        try:
            found: Rows = json.loads(self._rows)
            for row in found.values():
                changed, inode, job_id, canceling = row
                if type(changed) is type(inode) is type(job_id) is type(canceling) is int:
                    continue
                return None
        # The last two by JSON that somebody made up.
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
            return None
        return found

    def save(self, runs: Sequence[Run], rows: Mapping[str, Sequence[int]]) -> None:
        """Written aside and renamed. Where the disk is full the old one stays, and serves."""
        import json

        line = " ".join(f"{first}-{last}" for first, last in runs)
        content = f"{line}\n{json.dumps(rows, separators=(',', ':'))}"
        aside = self._path + ".new"
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(aside, flags, 0o600), "w", encoding="utf-8") as file:
                file.write(content)
            os.replace(aside, self._path)
        except OSError:
            return

    def _read(self) -> bytes:
        try:
            with open(self._path, "rb") as file:
                return file.read(_LIMIT)
        except OSError:
            return b""


def _runs(line: bytes) -> list[Run]:
    """The runs in `line`; none where it is nonsense."""
    try:
        runs = [(int(first), int(last)) for first, last in (w.split(b"-") for w in line.split())]
    except ValueError:
        return []
    ends = [end for run in runs for end in run]
    return runs if ends == sorted(ends) and ends[:1] > [0] else []
