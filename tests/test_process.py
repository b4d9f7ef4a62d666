"""Starting processes, apart from what tests/oar/test_local.py shows with OAR's commands."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from arc_lrms_oar.process import Finished, clean_environment, run

TIMEOUT = 30.0


def test_status_and_output() -> None:
    argv = ["/bin/sh", "-c", "printf 'out\\377'; echo err >&2; exit 3"]
    assert run(argv, TIMEOUT, {}) == Finished(3, b"out\xff", b"err\n")


def test_environment_is_the_given_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    code = "import os; os.write(1, os.environb[b'NAME'] + b' %d' % (b'SECRET' in os.environb))"
    environment = {"NAME": "a\nb\udcff"}
    assert run([sys.executable, "-ISc", code], TIMEOUT, environment).stdout == b"a\nb\xff 0"


def test_program_is_searched_for_in_the_given_path(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\necho found\n")
    (tmp_path / "tool").chmod(0o755)
    environment = {"PATH": f"/nonexistent:{tmp_path}"}
    assert run(["tool"], TIMEOUT, environment).stdout == b"found\n"
    with pytest.raises(FileNotFoundError):
        run(["tool"], TIMEOUT, {"PATH": "/nonexistent"})


def test_nul_byte() -> None:
    with pytest.raises(OSError, match="null byte"):
        run(["/bin/echo", "a\0b"], TIMEOUT, {})
    with pytest.raises(OSError, match="null byte"):
        run(["/bin/echo"], TIMEOUT, {"A": "a\0b"})


def test_timeout_kills_the_process(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    with pytest.raises(TimeoutError) as caught:
        run(["/bin/sh", "-c", f"echo $$ >{pid}; exec sleep 60"], 1.0, clean_environment())
    assert caught.value.strerror == "no end after 1 s"
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X509_USER_PROXY", "/tmp/proxy")
    monkeypatch.setenv("TZ", "Europe/Paris")
    assert clean_environment() == {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "500",
        "HOME": "/",
        "TZ": "Europe/Paris",
    }
