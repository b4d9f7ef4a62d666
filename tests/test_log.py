"""Messages: one line each, and no harm where nobody can hear them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from arc_lrms_oar.log import Log


def test_one_line_whatever_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    Log("Scan").say("INFO", "first\nsecond\udcff")
    assert capsys.readouterr().err.endswith("] [Scan] [INFO] first second?\n")


def test_full_disk_is_no_failure() -> None:
    """A-REX's errors file is on the disk of the control directory, and a job may be in OAR."""
    code = "from arc_lrms_oar.log import Log; Log('x').say('INFO', 'a'); Log('x').say('INFO', 'b')"
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], stderr=full, cwd=Path(__file__).parents[1], check=False
        )
    assert done.returncode == 0
