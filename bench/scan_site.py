"""A control directory full of grid jobs, the answers of OAR about them, and one scan of it.

Results are compared and printed by the callers.
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
# A stub that prints a file, so that OAR's own time is not measured. The jobs of a block follow one
# another, and all records have the same length, so it need not look for them.
_OARSTAT = """#!/bin/sh
echo "$#" >>{calls}
case "$1 $2 $*" in
-V*) echo "OAR version : 2.5.9 (Canicule)" ;;
"-s -J "*) cat {place}/states ;;
*" -f "*)
    printf '{{"0": {{}}'
    skip=$((($6 - {first}) * {length})) count=$((($# - 4) / 2 * {length}))
    tail -c +$((skip + 1)) {place}/records | head -c $count
    printf '}}\n'
    ;;
*) cat {place}/rows ;;
esac
"""


class Site:
    """A control directory with `jobs` grid jobs; `ended` of them have ended in OAR."""

    def __init__(
        self,
        place: Path,
        jobs: int,
        ended: int,
        ids: Sequence[int] | None = None,
        layout: int = 6,
        metrics: bool = False,
    ) -> None:
        """`ids`: job IDs of a real OAR; without them, a stub prints recorded answers.

        `layout` is the version of ARC whose layout the control directory has; `metrics`: whether
        scan writes metrics.
        """
        self.place = place
        self.layout = layout
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
        options = "[custom:oar]\n"
        if ids is None:
            self._answers()
            options += f"bin_path={place}/bin\n"
        if metrics:
            options += f"metrics_file={place}/metrics.prom\n"
        self.conf = place / "arc.conf"
        self.conf.write_text(
            f"[arex]\ncontroldir={self.control}\nsessiondir={self.sessions}\n"
            f"[lrms]\nlrms=OAR\nslurm_bin_path={place}/slurm\n{options}"
        )
        # The directory of A-REX's tools depends on how ARC was built.
        for place_of_tools in ("lib", "libexec"):
            kick = place / "arc" / place_of_tools / "arc" / "gm-kick"
            kick.parent.mkdir(parents=True)
            program(kick, f"#!/bin/sh\necho kick >>{self.calls}\n")

    def _fill(self) -> None:
        control = str(self.control)
        for number, job_id in enumerate(self.ids):
            grid_id = grid_job_id(number)
            local = (
                f"globalid={grid_id}\nheadnode=https://ce.example:443/arex\nlrms=OAR\n"
                f"queue=default\nlocalid={job_id}\nsubject=/DC=org/CN=Somebody\n"
                f"starttime=20261121100405Z\njobname=bench {number}\n"
                f"sessiondir={self.sessions}/{grid_id}\nfailedstate=\nfailedcause=\n"
            )
            prefix = f"{control}/job.{grid_id}."
            status = f"job.{grid_id}.status"
            if self.layout == 7:
                parts = (grid_id[:3], grid_id[3:6], grid_id[6:9], grid_id[9:])
                prefix = "/".join((control, "jobs", *parts, ""))
                status = f"{grid_id}.status"
                os.makedirs(prefix)
            _write(f"{control}/processing/{status}", "INLRMS\n")
            _write(f"{prefix}local", local)
            if number < self.ended:
                _write(f"{prefix}errors", "Job state change\n")
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
        records = [
            json.dumps({**template, "Job_Id": int(i), "name": grid_job_id(number)}, indent=3)
            for number, i in enumerate(ended)
        ]
        entries = [f',\n"{i}": {record}\n' for i, record in zip(ended, records)]
        length = max(map(len, entries), default=1)
        (self.place / "records").write_text("".join(row.ljust(length) for row in entries))
        rows = [f"{i:<9} T griduser    0:00:10 R=1,W=1:0:0,J=B,N=bench\n" for i in ended]
        heading = "Job id    S User     Duration   System message\n" if rows else ""
        self.rows.write_text(heading + "".join(rows))
        (self.place / "bin").mkdir()
        text = _OARSTAT.format(calls=self.calls, place=self.place, first=FIRST_ID, length=length)
        program(self.place / "bin" / "oarstat", text)

    def session_dirs(self) -> list[str]:
        """Return the session directories of all jobs; only those of ended jobs exist."""
        return [f"{self.sessions}/{grid_job_id(number)}" for number in range(self.jobs)]

    def warm_up(self) -> None:
        """Run one scan before any job has ended, since most scans have a predecessor."""
        rows = self.rows.read_text()
        self.rows.write_text("")
        self.run()
        self.rows.write_text(rows)

    def scan(self) -> tuple[Run, int]:
        """Run and check one scan; also return the number of commands it ran (stubs only)."""
        self.settle()
        run = self.run()
        self.check(run)
        return run, len(self.calls.read_text().splitlines())

    def settle(self) -> None:
        """Flush the site's files to disk, so that the scan does not wait for them."""
        self.calls.write_text("")
        os.sync()

    def run(self) -> Run:
        """Run one scan without checking its result."""
        words = [str(SHARE / "scan-OAR-job"), "--config", str(self.conf), str(self.control)]
        return run_measured(words, self.environment(), self.place / "log")

    def environment(self) -> dict[str, str]:
        """Return the environment of a scan."""
        return {
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT),
            "HOME": "/",
            "ARC_LOCATION": str(self.place / "arc"),
        }

    def check(self, run: Run) -> None:
        """End the benchmark unless the scan reported exactly the ended jobs."""
        done = len(list(self.control.rglob("*lrms_done")))
        if run.status != 0 or done != self.ended:
            raise SystemExit(
                f"scan failed: wait status {run.status}, {done} of {self.ended} jobs reported\n"
                + (self.place / "log").read_text(errors="replace")[-2000:]
            )


def grid_job_id(number: int) -> str:
    return f"bench{number:08}KDmABFKDmuPZcKDmABFKDm"


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(descriptor, text.encode())
    os.close(descriptor)


def _recorded() -> dict[str, object]:
    """Return the record of a successful job by `oarstat -J -f` 2.5.9 (fixtures/2.5.9, exit0)."""
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
