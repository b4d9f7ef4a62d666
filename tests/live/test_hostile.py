"""Hostile values in GRAMi files that A-REX itself would not write, submitted to OAR.

Each value arrives unchanged in the job, is made safe, or is refused with a one-line error. None is
executed.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from bed import Bed
from bed.arcconf import CONTROLDIR
from bed.grid import USER
from support.ce import grami_text
from support.hostile_text import CANARY, LONG, WORDS

pytestmark = pytest.mark.live

VALUES = [*WORDS, LONG]
SHOW = 'printf "%s\\0" "$@"; printf "%s\\0" ' + " ".join(f'"$V{i}"' for i in range(len(VALUES)))
NAMES = WORDS[::3]
ENDED = ("Terminated", "Error")


class Direct:
    """Submissions as A-REX makes them; session directories have A-REX's permissions."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.place = bed.run(["mktemp", "-d"], user=USER).stdout.strip()
        self.run = self.place.rpartition(".")[2]

    def submit(self, job: str, **options: Any) -> tuple[int, str]:
        """Return the submit script's exit status and stderr for the job of this name."""
        grid_id = job + self.run
        session, path = f"{self.place}/{grid_id}", f"{self.place}/job.{grid_id}.grami"
        text = grami_text(Path(session), Path(CONTROLDIR), grid_id, walltime=60, **options)
        self.bed.run(["mkdir", session], user=USER)
        self.bed.run_bytes(["tee", path], USER, text.encode("utf-8", "surrogateescape"))
        script = ["/usr/share/arc/submit-OAR-job", "--config", "/run/arched-arex.cfg", path]
        done = self.bed.run(script, user=USER, check=False)
        return done.returncode, done.stderr

    def record(self, job: str) -> dict[str, Any]:
        """Return OAR's record of the only OAR job for the job of this name."""
        where = f"job_name LIKE '%{job}{self.run}'"
        output = self.bed.run(["oarstat", "--format", "2", "-J", "-f", "--sql", where]).stdout
        (found,) = json.loads(output).values()
        return dict(found)


@pytest.fixture(scope="module")
def direct(bed: Bed) -> Direct:
    bed.run(["rm", "-f", CANARY])
    return Direct(bed)


def test_arguments_and_environment_arrive_unchanged(bed: Bed, direct: Direct) -> None:
    name = "hostileValues"
    environment = {f"V{index}": word for index, word in enumerate(VALUES)}
    done = direct.submit(
        name,
        executable="/bin/sh",
        arguments=["-c", SHOW, "sh", *VALUES],
        environment=environment,
        stdout="out",
    )
    assert done[0] == 0, done[1]
    for index, word in enumerate(NAMES):
        assert direct.submit(f"hostileName{index}", name=word)[0] == 0, word
    wait_for(direct, [name, *(f"hostileName{index}" for index in range(len(NAMES)))])
    record = direct.record(name)
    assert (record["state"], record["exit_code"]) == ("Terminated", 0)
    raw = bed.run_bytes(["cat", f"{direct.place}/{name}{direct.run}/out"]).stdout
    words = raw.decode("utf-8", "surrogateescape").split("\0")[:-1]
    assert words == VALUES * 2
    for index, word in enumerate(NAMES):
        record = direct.record(f"hostileName{index}")
        assert (record["state"], record["exit_code"]) == ("Terminated", 0), word
        assert record["name"].replace("-", "").replace("_", "").isalnum()
    assert bed.run(["test", "-e", CANARY], check=False).returncode == 1


def wait_for(direct: Direct, names: list[str]) -> None:
    """Wait until the OAR jobs of these names have ended."""
    deadline = time.monotonic() + 150
    while any(direct.record(name)["state"] not in ENDED for name in names):
        assert time.monotonic() < deadline
        time.sleep(1)


@pytest.mark.parametrize("index", range(0, len(WORDS), 5))
def test_queue_is_refused(bed: Bed, direct: Direct, index: int) -> None:
    code, stderr = direct.submit(f"hostileQueue{index}", queue=WORDS[index])
    assert code == 0
    assert stderr.startswith("the queue name ")
    assert stderr.count("\n") == 1
    assert bed.run(["test", "-e", CANARY], check=False).returncode == 1


def test_nul_byte_is_refused(direct: Direct) -> None:
    assert direct.submit("hostileNul", arguments=["a\0b"]) == (
        0,
        "a NUL byte cannot be part of an argument or of the environment\n",
    )
