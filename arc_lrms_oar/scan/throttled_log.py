"""Log persistent problems once, repeat them hourly, and log when they clear.

A-REX starts scan every few seconds, so what has been logged is kept in the control directory
(`scan.state`). A problem is identified by its text; details may differ from cycle to cycle.
"""

from __future__ import annotations

from arc_lrms_oar.log import Log
from arc_lrms_oar.scan.state import ScanState

# Seconds until a persistent problem is logged again.
REPEAT_AFTER = 3600.0

# The state file is read by later versions, so this name stays as it was first written.
_SECTION = "trouble "
OAR_UNAVAILABLE = "OAR is unavailable"
# What is logged when these problems clear, instead of the general sentence.
_CLEARED = {OAR_UNAVAILABLE: "OAR answers again"}


class ThrottledLog:
    """The problems of one control directory in the cycle that began at `now` (s since 1970)."""

    def __init__(self, state: ScanState, log: Log, now: float) -> None:
        self._state = state
        self._log = log
        self._now = now

    def say(self, level: str, what: str, details: str = "", again_in: float = 0.0) -> None:
        """Log a problem, unless it was logged in the last hour.

        `again_in` is the longest time in seconds until the same problem, if it persists, is found
        again; 0 if every cycle finds it.
        """
        row = self._state.section(_SECTION + what)
        first = row.setdefault("first", self._now)
        row["cycles"] = row.get("cycles", 0) + 1
        row["until"] = self._now + again_in
        if "told" in row and 0 <= self._now - row["told"] < REPEAT_AFTER:
            return
        row["told"] = self._now
        count = f" ({self._span(row['cycles'], first)})" if row["cycles"] > 1 else ""
        self._log.say(level, f"{what}{details}{count}")

    def end_cycle(self) -> None:
        """Log which problems have cleared; call it only after a cycle that checked everything."""
        for name in self._state.sections(_SECTION):
            row = self._state.section(name)
            until = row.get("until", 0.0)
            if row and self._now <= until <= self._now + REPEAT_AFTER:
                continue
            self._state.drop_section(name)
            what = name[len(_SECTION) :]
            span = self._span(row.get("cycles", 1), row.get("first", self._now))
            end = f"{_CLEARED[what]} after" if what in _CLEARED else f"cleared: {what}, after"
            self._log.say("INFO", f"{end} {span}")

    def _span(self, cycles: float, first: float) -> str:
        minutes = max(1, round((self._now - first) / 60))
        return f"{cycles:.0f} cycle{'s' if cycles > 1 else ''}, {minutes} min"
