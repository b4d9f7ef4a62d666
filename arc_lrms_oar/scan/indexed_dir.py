"""A control directory with the index of its jobs, which several cycles can share.

The module of the index is loaded by the first cycle, while OAR works on the query.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from arc_lrms_oar.scan.job_cache import JobCache
from arc_lrms_oar.scan.state import ScanState

if TYPE_CHECKING:
    from arc_lrms_oar.scan.job_index import JobIndex


class IndexedDir:
    """The control directory `path`. `cache` has the job IDs of the last cycle from the start."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.cache = JobCache(path)
        self._index: JobIndex | None = None

    def refresh(self, state: ScanState) -> JobIndex:
        """The index as it is now; raises ControlDirError."""
        if self._index is not None:
            self._index.refresh_quickly()
            return self._index
        from arc_lrms_oar.scan.job_index import JobIndex

        index = JobIndex(self.cache)
        index.refresh(state.next_cycle_number())
        self._index = index
        return index

    @property
    def size(self) -> int:
        """The number of jobs in the LRMS, when the index was last refreshed."""
        return len(self._index.jobs) if self._index is not None else 0

    def save(self) -> None:
        """Write to disk what later processes can use of the index."""
        if self._index is not None:
            self._index.save()
