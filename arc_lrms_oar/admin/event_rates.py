"""How many jobs are submitted, end and fail per minute, from one overview to the next. Pure."""

from __future__ import annotations

from collections import deque

from arc_lrms_oar.admin.job_overview import Overview

_RATE_WINDOW = 300.0


class EventRates:
    """Jobs submitted to OAR, ended and failed per minute, over the last five minutes.

    A job that is submitted and fails between two refreshes is not counted as submitted.
    """

    def __init__(self) -> None:
        self._before: dict[str, tuple[bool, bool]] | None = None
        self._changes: deque[tuple[float, int, int, int]] = deque()
        self._since = 0.0

    def add(self, overview: Overview, now: float) -> None:
        """Count the changes since the previous overview; `now` is the time of this one."""
        current = {row.grid_job_id: (row.job_id is not None, False) for row in overview.in_progress}
        failed = {grid_id for grid_id, entry in overview.ended.items() if entry.failed}
        # Whether an ended job was in OAR is in its files, which are not read for this.
        current.update({grid_id: (grid_id not in failed, True) for grid_id in overview.ended})
        if self._before is None:
            self._since = now
        else:
            new = (False, False)
            before = self._before
            submitted = [i for i, (has_id, _) in current.items() if has_id > before.get(i, new)[0]]
            ended = [i for i, (_, over) in current.items() if over > before.get(i, new)[1]]
            self._changes.append((now, len(submitted), len(ended), len(failed & {*ended})))
        self._before = current
        while self._changes and now - self._changes[0][0] > _RATE_WINDOW:
            self._changes.popleft()

    def per_minute(self, now: float) -> dict[str, float | None]:
        """The rates by kind of event; None until there are two overviews."""
        seconds = min(now - self._since, _RATE_WINDOW)
        kinds = ("submitted", "ended", "failed")
        if not self._changes or seconds <= 0:
            return dict.fromkeys(kinds)
        sums = [sum(change[1 + index] for change in self._changes) for index in range(3)]
        return {kind: round(60 * total / seconds, 1) for kind, total in zip(kinds, sums)}

    def text(self, now: float) -> str:
        """The rates as one line."""
        rates = self.per_minute(now).items()
        parts = (f"{'-' if rate is None else rate} {kind}" for kind, rate in rates)
        return "per minute: " + ", ".join(parts)
