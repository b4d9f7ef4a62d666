"""The demo: one grid job, with each change of its state in ARC and in OAR side by side.

Where the testbed cannot run, the same description goes through the same verbs and a stand-in for
OAR instead, and that is said. Must not be needed by any test.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .bed import Bed
from .grid import USER, Grid, Job
from .report import BedError, progress
from .suites import DEFAULT_SUITE, SUITES

XRSL = Path(__file__).resolve().parent.parent / "demo.xrsl"
ACCOUNTED = ("nodename", "nodecount", "processors", "walltime", "usertime", "maxresidentmemory")
PATIENCE = 180.0


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="demo", description="One grid job through a real A-REX into a real OAR and back."
    )
    parser.add_argument("--suite", default=DEFAULT_SUITE, help=", ".join(SUITES))
    suite = parser.parse_args().suite
    try:
        bed = Bed(suite, progress())
        reason = bed.reason_unavailable()
        if reason:
            from .demo_standin import demonstrate

            return demonstrate(XRSL.read_text(), reason)
        bed.up()
        return _demonstrate(bed)
    except BedError as error:
        print(f"demo: {error}\n{error.tail}".rstrip(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def show_changes(state: Callable[[], tuple[str, str]], end: str) -> bool:
    """Prints a line for each change of (state in ARC, state in OAR) until ARC's is `end`."""
    print(f"\n{'time':>7}  {'A-REX':<12} OAR")
    started = time.monotonic()
    seen = ("", "")
    while time.monotonic() - started < PATIENCE:
        now = state()
        if now != seen:
            print(f"{time.monotonic() - started:6.1f}s  {now[0]:<12} {now[1] or '-'}", flush=True)
            seen = now
        if now[0] == end:
            return True
        time.sleep(0.2)
    return False


def _demonstrate(bed: Bed) -> int:
    text = XRSL.read_text()
    print(f"\nThe job, as its user wrote it ({XRSL.name}):\n\n{text}")
    job = Grid(bed).submit(text)
    print(f"arcsub as {USER}: {job.url}")
    if not show_changes(lambda: (job.state(), _oar_state(job)), "FINISHED"):
        print(job.story(), file=sys.stderr)
        return 1
    failure = job.failure()
    print(f"\nFailed: {failure}" if failure else "\nThe job has succeeded.")
    print("Fetching its output with arcget (A-REX publishes the end of a job once a minute) …")
    print(f"\nout.txt:\n{_fetched(job)}")
    diag = job.diag()
    print("Accounting, as A-REX has it:")
    for key in ACCOUNTED:
        print(f"  {key:<18} {', '.join(diag.get(key, ['-']))}")
    print(
        "\nThe testbed stays up. Try next:\n"
        f"  testbed/testbed run --user {USER} -- arcstat -a\n"
        f"  testbed/testbed run -- python3 -m arc_lrms_oar query {job.oar_id()}\n"
        "and stop it with:\n  testbed/testbed down"
    )
    return 1 if failure else 0


def _oar_state(job: Job) -> str:
    return job.oar_state() if job.local().get("localid") else ""


def _fetched(job: Job) -> str:
    job.wait_until(job.fetch, "fetched with arcget", 150)
    return job.grid.read(f"{job.folder}/{job.grid_id}/out.txt")
