"""Helpers of the suite: run the stand-in's commands in a clean shell, read the recordings."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from standin import Standin

Recording = dict[str, Any]


def recordings(directory: Path, version: str) -> dict[str, Recording]:
    """Return the recorded calls by name; keys: by (user and date), cmd, rc, stdout, stderr."""
    found: dict[str, Recording] = json.loads((directory / f"{version}.json").read_text())
    return found


class Shell:
    """Runs commands in one directory, with an environment that sets the time zone only."""

    def __init__(self, oar: Standin, cwd: Path) -> None:
        self.oar = oar
        self.cwd = cwd

    def __call__(
        self, *argv: str, env: Mapping[str, str] | None = None, timeout: float = 20
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.oar.bin / argv[0]), *argv[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            env={"TZ": "UTC"} if env is None else dict(env),
            cwd=self.cwd,
            timeout=timeout,
            check=False,
        )

    def submit(self, *argv: str) -> int:
        """Submit a job and return its job ID; RuntimeError with OAR's output if it is refused."""
        done = self("oarsub", *argv)
        ids = [x for x in done.stdout.splitlines() if x.startswith("OAR_JOB_ID=")]
        if done.returncode or not ids:
            raise RuntimeError(f"oarsub: exit {done.returncode}: {done.stdout}{done.stderr}")
        return int(ids[-1].partition("=")[2])


def am_root() -> bool:
    return os.geteuid() == 0


def until(condition: Callable[[], object], timeout: float = 60.0) -> None:
    """Wait until the condition holds; TimeoutError."""
    limit = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > limit:
            raise TimeoutError(f"not within {timeout} s")
        time.sleep(0.02)


def ignores(pid: int, number: int) -> bool:
    """Return whether a running process ignores this signal."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        masks = dict(line.split(":\t", 1) for line in status)
    return bool(int(masks["SigIgn"], 16) >> (number - 1) & 1)
