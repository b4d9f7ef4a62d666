"""`testbed/record`: makes the recordings of fixtures/ anew with the real OAR of a bed.

Many scenarios run side by side; those that disturb others run afterwards, one by one, and only
while nobody else has jobs on the bed. Must leave the bed as it was.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import record_asked, record_deleted, record_ends, record_trouble
from .bed import Bed
from .layout import CHECKOUT
from .record_call import DIRECTORY, HOOKS, Recorder, Watch
from .record_scenario import SCENARIOS, Scenario
from .report import BedError, Say, progress
from .suites import DEFAULT_SUITE, GRIDUSER, SUITES

FIXTURES = CHECKOUT / "fixtures"
AT_ONCE = 5
CONFIGURATION = "/etc/oar/oar.conf"
HOOK_KINDS = ("prologue", "epilogue", "server_prologue", "server_epilogue")
HOOK = f"""#!/bin/sh
# OAR gives the job's id first. Jobs without a file of their own are left alone.
file={HOOKS}/$(basename "$0").$1
[ ! -r "$file" ] || . "$file"
"""
BUSY = ("toLaunch", "Launching", "Running", "Finishing", "Resuming", "Suspended")
STORIES = (record_ends, record_deleted, record_asked, record_trouble)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="record", description="Make the recordings anew.")
    top.add_argument("--suite", default=DEFAULT_SUITE, help=f"one of {', '.join(SUITES)}")
    top.add_argument("--only", nargs="+", metavar="SCENARIO", choices=sorted(SCENARIOS))
    top.add_argument("--quiet", action="store_true", help="only what disturbs nobody on the bed")
    top.add_argument("--quick", action="store_true", help="only what takes less than a minute")
    top.add_argument("--list", action="store_true", help="say which scenarios there are")
    top.add_argument("--out", type=Path, default=FIXTURES, metavar="DIR", help=f"not {FIXTURES}")
    return top


def chosen(only: Sequence[str] | None, quiet: bool, quick: bool) -> list[Scenario]:
    """The scenarios asked for, in the order in which they stand; slow ones first."""
    found = [
        one
        for one in SCENARIOS.values()
        if (only is None or one.name in only)
        and not (quiet and one.disturbs)
        and not (quick and one.slow)
    ]
    return sorted(found, key=lambda one: not one.slow)


class Recording:
    """One run: all chosen scenarios on one bed, each into its own file below `out`."""

    def __init__(self, bed: Bed, out: Path, say: Say) -> None:
        self.bed = bed
        self.say = say
        self.out = out / bed.versions()["oar"]
        self.watch = Watch(bed)
        self.failed: list[str] = []

    def run(self, scenarios: Sequence[Scenario]) -> None:
        with self._prepared():
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(self._one, [one for one in scenarios if not one.disturbs]))
            for one in scenarios:
                if one.disturbs:
                    self._one(one)

    def _one(self, scenario: Scenario) -> None:
        at = Recorder(self.bed, self.watch, scenario.name, scenario.how, self.say)
        try:
            if scenario.disturbs:
                self._refuse_if_busy()
            scenario.story(at)
            self.say(f"{at.save(self.out).name}: {len(at.calls)} calls")
        except (BedError, ValueError) as error:
            self.failed.append(scenario.name)
            self.say(f"{scenario.name} FAILED: {error}")
            self._delete_left(at.jobs)

    def _refuse_if_busy(self) -> None:
        jobs = self.bed.status().jobs or {}
        busy = {state: number for state, number in jobs.items() if state in BUSY}
        if busy:
            raise BedError(f"others have jobs on the bed: {busy}; try again or use --quiet")

    def _delete_left(self, ids: Sequence[int]) -> None:
        left = self.watch.alive(ids)
        if left:
            self.bed.run(["oardel", *map(str, left)], user=GRIDUSER, check=False)

    @contextlib.contextmanager
    def _prepared(self) -> Iterator[None]:
        """OAR runs the hooks of single jobs meanwhile; it reads its configuration for each job."""
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
        configuration.write_bytes(before + "".join(lines).encode())
        try:
            yield
        finally:
            # A bed that somebody has ended meanwhile has taken all this along.
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
        say = progress()
        bed = Bed(arguments.suite)
        if not bed.is_up():
            raise BedError(f"{arguments.suite} is not up: testbed up --suite {arguments.suite}")
        os.umask(0o022)
        recording = Recording(bed, arguments.out, say)
        recording.run(chosen(arguments.only, arguments.quiet, arguments.quick))
    except BedError as error:
        print(f"record: {error}\n{error.tail}".rstrip(), file=sys.stderr)
        return 1
    if recording.failed:
        print(f"record: failed: {', '.join(recording.failed)}", file=sys.stderr)
    return 1 if recording.failed else 0
