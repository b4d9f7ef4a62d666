"""Running commands: real executables that do all that OAR's have ever done, and worse."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from arc_lrms_oar.oar.runner import Completed, LocalRunner

# Far longer than any of these commands takes, for a machine that is busy.
PATIENCE = 30.0
POLL = select.poll


class Programs:
    """A directory of executables, and a runner of them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.runner = LocalRunner(str(directory), PATIENCE)

    def shell(self, body: str, name: str = "oarstat") -> None:
        self._write(name, f"#!/bin/sh\n{body}\n")

    def python(self, body: str, name: str = "oarstat") -> None:
        self._write(name, f"#!{sys.executable} -ISE\n{body}\n")

    def _write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, *words: str, timeout: float | None = None) -> Completed:
        return self.runner.run(["oarstat", *words], timeout)


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    directory = tmp_path / "bin"
    directory.mkdir()
    return Programs(directory)


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie has), after waiting a while for it."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def open_pipes() -> int:
    """How many pipes this process holds."""
    links = []
    for entry in os.scandir("/proc/self/fd"):
        try:
            links.append(os.readlink(entry.path))
        except OSError:
            continue
    return len([link for link in links if link.startswith("pipe:")])


Ready = list[tuple[int, int]]


class Watched:
    """A poll object with somebody who acts after each look: gets the look, gives what it found."""

    def __init__(self, act: Callable[[Callable[[float], Ready], float], Ready]) -> None:
        self._poll = POLL()
        self._act = act
        self.register = self._poll.register
        self.unregister = self._poll.unregister

    def poll(self, timeout: float) -> Ready:
        return self._act(self._poll.poll, timeout)


def test_what_is_printed_in_the_last_moment(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command prints and ends between a look at its pipes and a look at itself."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    programs.shell(f"read go <{gate}; echo OAR_JOB_ID=7")
    command = programs.runner.start(["oarstat"])
    opened = False

    def look(real: Callable[[float], Ready], timeout: float) -> Ready:
        nonlocal opened
        ready = real(0 if not opened else timeout)
        if not ready and not opened:
            opened = True
            gate.write_text("go\n")
            os.waitid(os.P_PID, command.pid, os.WEXITED | os.WNOWAIT)
        return ready

    monkeypatch.setattr(select, "poll", lambda: Watched(look))
    assert command.wait(PATIENCE) == Completed(["oarstat"], 0, "OAR_JOB_ID=7\n", "")


def test_what_is_printed_at_the_time_limit(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command prints and ends after the last look at its pipes, just before the limit."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    programs.shell(f"read go <{gate}; echo OAR_JOB_ID=7")
    command = programs.runner.start(["oarstat"])

    def look(real: Callable[[float], Ready], timeout: float) -> Ready:
        ready = real(timeout)
        gate.write_text("go\n")
        os.waitid(os.P_PID, command.pid, os.WEXITED | os.WNOWAIT)
        return ready

    monkeypatch.setattr(select, "poll", lambda: Watched(look))
    assert command.wait(0) == Completed(["oarstat"], 0, "OAR_JOB_ID=7\n", "")


def test_a_grandchild_that_prints_for_ever(programs: Programs) -> None:
    """It holds the pipes of a command that has ended, and fills them."""
    programs.shell("echo $$ >&2; (while :; do echo x; done) & echo out; exit 0")
    started = time.monotonic()
    done = programs.run(timeout=2)
    assert time.monotonic() - started < 15
    assert done.code == 0
    os.killpg(int(done.stderr), signal.SIGKILL)
