"""The demo: one grid job, with each change of its state in ARC and in OAR side by side.

Where the testbed cannot run, the same description goes through the same verbs and a stand-in for
OAR instead, and that is said. Must not be needed by any test.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .bed import Bed
from .changes import show_changes
from .demo_standin import demonstrate
from .grid import USER, Grid, Job
from .report import BedError, progress
from .suites import DEFAULT_SUITE, SUITES

XRSL = Path(__file__).resolve().parent.parent / "demo.xrsl"
ACCOUNTED = ("nodename", "nodecount", "processors", "walltime", "usertime", "maxresidentmemory")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="demo", description="One grid job through a real A-REX into a real OAR and back."
    )
    parser.add_argument("--suite", default=DEFAULT_SUITE, help=", ".join(SUITES))
    parser.add_argument("--stand-in", action="store_true", help="without the real OAR and A-REX")
    arguments = parser.parse_args()
    try:
        bed = Bed(arguments.suite, progress())
        reason = "it was asked for" if arguments.stand_in else bed.reason_unavailable()
        if reason:
            return demonstrate(XRSL.read_text(), reason)
        bed.up()
        return _demonstrate(bed)
    except BedError as error:
        print(f"demo: {error}\n{error.tail}".rstrip(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


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
