"""The demo: one grid job, with each change of its state in A-REX and in OAR.

Where the testbed cannot run, the same job goes through the same commands with a stand-in for OAR,
and a line says so.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from .bed import Bed
from .demo_standin import demonstrate
from .grid import USER, Grid, Job
from .messages import BedError, print_progress
from .state_table import print_state_changes
from .suites import DEFAULT_SUITE, SUITES

XRSL = Path(__file__).resolve().parent.parent / "demo.xrsl"
NEXT = f"""\
  testbed/testbed run --user {USER} -- arcstat -a
  testbed/testbed run -- python3 -m arc_lrms_oar jobs --all
"""
ACCOUNTED = ("nodename", "nodecount", "processors", "walltime", "usertime", "maxresidentmemory")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="demo", description="Run one grid job through a real A-REX and a real OAR."
    )
    parser.add_argument("--suite", default=DEFAULT_SUITE, help=", ".join(SUITES))
    parser.add_argument(
        "--stand-in", action="store_true", help="use the stand-in, without OAR and A-REX"
    )
    arguments = parser.parse_args()
    try:
        bed = Bed(arguments.suite, print_progress())
        reason = "--stand-in was given" if arguments.stand_in else bed.reason_unavailable()
        if reason:
            return demonstrate(XRSL.read_text(), reason)
        bed.up()
        status = demonstrate_on(bed)
        print(
            f"\nThe testbed is still up. Try next:\n{NEXT}and stop it with:\n  testbed/testbed down"
        )
        return status
    except BedError as error:
        print(f"demo: {error}\n{error.tail}".rstrip(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def demonstrate_on(bed: Bed) -> int:
    """Submit the job and print its states, output and accounting; returns an exit status."""
    text = XRSL.read_text()
    print(f"\nThe job description ({XRSL.name}):\n\n{text}")
    job = Grid(bed).submit(text)
    print(f"arcsub as {USER}: {job.url}")
    if not print_state_changes(lambda: (job.state(), _oar_state(job)), "FINISHED"):
        print(job.diagnostics(), file=sys.stderr)
        return 1
    failure = job.failure()
    print(f"\nFailed: {failure}" if failure else "\nThe job has succeeded.")
    print("Fetching its output with arcget (A-REX publishes the end of a job once a minute) …")
    print(f"\nout.txt:\n{_fetched(job)}")
    diag = job.diag()
    print("Accounting values in A-REX's diag file:")
    for key in ACCOUNTED:
        print(f"  {key:<18} {', '.join(diag.get(key, ['-']))}")
    return 1 if failure else 0


def _oar_state(job: Job) -> str:
    return job.oar_state() if job.local().get("localid") else ""


def _fetched(job: Job) -> str:
    job.wait_until(job.fetch, "fetched with arcget", 150)
    return job.grid.read(f"{job.folder}/{job.grid_id}/out.txt")
