"""Where a testbed keeps its things on the host, and what it says about itself there.

Must not start, stop or build anything.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from .report import BedError

CACHE_ENV = "ARC_OAR_TESTBED_CACHE"
STATE_ENV = "ARC_OAR_TESTBED_STATE"

TESTBED = Path(__file__).resolve().parent.parent
CHECKOUT = TESTBED.parent

CHECKOUT_INSIDE = "/opt/arc_lrms_oar"
LOCK_PATIENCE = 900


def cache_dir() -> Path:
    return Path(os.environ.get(CACHE_ENV) or "/var/cache/arc-lrms-oar-testbed").absolute()


def state_dir(suite: str) -> Path:
    return Path(os.environ.get(STATE_ENV) or "/var/lib/arc-lrms-oar-testbed").absolute() / suite


@dataclass
class State:
    """What an `up` leaves for later commands; `phase` is "starting" until everything answered."""

    phase: str
    root: str
    checkout: str
    conf: str

    def save(self, directory: Path) -> None:
        write_atomically(directory / "state.json", json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, directory: Path) -> State | None:
        try:
            return cls(**json.loads((directory / "state.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None


def write_atomically(path: Path, text: str) -> None:
    aside = path.with_name(path.name + ".new")
    aside.write_text(text)
    aside.replace(path)


@contextlib.contextmanager
def locked(path: Path, what: str, patience: float = LOCK_PATIENCE) -> Iterator[None]:
    """Hold the lock file; it goes with the process, so a killed command never leaves it behind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + patience
    with path.open("w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BedError(
                        f"another testbed command has been busy with {what} for {patience:.0f} s: "
                        f"wait for it or end it (lock {path})"
                    ) from None
                time.sleep(0.1)
        yield
