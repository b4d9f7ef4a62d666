"""A control directory full of grid jobs, with what OAR says of them, and one scan over it.

Must not judge: what is measured here is compared and printed elsewhere.
"""

from __future__ import annotations

import json
import os
import pwd
import time
from collections.abc import Sequence
from pathlib import Path

from measure import ROOT, SHARE, Run, program, run_measured

FIRST_ID = 5_000_000
_STATES = ("Running", "Waiting", "Launching", "Finishing")
# It only prints a file, so that what is measured is ours.
_OARSTAT = """#!/bin/sh
echo "$#" >>{calls}
case "$1 $2 $*" in
-V*) echo "OAR version : 2.5.9 (Canicule)" ;;
"-s -J "*) cat {place}/states ;;
*" -f "*) cat {place}/records ;;
*) cat {place}/rows ;;
esac
"""


class Site:
    """A control directory of `jobs` grid jobs, of which `ended` have ended in OAR."""

    def __init__(
        self, place: Path, jobs: int, ended: int, ids: Sequence[int] | None = None
    ) -> None:
        """`ids` are those of real jobs of a real OAR; without them there are recorded answers."""
        self.place = place
        self.jobs = jobs
        self.ended = ended
        self.ids = range(FIRST_ID, FIRST_ID + jobs) if ids is None else ids
        self.control = place / "control"
        self.rows = place / "rows"
        self.sessions = place / "sessions"
        self.calls = place / "calls"
        (self.control / "processing").mkdir(parents=True)
        self.sessions.mkdir()
        self._fill()
        bin_path = ""
        if ids is None:
            self._answers()
            bin_path = f"[custom:oar]\nbin_path={place}/bin\n"
        self.conf = place / "arc.conf"
        self.conf.write_text(
            f"[arex]\ncontroldir={self.control}\nsessiondir={self.sessions}\n"
            f"[lrms]\nlrms=OAR\nslurm_bin_path={place}/slurm\n{bin_path}"
        )
        # A-REX's tools are in the one or the other, as the package was built.
        for place_of_tools in ("lib", "libexec"):
            kick = place / "arc" / place_of_tools / "arc" / "gm-kick"
            kick.parent.mkdir(parents=True)
            program(kick, f"#!/bin/sh\necho kick >>{self.calls}\n")

    def _fill(self) -> None:
        control = str(self.control)
        for number, job_id in enumerate(self.ids):
            grid_id = _grid_id(number)
            local = (
                f"globalid={grid_id}\nheadnode=https://ce.example:443/arex\nlrms=OAR\n"
                f"queue=default\nlocalid={job_id}\nsubject=/DC=org/CN=Somebody\n"
                f"starttime=20261121100405Z\njobname=bench {number}\n"
                f"sessiondir={self.sessions}/{grid_id}\nfailedstate=\nfailedcause=\n"
            )
            _write(f"{control}/processing/job.{grid_id}.status", "INLRMS\n")
            _write(f"{control}/job.{grid_id}.local", local)
            if number < self.ended:
                _write(f"{control}/job.{grid_id}.errors", "Job state change\n")
                session = f"{self.sessions}/{grid_id}"
                os.mkdir(session)
                _write(f"{session}.comment", "")
                _write(f"{session}.diag", "nodename=n1\nProcessors=1\nexitcode=0\n")

    def _answers(self) -> None:
        states = {str(i): _STATES[i % len(_STATES)] for i in self.ids}
        ended = [str(i) for i in self.ids[: self.ended]]
        states.update(dict.fromkeys(ended, "Terminated"))
        (self.place / "states").write_text(json.dumps(states, indent=3))
        template = _recorded()
        records = {i: {**template, "Job_Id": int(i)} for i in ended}
        (self.place / "records").write_text(json.dumps(records, indent=3))
        rows = [f"{i:<9} T griduser    0:00:10 R=1,W=1:0:0,J=B,N=bench\n" for i in ended]
        heading = "Job id    S User     Duration   System message\n" if rows else ""
        self.rows.write_text(heading + "".join(rows))
        (self.place / "bin").mkdir()
        text = _OARSTAT.format(calls=self.calls, place=self.place)
        program(self.place / "bin" / "oarstat", text)

    def session_dirs(self) -> list[str]:
        """The session directories of all jobs; only jobs that have ended really have one."""
        return [f"{self.sessions}/{_grid_id(number)}" for number in range(self.jobs)]

    def warm_up(self) -> None:
        """One scan before anything has ended, so that the measured one is as most scans are."""
        rows = self.rows.read_text()
        self.rows.write_text("")
        self.run()
        self.rows.write_text(rows)

    def scan(self) -> tuple[Run, int]:
        """One scan in a process of its own; also how many commands it called (stand-ins only)."""
        self.settle()
        run = self.run()
        self.check(run)
        return run, len(self.calls.read_text().splitlines())

    def settle(self) -> None:
        """Has on disk what making the site has left to be written: no scan is to pay for that."""
        self.calls.write_text("")
        os.sync()

    def run(self) -> Run:
        """One scan, whatever comes of it."""
        words = [str(SHARE / "scan-OAR-job"), "--config", str(self.conf), str(self.control)]
        return run_measured(words, self.environment(), self.place / "log")

    def environment(self) -> dict[str, str]:
        """What a scan is run with."""
        return {
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT),
            "HOME": "/",
            "ARC_LOCATION": str(self.place / "arc"),
        }

    def check(self, run: Run) -> None:
        """Ends the benchmark where not exactly the jobs that have ended were reported."""
        done = len(list(self.control.glob("*.lrms_done")))
        if run.status != 0 or done != self.ended:
            raise SystemExit(
                f"the scan went wrong: status {run.status}, {done} of {self.ended} reported\n"
                + (self.place / "log").read_text(errors="replace")[-2000:]
            )


def _grid_id(number: int) -> str:
    return f"bench{number:08}KDmABFKDmuPZcKDmABFKDm"


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(descriptor, text.encode())
    os.close(descriptor)


def _recorded() -> dict[str, object]:
    """What `oarstat -J -f` of 2.5.9 tells of a job that ended well (fixtures/2.5.9, exit0)."""
    now = int(time.time())
    event = {
        "type": "SWITCH_INTO_TERMINATE_STATE",
        "event_id": 1,
        "date": now,
        "to_check": "NO",
        "description": "[bipbip 1] Ask to change the job state",
        "job_id": 1,
    }
    return {
        "state": "Terminated",
        "exit_code": 0,
        "owner": pwd.getpwuid(os.geteuid()).pw_name,
        "name": "bench",
        "queue": "default",
        "project": "default",
        "startTime": now - 100,
        "stopTime": now - 90,
        "submissionTime": now - 200,
        "assigned_resources": [1],
        "assigned_network_address": ["127.0.0.1"],
        "events": [event],
        "walltime": 3600,
        "command": "/session/job.sh",
        "launchingDirectory": "/session",
        "message": "R=1",
        "types": [],
        "dependencies": [],
        "resubmit_job_id": 0,
        "properties": "drain='NO'",
    }
