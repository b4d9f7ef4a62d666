"""The files of scan stay as small as the number of jobs at a time, however many have passed."""

from __future__ import annotations

import time
from pathlib import Path
from unittest.mock import create_autospec

from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import Cause
from arc_lrms_oar.scan.metrics import CycleMetrics
from arc_lrms_oar.scan.state import REPORTED, ScanState
from arc_lrms_oar.scan.throttled_log import ThrottledLog

CYCLES = 1_000
JOBS = 1_000
# Seconds between two cycles: half hours, hours and days pass.
INTERVAL = 120.0
NODES = 100
CAUSES = list(Cause)


def test_state_does_not_grow_while_a_million_jobs_pass(tmp_path: Path) -> None:
    """Each job is reported, and A-REX takes it before the next cycle; until then it has a row.

    Some were missing, waited, were deleted or could not be read before. A tenth is in the metrics.
    """
    sizes = []
    began = time.time() - CYCLES * INTERVAL
    for cycle in range(CYCLES):
        with ScanState.locked(str(tmp_path)) as state:
            assert state is not None
            run_cycle(state, cycle, began + cycle * INTERVAL, tmp_path / "metrics.prom")
        sizes.append((tmp_path / "arc_lrms_oar.scan").stat().st_size)
    # An hour fills the numbers of each node; after that only counters get more digits.
    settled = sizes[100:]
    assert max(settled) < 1.02 * min(settled)
    with ScanState.locked(str(tmp_path)) as state:
        assert state is not None
        assert state.section("metrics")["verdict success"] > CYCLES * JOBS / 10 / len(CAUSES) / 2
        now = began + CYCLES * INTERVAL
        CycleMetrics("", state, client(), now).count_taken([])
        ThrottledLog(state, Log("scan", "FATAL"), now + 3600).end_cycle()
        state.keep_only([])
    left = (tmp_path / "arc_lrms_oar.scan").read_text()
    assert "job." not in left
    assert len(left) < min(sizes) / 4


def run_cycle(state: ScanState, cycle: int, now: float, metrics_file: Path) -> None:
    problem = ThrottledLog(state, Log("scan", "FATAL"), now)
    metrics = CycleMetrics(str(metrics_file), state, client(), now)
    names = [f"job.{cycle:06}{number:06}.status" for number in range(JOBS)]
    metrics.count_taken(names)
    state.keep_only(names)
    state.next_cycle_number()
    for number, name in enumerate(names):
        state.first_time(name, REPORTED)
        kind = number % 10
        if kind == 0:
            metrics.count_end(name, record(cycle + number, now), CAUSES[number // 10 % len(CAUSES)])
        elif kind == 1:
            state.count_missing(name, now)
        elif kind == 2:
            state.start_clock(name, "ended", now)
        elif kind == 3:
            state.deletion_due(name, now, 60.0)
        elif kind == 4:
            problem.say("ERROR", f"{name} cannot be read")
    metrics.write(None)
    problem.end_cycle()


def record(number: int, now: float) -> JobRecord:
    stop = int(now) - 10
    return JobRecord(
        number + 1,
        "Terminated",
        submission_time=stop - 100,
        start_time=stop - 50,
        stop_time=stop,
        nodes=(f"node{number // 10 % NODES}",),
    )


def client() -> OarClient:
    made: OarClient = create_autospec(OarClient, instance=True)
    return made
