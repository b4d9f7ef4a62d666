"""The command line of `testbed/record`, and one run of it.

Most scenarios run in parallel. Those that disturb other users run afterwards, one by one, and only
while nobody else has jobs on the testbed. The testbed is restored at the end.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..bed import Bed
from ..layout import CHECKOUT
from ..messages import BedError, Progress, print_progress
from ..suites import DEFAULT_SUITE, GRIDUSER, SUITES
from . import changes, deletions, normal_ends, outages, refusals
from .recorder import CONFIGURATION, DIRECTORY, HOOKS, JobStates, Recorder
from .scenario import SCENARIOS, Scenario

FIXTURES = CHECKOUT / "fixtures"
AT_ONCE = 5
HOOK_KINDS = ("prologue", "epilogue", "server_prologue", "server_epilogue")
HOOK = f"""#!/bin/sh
# The first argument is the job ID. Jobs without a hook file are not affected.
file={HOOKS}/$(basename "$0").$1
[ ! -r "$file" ] || . "$file"
"""
BUSY = ("toLaunch", "Launching", "Running", "Finishing", "Resuming", "Suspended")
MODULES = (normal_ends, deletions, changes, refusals, outages)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="record", description="Record the answers of a real OAR into fixtures/."
    )
    top.add_argument("--suite", default=DEFAULT_SUITE, help=f"one of {', '.join(SUITES)}")
    top.add_argument("--only", nargs="+", metavar="SCENARIO", choices=sorted(SCENARIOS))
    top.add_argument(
        "--quiet",
        action="store_true",
        help="only scenarios that do not disturb other users of the testbed",
    )
    top.add_argument(
        "--quick", action="store_true", help="only scenarios that take less than a minute"
    )
    top.add_argument("--list", action="store_true", help="list the scenarios")
    top.add_argument(
        "--out",
        type=Path,
        default=FIXTURES,
        metavar="DIR",
        help=f"output directory (default {FIXTURES})",
    )
    return top


def chosen(only: Sequence[str] | None, quiet: bool, quick: bool) -> list[Scenario]:
    """Return the selected scenarios, slow ones first."""
    found = [
        one
        for one in SCENARIOS.values()
        if (only is None or one.name in only)
        and not (quiet and one.disturbs)
        and not (quick and one.slow)
    ]
    return sorted(found, key=lambda one: not one.slow)


class Recording:
    """One run: the selected scenarios on one testbed, each written to a file below `out`."""

    def __init__(self, bed: Bed, out: Path, progress: Progress) -> None:
        self.bed = bed
        self.progress = progress
        self.out = out / bed.versions()["oar"]
        self.job_states = JobStates(bed)
        self.failed: list[str] = []

    def run(self, scenarios: Sequence[Scenario]) -> None:
        with self._prepared():
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(self._one, [one for one in scenarios if not one.disturbs]))
            for one in scenarios:
                if one.disturbs:
                    self._one(one)

    def _one(self, scenario: Scenario) -> None:
        at = Recorder(self.bed, self.job_states, scenario.name, scenario.how, self.progress)
        try:
            if scenario.disturbs:
                self._refuse_if_busy()
            scenario.run(at)
            self.progress(f"{at.save(self.out).name}: {len(at.calls)} calls")
        except (BedError, ValueError) as error:
            self.failed.append(scenario.name)
            self.progress(f"{scenario.name} FAILED: {error}")
            self._delete_left(at.jobs)

    def _refuse_if_busy(self) -> None:
        jobs = self.bed.status().jobs or {}
        busy = {state: number for state, number in jobs.items() if state in BUSY}
        if busy:
            raise BedError(
                f"other users have jobs on the testbed: {busy}; try again or use --quiet"
            )

    def _delete_left(self, ids: Sequence[int]) -> None:
        left = self.job_states.alive(ids)
        if left:
            self.bed.run(["oardel", *map(str, left)], user=GRIDUSER, check=False)

    @contextlib.contextmanager
    def _prepared(self) -> Iterator[None]:
        """Configure OAR to run hooks of single jobs, and to let root change wall times.

        OAR reads its configuration for each job.
        """
        configuration = self.bed.path(CONFIGURATION)
        before = configuration.read_bytes()
        self.bed.run(["install", "-d", "-o", GRIDUSER, "-g", GRIDUSER, DIRECTORY])
        self.bed.run(["install", "-d", "-m755", HOOKS])
        names = {kind: f"{HOOKS}/{kind}" for kind in HOOK_KINDS}
        for name in names.values():
            path = self.bed.path(name)
            path.write_text(HOOK)
            path.chmod(0o755)
        lines = [f'{kind.upper()}_EXEC_FILE="{name}"\n' for kind, name in names.items()]
        lines.append('WALLTIME_CHANGE_ENABLED="yes"\n')
        configuration.write_bytes(before + "".join(lines).encode())
        try:
            yield
        finally:
            # If the testbed was stopped meanwhile, nothing is left to restore.
            if self.bed.is_up():
                configuration.write_bytes(before)
                self.bed.run(["rm", "-rf", HOOKS, DIRECTORY])


def main(argv: list[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    if arguments.list:
        for one in sorted(SCENARIOS.values(), key=lambda one: one.name):
            marks = " (disturbs)" * one.disturbs + " (slow)" * one.slow
            print(f"{one.name}{marks}: {one.how}")
        return 0
    try:
        bed = Bed(arguments.suite)
        if not bed.is_up():
            raise BedError(f"{arguments.suite} is not up: testbed up --suite {arguments.suite}")
        os.umask(0o022)
        recording = Recording(bed, arguments.out, print_progress())
        recording.run(chosen(arguments.only, arguments.quiet, arguments.quick))
    except BedError as error:
        print(f"record: {error}\n{error.tail}".rstrip(), file=sys.stderr)
        return 1
    if recording.failed:
        print(f"record: failed: {', '.join(recording.failed)}", file=sys.stderr)
    return 1 if recording.failed else 0
