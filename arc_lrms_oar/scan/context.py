"""What all steps of one cycle share: the settings, OAR, the state, the log and the metrics."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from arc_lrms_oar import replacement
from arc_lrms_oar.errors import OarLrmsError
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.scan.state import ScanState
from arc_lrms_oar.scan.throttled_log import ThrottledLog
from arc_lrms_oar.settings import Settings

if TYPE_CHECKING:
    from arc_lrms_oar.arex.controldir import GridJob
    from arc_lrms_oar.scan.job_index import IndexedJob
    from arc_lrms_oar.scan.metrics import CycleMetrics


# So many jobs are named in one line of the log.
_MOST_NAMES = 5


class Context:
    """One cycle on one control directory; `now` is when it began, in seconds since 1970.

    `problem` logs what may persist. `metrics` is None if none are wanted.
    """

    def __init__(
        self, settings: Settings, client: OarClient, control_dir: str, state: ScanState, log: Log
    ) -> None:
        self.settings = settings
        self.client = client
        self.control_dir = control_dir
        self.state = state
        self.log = log
        # arc.conf's session roots and metrics file belong to its own control directory.
        self.is_configured = os.path.normpath(control_dir) == os.path.normpath(settings.control_dir)
        self.now = time.time()
        self.problem = ThrottledLog(state, log, self.now)
        self.metrics = self._start_metrics()

    @contextmanager
    def one_job(self, job_id: int | None, grid_id: str, action: str) -> Iterator[None]:
        """Turn whatever fails for one job into one line of the log, and go on with the next job.

        `action` completes the sentence "OAR job N cannot be …"; `job_id` is None if there is none.
        """
        try:
            yield
        except Exception as error:
            replacement.check(error)
            known = isinstance(error, (OarLrmsError, OSError, ValueError))
            details = str(error) if known else f"internal error: {type(error).__name__}: {error}"
            what = f"{called(job_id, grid_id)} cannot be {action}"
            self.problem.say("ERROR", what, f": {details}")

    def read(self, indexed: IndexedJob) -> GridJob | None:
        """The job as its files are now, with its real session directory; None if A-REX moved it."""
        from arc_lrms_oar.arex.controldir import read_job
        from arc_lrms_oar.arex.session_dir import session_dir_of

        job = read_job(self.control_dir, indexed.status_name)
        if job is None or job.reported:
            return job
        path, why = session_dir_of(job, self.settings.session_dirs if self.is_configured else ())
        if why:
            self.problem.say("WARNING", f"{called(job.local_id, job.grid_id)}: {why}")
        return job._replace(local={**job.local, "sessiondir": path})

    def write_metrics(self, error: BaseException | None) -> None:
        """Write the metrics of the cycle, which `error` has ended; log where that fails."""
        if self.metrics is None:
            return
        try:
            self.metrics.write(error)
        except OSError as problem:
            what = f"the metrics cannot be written to {self.settings.metrics_file}"
            self.problem.say("WARNING", what, f": {problem.strerror}")

    def _start_metrics(self) -> CycleMetrics | None:
        if not self.is_configured or not self.settings.metrics_file:
            return None
        from arc_lrms_oar.scan.metrics import CycleMetrics

        return CycleMetrics(self.settings.metrics_file, self.state, self.client, self.now)


def all_called(grid_ids: Iterable[str]) -> str:
    """How the log names several jobs at once: the first of them, and how many more there are."""
    names = list(grid_ids)
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def called(job_id: int | None, grid_id: str) -> str:
    """How the log names a job."""
    return f"{grid_id}: OAR job {job_id}" if job_id is not None else f"{grid_id}: the job"
