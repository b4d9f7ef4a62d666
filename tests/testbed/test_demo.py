"""The demo with the stand-in, for machines that cannot run OAR."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).parent.parent.parent / "testbed" / "demo"


def test_stand_in_runs_the_job_and_is_announced() -> None:
    done = subprocess.run(
        [sys.executable, str(DEMO), "--stand-in"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "This is a STAND-IN for OAR, without A-REX: --stand-in was given."
    states = [line.split()[1:] for line in lines if re.match(r" *[0-9.]+s  ", line)]
    assert states[-1] == ["FINISHED", "Terminated"]
    assert ["INLRMS", "Running"] in states
    assert "lrms_done: 0 Job finished with exit code 0" in lines
    assert "Hello from OAR job 1 on 2 nodes" in lines
    assert {"Processors=4", "Nodecount=2", "exitcode=0"} <= set(lines)
