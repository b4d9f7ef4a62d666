"""Tools that the testbed installs on the host."""

from __future__ import annotations

import fcntl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bed import host
from bed.layout import CACHE_ENV


def test_two_testbeds_do_not_run_apt_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one finds the tool installed and does not fail because of apt's lock."""
    (tmp_path / "bin").mkdir()
    tool = tmp_path / "bin/arc-oar-tool"
    apt = tmp_path / "bin/apt-get"
    apt.write_text(
        f"#!/bin/sh\nmkdir {tmp_path}/busy || exit 100\nsleep 0.2\n"
        f'echo "$*" >>{tmp_path}/calls\ntouch {tool}\nchmod 755 {tool}\nrmdir {tmp_path}/busy\n'
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv(CACHE_ENV, str(tmp_path / "cache"))
    monkeypatch.setattr(host, "TOOLS", {"arc-oar-tool": "tool-package"})
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(host.ensure_tools, [lambda _: None] * 2))
    install = "-qy --no-install-recommends install tool-package\n"
    assert (tmp_path / "calls").read_text() == install
    with open(tmp_path / "cache/.host.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
