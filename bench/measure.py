"""Run a command in a new process and measure its time and memory from start to exit."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
# The scripts that A-REX starts.
SHARE = ROOT / "arc_lrms_oar" / "share"


class Run(NamedTuple):
    """One run: exit status, wall and CPU seconds, and peak memory in MB, including children."""

    status: int
    seconds: float
    cpu: float
    mb: float


class Result(NamedTuple):
    """The median of several runs.

    `seconds`: from start to exit. `mb`: peak memory of the largest process. `processes`: the number
    of processes started.
    """

    kind: str
    jobs: int
    ended: int
    seconds: float
    mb: float
    processes: int


def run_measured(python_arguments: list[str], env: Mapping[str, str], log: Path) -> Run:
    """Run this Python with arguments; its output goes to `log`."""
    python = os.path.realpath(sys.executable)
    return run_command([python, *python_arguments], env, log)


def run_command(argv: list[str], env: Mapping[str, str], log: Path) -> Run:
    """Run a command, given by its path and arguments; its output goes to `log`."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    actions = [(os.POSIX_SPAWN_DUP2, descriptor, 1), (os.POSIX_SPAWN_DUP2, descriptor, 2)]
    started = time.monotonic()
    child = os.posix_spawn(argv[0], argv, env, file_actions=actions)
    _, status, usage = os.wait4(child, 0)
    seconds = time.monotonic() - started
    os.close(descriptor)
    return Run(status, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def median(kind: str, jobs: int, ended: int, runs: Iterable[Run], processes: int) -> Result:
    """Return the result of several runs of the same command."""
    found = list(runs)
    seconds = statistics.median(run.seconds for run in found)
    return Result(kind, jobs, ended, seconds, max(run.mb for run in found), processes)


def program(path: Path, text: str) -> None:
    """Write an executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
