"""The attempts of oarsub, step by step: what is asked and written before, during and after each."""

from __future__ import annotations

import errno
import json
import os
import pwd
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.fake_clock import FakeClock

from arc_lrms_oar.commands.oarsub_attempts import OarsubAttempts
from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.job.request import OarRequest
from arc_lrms_oar.job.submit_journal import open_journal
from arc_lrms_oar.oar.transport import Completed
from arc_lrms_oar.settings import Settings

PID = 4711


class FakeOar:
    """A client, its transport and an oarsub in one; records what they are asked, in order.

    `results`: what each wait for oarsub returns; None: it hangs. `named`: answers to the query for
    the job. `living`: the process IDs that run.
    """

    def __init__(self, journal_file: Path) -> None:
        self.transport = self
        self.journal_file = journal_file
        self.events: list[str] = []
        self.results: list[Completed | None] = []
        self.jobs: Callable[[], list[Any]] = list
        self.living: set[int] = set()
        self.pid = PID
        self.kept: list[list[int]] = []

    def named(self, name: str) -> list[Any]:
        self.events.append("named")
        return self.jobs()

    def is_running(self, pid: int, ticket: str) -> bool:
        self.events.append(f"is_running {pid}")
        return pid in self.living

    def start(self, argv: Sequence[str], keep: Sequence[int], ticket: str) -> FakeOar:
        assert (argv[0], argv[-1]) == ("oarsub", "script")
        self.events.append("oarsub")
        self.kept.append([os.fstat(file).st_ino for file in keep])
        return self

    def wait(self, timeout: float) -> Completed | None:
        if timeout:
            content = json.loads(self.journal_file.read_bytes())
            self.events.append(f"wait, journal {content['pid']} {content['tries']}")
        return self.results.pop(0) if self.results else None

    def kill(self) -> bool:
        return False


@pytest.fixture
def fake(tmp_path: Path) -> FakeOar:
    return FakeOar(tmp_path / ".arc_oar" / "submitting")


def attempts(fake: FakeOar, clock: FakeClock, session: Path, seconds: float = 30) -> OarsubAttempts:
    journal = open_journal(str(session), 0, lambda _: None)
    request = OarRequest("name", "", "", (), None, "", (), 0, 0, "", "/", "/dev/null", "script")
    prepared: Any = SimpleNamespace(request=request, text="#!/bin/sh\n")
    client: Any = fake
    return OarsubAttempts(Settings(), client, prepared, journal, clock.retry(seconds))


def accepted(job_id: int) -> Completed:
    return Completed([], 0, f"OAR_JOB_ID={job_id}\n", "")


def left_behind(session: Path, pid: int) -> str:
    """The journal of an earlier attempt; returns the name of its script."""
    journal = open_journal(str(session), 0, lambda _: None)
    journal.record(pid)
    journal.close()
    return journal.script_name


def test_one_oarsub(fake: FakeOar, clock: FakeClock, tmp_path: Path) -> None:
    """It holds the lock of the journal, which has its process ID while it runs."""
    fake.results = [accepted(7)]
    assert attempts(fake, clock, tmp_path).run() == 7
    assert fake.events == ["oarsub", f"wait, journal {PID} 1"]
    assert fake.kept == [[fake.journal_file.stat().st_ino]]


def test_oarsub_that_creates_its_job_after_the_query(
    fake: FakeOar, clock: FakeClock, tmp_path: Path
) -> None:
    """Whether it runs is therefore asked before the query: a job may come between the two."""
    script_name = left_behind(tmp_path, PID)
    fake.living = {PID}
    job = SimpleNamespace(
        job_id=7, command=script_name, owner=_own_name(), state="Running", start_time=1
    )

    def query() -> list[Any]:
        found = [] if fake.living else [job]
        fake.living.clear()
        return found

    fake.jobs = query
    assert attempts(fake, clock, tmp_path).run() == 7
    asked = [f"is_running {PID}", "named"]
    assert fake.events == asked + asked


def test_oarsub_that_hangs_with_a_full_disk(
    fake: FakeOar, clock: FakeClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process ID is not on disk, but this attempt has not forgotten it."""
    write = os.pwrite

    def full(file: int, content: bytes, offset: int) -> int:
        if str(PID).encode() in content:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, content, offset)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OarUnavailable, match="an earlier oarsub still hangs"):
        attempts(fake, clock, tmp_path).run()
    assert fake.events.count("oarsub") == 1
    assert fake.events[1] == "wait, journal 0 1"


def test_server_that_is_down(fake: FakeOar, clock: FakeClock, tmp_path: Path) -> None:
    """Exit status 9 without a job ID is no refusal, whatever the text."""
    fake.results = [Completed([], 9, "", "some text\n"), accepted(7)]
    assert attempts(fake, clock, tmp_path).run() == 7
    first = ["oarsub", f"wait, journal {PID} 1"]
    again = [f"is_running {PID}", "named", "oarsub", f"wait, journal {PID} 2"]
    assert fake.events == first + again


def _own_name() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name
