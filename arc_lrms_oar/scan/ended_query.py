"""The one question to OAR in a cycle of scan: which jobs have ended.

It is on its way before the control directory is read, for the jobs that were there the last time
and for the ids that OAR gives next, so that OAR and we work at the same time. Only where a job is
neither of these it is asked for once more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.id_ranges import Run, outside
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.scan.state import Memory

# How often OAR is asked for the states of all jobs, not only for what has ended.
_AUDIT_PERIOD = 300.0
# Of how many ids beyond the last the ended jobs, whosever they are, are told as well. Each that is
# another user's takes oarstat 0.4 ms in every scan.
_AHEAD = 100


class Bulk:
    """The question, asked at once where OAR's generation and the `before` ids are known.

    `before` are the ids of the last look, `now` is in seconds since 1970.
    """

    def __init__(
        self, client: OarClient, memory: Memory, before: Sequence[Run], now: float
    ) -> None:
        self._client = client
        self._memory = memory
        self._asked: list[Run] = []
        self._answer: Callable[[], set[int]] | None = None
        self._audit = memory.audit_due(now, _AUDIT_PERIOD)
        if self._audit or memory.generation is None:
            return
        client.assume(memory.generation)
        if before:
            first, last = before[-1]
            self._asked = [*before[:-1], (first, last + _AHEAD)]
            # What cannot be started now is asked when the answer is needed.
            with suppress(OarUnavailable):
                self._answer = client.begin_ended(self._asked)

    def ended(self, ids: Collection[int]) -> set[int] | None:
        """Those of `ids` that seem to have ended, for `records` to confirm.

        None where the states of all have to be asked for: now and then, to find jobs that OAR does
        not know, or that this question has missed, and always where OAR has no such question.
        Raises OarUnavailable.
        """
        self._memory.generation = self._client.dialect.generation
        if self._audit:
            return None
        if self._answer is None:
            return self._client.ended(ids)
        others = outside(self._asked, ids)
        answer, self._answer = self._answer, None
        return answer().intersection(ids) | (self._client.ended(others) or set())

    def close(self) -> None:
        """Waits for an answer that nobody has asked for, since something else went wrong."""
        if self._answer is not None:
            with suppress(OarUnavailable):
                self._answer()
