"""The submit journal: its content on disk, its owner, and its lock."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.ce import NOBODY
from support.users import needs_root, run_as

from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job.submit_journal import SubmitJournal, open_journal, private_dir


def opened(session: Path) -> SubmitJournal:
    def sleep(_: float) -> None:
        raise RuntimeError("nobody else holds the journal")

    return open_journal(str(session), 0, sleep)


def test_new_journal(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    assert (journal.earlier, journal.pid, journal.folder) == (False, 0, f"{tmp_path}/.arc_oar")
    assert journal.folder == private_dir(str(tmp_path))
    assert journal.script == f"{journal.folder}/{journal.script_name}"
    assert stat.S_IMODE(os.stat(journal.folder).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(f"{journal.folder}/submitting").st_mode) == 0o600


def test_every_submission_has_a_name_of_its_own(tmp_path: Path) -> None:
    names = set()
    for _ in range(20):
        journal = opened(tmp_path)
        names.add(journal.script_name)
        journal.clear()
    assert len(names) == 20
    assert all(len(name) >= 16 and name.isascii() and "/" not in name for name in names)


def test_journal_of_an_earlier_attempt(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.record(4711)
    first.close()
    second = opened(tmp_path)
    assert (second.earlier, second.pid, second.script_name) == (True, 4711, first.script_name)
    second.record(0)
    second.close()
    assert opened(tmp_path).pid == 0


def test_journal_without_an_oarsub_is_not_an_earlier_attempt(tmp_path: Path) -> None:
    opened(tmp_path).close()
    assert opened(tmp_path).earlier is False


def test_cleared_journal_keeps_the_script(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    Path(journal.script).write_text("script")
    journal.record(1)
    journal.clear()
    assert os.listdir(journal.folder) == [journal.script_name]
    assert opened(tmp_path).earlier is False


def test_discarded_journal_removes_the_script(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    Path(journal.script).write_text("script")
    journal.record(1)
    journal.discard()
    assert os.listdir(tmp_path) == []
    journal.close()


def test_discarded_journal_leaves_other_files(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    (tmp_path / ".arc_oar" / "other").touch()
    journal.discard()
    assert os.listdir(tmp_path / ".arc_oar") == ["other"]


def test_tries_count_the_oarsubs_of_all_attempts(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for pid in (0, 4711, 0):
        journal.record(pid)
        assert journal.pid == pid
    assert (journal.tries, journal.ticket) == (2, f"{journal.script}.2")
    journal.close()
    assert opened(tmp_path).tries == 2


def test_record_is_flushed_after_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power failure the next attempt must find it."""
    journal = opened(tmp_path)
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda file: flushed.append(os.pread(file, 4096, 0).strip()))
    journal.record(4711)
    assert flushed == [
        f'{{"script": "{journal.script_name}", "pid": 4711, "tries": 0}}'.encode(),
    ]


def test_lock_is_held_until_the_journal_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise another attempt could lock the journal that is about to be removed."""
    journal = opened(tmp_path)
    unlink = os.unlink
    locked = []

    def check_lock(path: str) -> None:
        with open(path) as other:
            try:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                locked.append(os.path.basename(path))
        unlink(path)

    monkeypatch.setattr(os, "unlink", check_lock)
    journal.clear()
    assert locked == ["submitting"]


def test_discarded_journal_removes_the_tickets_of_all_tries(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    for _ in range(3):
        journal.record(0)
        Path(journal.ticket).touch()
    journal.discard()
    assert os.listdir(tmp_path) == []


def test_shorter_content_leaves_no_rest(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    journal.record(10**15)
    journal.record(7)
    journal.close()
    assert opened(tmp_path).pid == 7


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\0\0",
        b'{"script": "job-1.sh"}',
        b'{"pid": 1}',
        b'{"script": "job-1.sh", "pid": "x"}',
        b'{"script": "../../evil.sh", "pid": 1}',
        b'{"script": "/etc/passwd", "pid": 1}',
        b'{"script": "submitting", "pid": 1}',
    ],
)
def test_invalid_content_is_no_journal(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".arc_oar").mkdir()
    (tmp_path / ".arc_oar" / "submitting").write_bytes(content)
    journal = opened(tmp_path)
    assert (journal.earlier, journal.pid) == (False, 0)
    assert journal.script_name.startswith("job-")


def test_second_attempt_waits_for_the_first(tmp_path: Path) -> None:
    first = opened(tmp_path)
    pauses = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            first.close()

    second = open_journal(str(tmp_path), 60, sleep)
    assert pauses == [1.0, 1.0, 1.0]
    second.close()


def test_second_attempt_gives_up(tmp_path: Path) -> None:
    """A-REX regards the job as failed, so nothing of the first attempt may run."""
    held = opened(tmp_path)
    held.record(7)
    Path(held.script).write_text("script")
    with pytest.raises(JobError) as caught:
        opened(tmp_path)
    assert str(caught.value) == "another submission of this job is still under way"
    assert os.listdir(tmp_path) == []
    held.close()


def test_live_oarsub_holds_the_lock(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    child = subprocess.Popen(["sleep", "60"], pass_fds=[journal.lock])
    try:
        journal.close()
        with pytest.raises(JobError, match="still under way"):
            opened(tmp_path)
    finally:
        child.kill()
        child.wait()
    opened(tmp_path).close()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_file_system_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "no locks")

    monkeypatch.setattr("fcntl.flock", refuse)
    journal = opened(tmp_path)
    journal.record(7)
    journal.close()
    assert (opened(tmp_path).earlier, opened(tmp_path).pid) == (True, 7)


def test_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = opened(tmp_path)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.pwrite", refuse)
    with pytest.raises(JobError) as caught:
        journal.record(0)
    assert str(caught.value) == (
        "the session directory cannot be written at submission: No space left on device"
    )


def test_journal_that_cannot_be_removed_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = opened(tmp_path)

    def refuse(*_: object) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr("os.unlink", refuse)
    journal.clear()
    opened(tmp_path).close()


def test_killed_attempt_releases_the_lock(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from arc_lrms_oar.job.submit_journal import open_journal\n"
        "journal = open_journal(sys.argv[1], 0, print); journal.record(99)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[2], check=False
    )
    assert child.returncode == -9
    journal = opened(tmp_path)
    assert (journal.earlier, journal.pid) == (True, 99)


def test_child_process_does_not_inherit_the_lock(tmp_path: Path) -> None:
    journal = opened(tmp_path)
    child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        journal.close()
        opened(tmp_path).close()
    finally:
        child.kill()
        child.wait()


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "session").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "session" / ".arc_oar").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JobError, match="the session directory cannot be written at submission: "):
        opened(tmp_path / "session")
    assert os.listdir(tmp_path / "elsewhere") == []
    (tmp_path / "session" / ".arc_oar").unlink()
    (tmp_path / "session" / ".arc_oar").mkdir()
    (tmp_path / "session" / ".arc_oar" / "submitting").symlink_to(tmp_path / "target")
    with pytest.raises(JobError, match="Too many levels of symbolic links"):
        opened(tmp_path / "session")
    assert not (tmp_path / "target").exists()


def test_private_directory_becomes_private_again(tmp_path: Path) -> None:
    (tmp_path / ".arc_oar").mkdir(mode=0o755)
    opened(tmp_path)
    assert stat.S_IMODE((tmp_path / ".arc_oar").stat().st_mode) == 0o700


def test_missing_session_directory(tmp_path: Path) -> None:
    with pytest.raises(JobError) as caught:
        opened(tmp_path / "none")
    assert str(caught.value) == (
        "the session directory cannot be written at submission: No such file or directory"
    )


PLANTED: dict[str, bytes] = {
    "no end of tries": b'{"script": "job-0123456789ab.sh", "pid": 0, "tries": 1000000000000000000}',
    "more than a number": b'{"script": "job-0123456789ab.sh", "pid": Infinity, "tries": 1}',
    "another name": b'{"script": "x\\u0000.sh", "pid": 0, "tries": 1}',
    "hidden name": b'{"script": "..sh", "pid": 0, "tries": 1}',
    "too deep": b"[" * 4096,
    "negative process ID": b'{"script": "job-0123456789ab.sh", "pid": -1, "tries": 5}',
    "negative tries": b'{"script": "job-0123456789ab.sh", "pid": 1, "tries": -5}',
}


@pytest.mark.parametrize("content", PLANTED.values(), ids=list(PLANTED))
def test_journal_that_the_user_has_forged(tmp_path: Path, content: bytes) -> None:
    """It may be an input file: it is no journal, and reading it takes no time."""
    (tmp_path / ".arc_oar").mkdir()
    (tmp_path / ".arc_oar" / "submitting").write_bytes(content)
    journal = opened(tmp_path)
    assert (journal.earlier, journal.pid, journal.tries) == (False, 0, 0)
    assert re.fullmatch(r"job-[0-9a-f]{12}\.sh", journal.script_name)
    journal.discard()
    assert os.listdir(tmp_path) == []


def test_journal_that_is_not_a_regular_file(tmp_path: Path) -> None:
    (tmp_path / ".arc_oar").mkdir()
    os.mkfifo(tmp_path / ".arc_oar" / "submitting")
    with pytest.raises(JobError, match="the session directory cannot be written at submission: "):
        opened(tmp_path)


@needs_root
def test_directory_of_another_user_is_not_used(place: Path) -> None:
    session = place / "session"
    session.mkdir()
    session.chmod(0o777)
    (session / ".arc_oar").mkdir(mode=0o777)
    (session / ".arc_oar").chmod(0o777)
    with pytest.raises(RuntimeError, match="JobError: the session directory cannot be written"):
        run_as(NOBODY, lambda: bool(opened(session)))


@needs_root
def test_directory_of_the_users_is_not_used_by_root(tmp_path: Path) -> None:
    (tmp_path / ".arc_oar").mkdir(mode=0o700)
    os.chown(tmp_path / ".arc_oar", NOBODY, NOBODY)
    with pytest.raises(JobError, match="the session directory cannot be written at submission"):
        opened(tmp_path)
    assert os.listdir(tmp_path / ".arc_oar") == []


@needs_root
def test_session_directory_that_the_user_cannot_write(place: Path) -> None:
    with pytest.raises(RuntimeError, match=r"at submission: Permission denied"):
        run_as(NOBODY, lambda: bool(opened(place)))
