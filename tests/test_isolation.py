"""The tests' own start: nothing of the caller's signals, variables or umask reaches a test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from support import isolation

IGNORED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1)


def _ignored_in_a_program() -> set[int]:
    """The signals that a program started from here ignores, from its `SigIgn` mask (proc(5))."""
    done = subprocess.run(["cat", "/proc/self/status"], capture_output=True, text=True, check=True)
    (mask,) = (line.split()[1] for line in done.stdout.splitlines() if line.startswith("SigIgn:"))
    return {bit + 1 for bit in range(64) if int(mask, 16) >> bit & 1}


def test_programs_get_the_default_action_of_ignored_signals() -> None:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in IGNORED}
    try:
        assert _ignored_in_a_program() >= {int(number) for number in IGNORED}
        assert set(isolation.restore_ignored_signals()) == set(IGNORED)
        assert _ignored_in_a_program().isdisjoint(IGNORED)
        os.kill(os.getpid(), signal.SIGHUP)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_this_run_started_without_ignored_signals() -> None:
    assert _ignored_in_a_program().isdisjoint(IGNORED)


def test_variables_of_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARC_CONFIG", "/etc/other.conf")
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    monkeypatch.setenv("ARC_OAR_TESTBED_SUITE", "trixie")
    with isolation.clean_process():
        assert not {"ARC_CONFIG", "COLUMNS", "PYTHONUNBUFFERED"} & os.environ.keys()
        assert os.environ["ARC_OAR_TESTBED_SUITE"] == "trixie"
        assert (os.environ["TZ"], time.strftime("%z")) == ("UTC", "+0000")
        assert "PATH" in os.environ
    assert os.environ["COLUMNS"] == "20"
    assert time.strftime("%z") == "+0900"


def test_environment_of_this_test() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import json, os; print(json.dumps(sorted(os.environ)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert not {"COLUMNS", "PYTHONUNBUFFERED", "TERM", "LANG"} & set(json.loads(done.stdout))
