"""Log lines: one line each, and no failure where stderr cannot be written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from arc_lrms_oar.log import Log


def test_any_text_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    Log("Scan").say("INFO", "first\nsecond\udcff")
    assert capsys.readouterr().err.endswith("] [Scan] [INFO] first second?\n")


def test_full_disk_is_ignored() -> None:
    """stderr is A-REX's errors file: a full disk must not fail a submission that succeeded."""
    code = "from arc_lrms_oar.log import Log; Log('x').say('INFO', 'a'); Log('x').say('INFO', 'b')"
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], stderr=full, cwd=Path(__file__).parents[1], check=False
        )
    assert done.returncode == 0
