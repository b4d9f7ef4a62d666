"""For tests: run the stand-in's commands as a clean shell would, and read recordings.

Must not: be imported by a command.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .standin import Standin

Recording = dict[str, Any]


def recordings(directory: Path, version: str) -> dict[str, Recording]:
    """Output of real commands: {"name": {"by": who and when, "cmd", "rc", "stdout", "stderr"}}."""
    found: dict[str, Recording] = json.loads((directory / f"{version}.json").read_text())
    return found


class Shell:
    """Calls commands with an empty environment (but for the time zone), in one directory."""

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
        """The id of a job that OAR took; RuntimeError with what it said if it did not."""
        done = self("oarsub", *argv)
        ids = [x for x in done.stdout.splitlines() if x.startswith("OAR_JOB_ID=")]
        if done.returncode or not ids:
            raise RuntimeError(f"oarsub: exit {done.returncode}: {done.stdout}{done.stderr}")
        return int(ids[-1].partition("=")[2])


def am_root() -> bool:
    return os.geteuid() == 0
