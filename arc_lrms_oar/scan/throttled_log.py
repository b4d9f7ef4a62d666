"""Troubles that last for many cycles of scan: told at first, then seldom and counted, then as over.

A-REX starts scan anew every few seconds, so what has been told is remembered in the control
directory. A trouble is known by its words; what may differ from cycle to cycle are its details.
"""

from __future__ import annotations

from arc_lrms_oar.log import Log
from arc_lrms_oar.scan.state import Memory

REMINDER = 3600.0

_NOTE = "trouble "
OAR_SILENT = "OAR could not be asked"
# How the end of some troubles is told; of all others, that they are over.
_ENDS = {OAR_SILENT: "OAR answers again"}


class Troubles:
    """The troubles of one control directory in the cycle that began at `now` (since 1970)."""

    def __init__(self, memory: Memory, log: Log, now: float) -> None:
        self._memory = memory
        self._log = log
        self._now = now

    def say(self, level: str, what: str, details: str = "", again_in: float = 0.0) -> None:
        """Tells a trouble, unless it was told in the last hour.

        `again_in` is after how many seconds at most it is found again where it lasts, for those
        that not every cycle looks for.
        """
        row = self._memory.note(_NOTE + what)
        first = row.setdefault("first", self._now)
        row["cycles"] = row.get("cycles", 0) + 1
        row["until"] = self._now + again_in
        if "told" in row and 0 <= self._now - row["told"] < REMINDER:
            return
        row["told"] = self._now
        count = f" ({self._span(row['cycles'], first)})" if row["cycles"] > 1 else ""
        self._log.say(level, f"{what}{details}{count}")

    def settle(self) -> None:
        """At the end of a cycle that could look at everything: tells what is over."""
        for name in self._memory.notes(_NOTE):
            row = self._memory.note(name)
            until = row.get("until", 0.0)
            if row and self._now <= until <= self._now + REMINDER:
                continue
            self._memory.drop_note(name)
            what = name[len(_NOTE) :]
            span = self._span(row.get("cycles", 1), row.get("first", self._now))
            end = f"{_ENDS[what]} after" if what in _ENDS else f"over: {what}, after"
            self._log.say("INFO", f"{end} {span}")

    def _span(self, cycles: float, first: float) -> str:
        minutes = max(1, round((self._now - first) / 60))
        return f"{cycles:.0f} cycle{'s' if cycles > 1 else ''}, {minutes} min"
