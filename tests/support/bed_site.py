"""A CE inside the testbed without an A-REX: tests run its submit and scan scripts themselves.

Uses the testbed's OAR and a control directory of its own. `step` ends a script at a chosen step.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bed import Bed
from bed.grid import USER

from support.ce import grami_text
from support.oar_site import listing

KILL_AT_STEP = "/opt/arc_lrms_oar/tests/support/kill_at_step.py"
ENDED = ("Terminated", "Error")
# Set in the environment, tests end a command at each of its steps, which takes minutes.
ALL = "ARC_OAR_TEST_ALL_STEPS"


def sample(steps: int, most: int) -> list[int]:
    """Return the steps at which to end a command: about `most`, evenly spaced, and the last."""
    stride = 1 if os.environ.get(ALL) else math.ceil(steps / most)
    return sorted({*range(stride, steps + 1, stride), steps})


@dataclass
class BedJob:
    """One grid job; its paths are those inside the bed."""

    site: BedSite
    grid_id: str

    @property
    def session(self) -> str:
        return f"{self.site.place}/sessions/{self.grid_id}"

    def file(self, kind: str) -> str:
        return f"{self.site.place}/control/job.{self.grid_id}.{kind}"

    def submit_words(self) -> list[str]:
        conf = f"{self.site.place}/arc.conf"
        return ["/usr/share/arc/submit-OAR-job", "--config", conf, self.file("grami")]

    def submit(self) -> subprocess.CompletedProcess[str]:
        """Run the submit script to its end, as A-REX does when it retries."""
        return self.site.bed.run(self.submit_words(), user=USER, check=False)

    def ids(self) -> list[int]:
        """Return the OAR job IDs in the GRAMi file."""
        lines = self.site.read(self.file("grami")).splitlines()
        return [int(line.partition("=")[2]) for line in lines if "joboption_jobid" in line]


class BedSite:
    """The directory `place` inside the bed, with arc.conf, control and session directory."""

    def __init__(self, bed: Bed, place: str) -> None:
        self.bed = bed
        self.place = place
        self.user = bed.inside.account(USER)
        for folder in ("control/processing", "sessions"):
            bed.run(["mkdir", "-p", f"{place}/{folder}"])
        self.write(
            "arc.conf",
            f"[arex]\ncontroldir={place}/control\nsessiondir={place}/sessions\n\n[lrms]\nlrms=OAR\n"
            "\n[queue:default]\n\n[custom:oar]\nsubmit_budget=20\ncommand_timeout=15\n",
        )

    def path(self, inside: str) -> Path:
        return self.bed.path(f"{self.place}/{inside}")

    def read(self, inside: str) -> str:
        return self.bed.path(inside).read_text(errors="replace")

    def write(self, name: str, text: str, users: bool = False) -> None:
        path = self.path(name)
        path.write_text(text)
        path.chmod(0o600 if users else 0o644)
        if users:
            os.chown(path, self.user.uid, self.user.gid)

    def job(self, grid_id: str, script: str) -> BedJob:
        """Create a job as it is when A-REX calls the submit script."""
        job = BedJob(self, grid_id)
        session = self.path(f"sessions/{grid_id}")
        session.mkdir(mode=0o700)
        os.chown(session, self.user.uid, self.user.gid)
        grami = grami_text(
            Path(job.session),
            Path(self.place, "control"),
            grid_id,
            executable="/bin/sh",
            arguments=["-c", script],
            walltime=300,
        )
        self.write(f"control/job.{grid_id}.grami", grami, users=True)
        self.write(f"control/job.{grid_id}.errors", "said by A-REX\n", users=True)
        for kind in ("diag", "comment"):
            self.write(f"sessions/{grid_id}.{kind}", "", users=True)
        return job

    def in_lrms(self, job: BedJob) -> None:
        """Write what A-REX writes after a successful submission."""
        (job_id,) = job.ids()
        local = f"lrms=OAR\nqueue=default\nlocalid={job_id}\nsessiondir={job.session}\n"
        self.write(f"control/job.{job.grid_id}.local", local, users=True)
        self.write(f"control/processing/job.{job.grid_id}.status", "INLRMS\n")

    def scan_words(self) -> list[str]:
        conf = f"{self.place}/arc.conf"
        return ["/usr/share/arc/scan-OAR-job", "--config", conf, f"{self.place}/control"]

    def files(self) -> dict[str, tuple[str, bytes]]:
        """Return mode, owner and content of all files of the control and session directory."""
        return listing(self.path("control"), self.path("sessions"))

    def step(self, at: int, argv: list[str], *flags: str, user: str = "") -> dict[str, Any]:
        """Run a command up to its step `at` (0: to its end); return what kill_at_step prints."""
        words = [
            "python3",
            "-B",
            KILL_AT_STEP,
            "--at",
            str(at),
            *flags,
            "--user",
            user,
            "--",
            *argv,
        ]
        answer: dict[str, Any] = json.loads(self.bed.run(words).stdout)
        return answer

    def held(self, prefix: str) -> dict[str, list[dict[str, Any]]]:
        """Return all jobs that OAR ever had for grid job IDs with this prefix, by grid job ID."""
        where = f"job_name LIKE 'some_name-{prefix}%'"
        said = self.bed.run(["oarstat", "--format", "2", "-J", "-f", "--sql", where]).stdout
        found: dict[str, list[dict[str, Any]]] = {}
        for row in json.loads(said or "{}").values():
            found.setdefault(row["name"].partition("-")[2], []).append(row)
        return found

    def settled(self, prefix: str, seconds: float = 120) -> dict[str, list[dict[str, Any]]]:
        """Wait until all of these jobs have ended in OAR, and return them."""
        deadline = time.monotonic() + seconds
        while True:
            held = self.held(prefix)
            alive = [row for rows in held.values() for row in rows if row["state"] not in ENDED]
            if not alive:
                return held
            if time.monotonic() > deadline:
                states = {row["Job_Id"]: row["state"] for row in alive}
                raise AssertionError(f"not ended in OAR after {seconds:.0f} s: {states}")
            time.sleep(2)
