"""Directories, state file and locks of the testbed on the host."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .messages import BedError

CACHE_ENV = "ARC_OAR_TESTBED_CACHE"
STATE_ENV = "ARC_OAR_TESTBED_STATE"

TESTBED = Path(__file__).resolve().parent.parent
CHECKOUT = TESTBED.parent

CHECKOUT_INSIDE = "/opt/arc_lrms_oar"
LOCK_TIMEOUT = 900


def cache_dir() -> Path:
    return Path(os.environ.get(CACHE_ENV) or "/var/cache/arc-lrms-oar-testbed").absolute()


def state_dir(suite: str) -> Path:
    return Path(os.environ.get(STATE_ENV) or "/var/lib/arc-lrms-oar-testbed").absolute() / suite


@dataclass
class State:
    """What `up` stores for later commands.

    `phase` is "starting" until everything answers; `package` is one of `suites.KINDS`; `cgroups`
    has the paths of the cgroup v1 subtrees by controllers. `nodes` has the fields of the sets of
    nodes, none for those of the root; `volumes` has directories of the host, as HOST:INSIDE[:ro].
    """

    phase: str
    root: str
    checkout: str
    conf: str
    package: str = "copy"
    cgroups: dict[str, str] = field(default_factory=dict)
    nodes: list[dict[str, int]] = field(default_factory=list)
    volumes: list[str] = field(default_factory=list)

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
def locked(path: Path, what: str, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
    """Hold a file lock, which the kernel releases when the process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout
    with path.open("w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BedError(
                        f"another testbed command is busy with {what} after {timeout:.0f} s: "
                        f"wait for it or end it (lock {path})"
                    ) from None
                time.sleep(0.1)
        yield
