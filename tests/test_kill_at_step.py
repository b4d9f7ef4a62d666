"""Ending a function or a command at a chosen step: every step counts, and nothing runs after it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from support.kill_at_step import Stepper, killed_before


def write_and_rename(folder: Path) -> None:
    """Four steps: open, write, rename and the exit."""
    try:
        with open(folder / "new", "w") as file:
            file.write("content")
        os.rename(folder / "new", folder / "file")
    finally:
        # Costs no step, and must not happen after SIGKILL.
        os.environ["FINALLY"] = "1"


def test_every_step_of_a_function(tmp_path: Path) -> None:
    found = []
    for step in range(1, 6):
        folder = tmp_path / str(step)
        folder.mkdir()
        killed = killed_before(step, partial(write_and_rename, folder))
        files = {path.name: path.read_text() for path in folder.iterdir()}
        found.append((killed, files))
    assert found == [
        (True, {}),
        (True, {"new": ""}),
        (True, {"new": "content"}),
        (True, {"file": "content"}),
        (False, {"file": "content"}),
    ]


def test_children_of_a_killed_function_live_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    ended, held_by_child = os.pipe()

    def start_and_make_folder() -> None:
        command = ["sh", "-c", f"cat {tmp_path}/fifo > {tmp_path}/file"]
        child = subprocess.Popen(command, pass_fds=[held_by_child])
        (tmp_path / "folder").mkdir()
        child.wait()

    step, stopped_at = 0, ""
    while stopped_at != "mkdir":
        step += 1
        stepper = Stepper(step)
        assert stepper.run(start_and_make_folder) == -9
        stopped_at = stepper.stopped_at
    os.close(held_by_child)
    (tmp_path / "fifo").write_text("content")
    assert os.read(ended, 1) == b""
    os.close(ended)
    assert not (tmp_path / "folder").exists()
    assert (tmp_path / "file").read_text() == "content"


def test_function_that_fails_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match=r"^the function failed before its step 1000$"):
        killed_before(1000, lambda: int("x"))
    assert "ValueError: invalid literal" in capfd.readouterr().err


def test_full_disk(tmp_path: Path) -> None:
    """From the second step on, what needs space fails, and the function goes on."""

    def child() -> None:
        folder = os.open(tmp_path, os.O_RDONLY)
        try:
            file = os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=folder)
            os.write(file, b"content")
        except OSError as error:
            os._exit(error.errno or 0)

    stepper = Stepper(2, full=True)
    assert stepper.run(child) == errno.ENOSPC
    assert stepper.stopped_at == "write"
    assert (tmp_path / "file").read_bytes() == b""


def test_command_line(tmp_path: Path) -> None:
    """The command is ended before the first of its steps that has this number."""
    script = Path(__file__).parent / "support" / "kill_at_step.py"
    command = ["/bin/sh", "-c", f"echo first > {tmp_path}/a; echo second > {tmp_path}/b"]

    def steps(*options: str) -> str:
        argv = [sys.executable, str(script), *options, "--", *command]
        return subprocess.run(argv, check=True, capture_output=True, text=True).stdout

    # execve, two times open and write, exit_group.
    assert steps() == '{"steps": 6, "at": "", "code": 0}\n'
    (tmp_path / "b").unlink()
    assert steps("--at", "4") == '{"steps": 4, "at": "openat", "code": -9}\n'
    assert sorted(os.listdir(tmp_path)) == ["a"]
