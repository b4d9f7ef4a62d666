"""The one query of a cycle: which jobs have ended.

OAR's command is started before the control directory is read, so that OAR and scan work at the
same time. It covers the job IDs of the last cycle and the IDs that OAR assigns next; only where a
job has another ID, the query is made once more for such jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.id_ranges import IdRange, outside
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.scan.state import ScanState

# Seconds between two audits, in which OAR is asked for the states of all jobs.
_AUDIT_INTERVAL = 300.0
# How many job IDs above the highest known one the query covers. oarstat takes 0.4 ms for each job
# among them that has ended and is not A-REX's, in every cycle.
_LOOK_AHEAD = 100


class EndedQuery:
    """The query, started at once if OAR's generation and the job IDs are known.

    `id_ranges` are the job IDs of the last cycle, `now` is in seconds since 1970. `is_audit` shows
    whether this cycle is an audit.
    """

    def __init__(
        self, client: OarClient, state: ScanState, id_ranges: Sequence[IdRange], now: float
    ) -> None:
        self._client = client
        self._state = state
        self._asked: list[IdRange] = []
        self._collect: Callable[[], set[int]] | None = None
        self.is_audit = state.audit_due(now, _AUDIT_INTERVAL)
        if self.is_audit or state.generation is None:
            return
        client.assume(state.generation)
        if id_ranges:
            first, last = id_ranges[-1]
            self._asked = [*id_ranges[:-1], (first, last + _LOOK_AHEAD)]
            # If the command cannot be started now, `answer` starts it and reports the error.
            with suppress(OarUnavailable):
                self._collect = client.begin_ended(self._asked)

    def answer(self, ids: Collection[int]) -> set[int] | None:
        """Those of `ids` that seem to have ended, to be confirmed by OAR's records.

        None if the caller must ask for the states of all jobs: in an audit, and if OAR has no such
        query. An audit finds the jobs that OAR does not know and those that this query missed.
        Raises OarUnavailable.
        """
        self._state.generation = self._client.dialect.generation
        if self.is_audit:
            return None
        if self._collect is None:
            return self._client.ended(ids)
        others = outside(self._asked, ids)
        collect, self._collect = self._collect, None
        return collect().intersection(ids) | (self._client.ended(others) or set())

    def close(self) -> None:
        """Wait for the end of a command whose answer was not collected because of an error."""
        if self._collect is not None:
            with suppress(OarUnavailable):
                self._collect()
