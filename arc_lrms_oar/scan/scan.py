"""Scan: finds the OAR jobs that have ended and reports them to A-REX.

The question which have ended goes to OAR first; while OAR looks for the answer the code is loaded
and the control directory read that the rest of the story takes (`scan.reconcile`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.scan.cycle import Cycle
from arc_lrms_oar.scan.ended_query import Bulk
from arc_lrms_oar.scan.job_cache import LastLook
from arc_lrms_oar.scan.state import Memory
from arc_lrms_oar.settings import Settings


def scan(settings: Settings, client: OarClient, control_dirs: Sequence[str], log: Log) -> list[str]:
    """Looks once at the jobs of all control directories and gives the grid IDs reported.

    Raises OarUnavailable, after which everything is as before, and ControlDirError.
    """
    reported = []
    for path in control_dirs:
        with Memory.locked(path) as memory:
            if memory is None:
                log.say("WARNING", f"{path}: another scan is at work")
                continue
            last = LastLook(path)
            with (
                Cycle(settings, client, path, memory, log) as cycle,
                closing(Bulk(client, memory, last.runs, cycle.now)) as bulk,
            ):
                from arc_lrms_oar.scan.job_index import Known
                from arc_lrms_oar.scan.reconcile import Look

                known = Known(last)
                reported += Look(settings, client, known, memory, log, cycle, bulk).run()
    return reported
