"""Our own cost of one scan: the real scan in a process of its own, with recorded answers of OAR.

The stand-in for oarstat here only prints a file, so that what is measured is ours: reading the
control directory, asking, reading the answer, reporting what has ended.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FIRST_ID = 5_000_000
_STATES = ("Running", "Waiting", "Launching", "Finishing")
_OARSTAT = """#!/bin/sh
echo "$#" >>{calls}
case "$1 $2 $*" in
-V*) echo "OAR version : 2.5.9 (Canicule)" ;;
"-s -J "*) cat {place}/states ;;
*" -f "*) cat {place}/records ;;
*) cat {place}/rows ;;
esac
"""


class Result(NamedTuple):
    """One measurement: seconds and peak memory (MB) of the scan's process, commands that it ran."""

    kind: str
    jobs: int
    ended: int
    seconds: float
    mb: float
    processes: int


class Site:
    """A control directory of `jobs` grid jobs, of which `ended` have ended in OAR."""

    def __init__(self, place: Path, jobs: int, ended: int) -> None:
        self.place = place
        self.jobs = jobs
        self.ended = ended
        self.control = place / "control"
        self.rows = place / "rows"
        self.sessions = place / "sessions"
        (self.control / "processing").mkdir(parents=True)
        self.sessions.mkdir()
        self._fill()
        self._answers()
        self.conf = place / "arc.conf"
        self.conf.write_text(
            f"[arex]\ncontroldir={self.control}\n[lrms]\nlrms=OAR\n"
            f"[custom:oar]\nbin_path={place}/bin\n"
        )
        kick = place / "arc" / "lib" / "arc" / "gm-kick"
        kick.parent.mkdir(parents=True)
        self._program(kick, f"#!/bin/sh\necho kick >>{place}/calls\n")

    def _fill(self) -> None:
        control = str(self.control)
        for number in range(self.jobs):
            grid_id = f"bench{number:08}KDmABFKDmuPZcKDmABFKDm"
            local = (
                f"globalid={grid_id}\nheadnode=https://ce.example:443/arex\nlrms=OAR\n"
                f"queue=default\nlocalid={FIRST_ID + number}\nsubject=/DC=org/CN=Somebody\n"
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
        ids = range(FIRST_ID, FIRST_ID + self.jobs)
        states = {str(i): _STATES[i % len(_STATES)] for i in ids}
        ended = [str(i) for i in ids[: self.ended]]
        states.update(dict.fromkeys(ended, "Terminated"))
        (self.place / "states").write_text(json.dumps(states, indent=3))
        template = _recorded()
        records = {i: {**template, "Job_Id": int(i)} for i in ended}
        (self.place / "records").write_text(json.dumps(records, indent=3))
        rows = [f"{i:<9} T griduser    0:00:10 R=1,W=1:0:0,J=B,N=bench\n" for i in ended]
        heading = "Job id    S User     Duration   System message\n" if rows else ""
        self.rows.write_text(heading + "".join(rows))
        (self.place / "bin").mkdir()
        text = _OARSTAT.format(calls=self.place / "calls", place=self.place)
        self._program(self.place / "bin" / "oarstat", text)

    @staticmethod
    def _program(path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def warm_up(self) -> None:
        """One scan before anything has ended, so that the measured one is as most scans are."""
        rows = self.rows.read_text()
        self.rows.write_text("")
        self._run()
        self.rows.write_text(rows)

    def scan(self) -> Result:
        """Runs one scan in a process of its own and measures it from its start to its exit."""
        calls = self.place / "calls"
        calls.write_text("")
        status, seconds, mb = self._run()
        done = len(list(self.control.glob("*.lrms_done")))
        if status != 0 or done != self.ended:
            raise SystemExit(
                f"the scan went wrong: status {status}, {done} of {self.ended} reported\n"
                + (self.place / "log").read_text()[-2000:]
            )
        count = len(calls.read_text().splitlines())
        return Result("own", self.jobs, self.ended, seconds, mb, count)

    def _run(self) -> tuple[int, float, float]:
        python = os.path.realpath(sys.executable)
        scan = [python, "-m", "arc_lrms_oar", "scan", "--config", str(self.conf)]
        environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "HOME": "/"}
        environment["ARC_LOCATION"] = str(self.place / "arc")
        log = os.open(self.place / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        actions = [(os.POSIX_SPAWN_DUP2, log, 2)]
        started = time.monotonic()
        argv = [*scan, str(self.control)]
        child = os.posix_spawn(python, argv, environment, file_actions=actions)
        _, status, usage = os.wait4(child, 0)
        seconds = time.monotonic() - started
        os.close(log)
        return status, seconds, usage.ru_maxrss / 1024


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
        "owner": "griduser",
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


def measure(jobs: int, ended: int, again: int = 3) -> Result:
    """The median of some scans; each that reports jobs needs a new site."""
    results = []
    for _ in range(again if jobs < 100_000 else 2):
        with tempfile.TemporaryDirectory(prefix="arc-oar-bench-") as folder:
            site = Site(Path(folder), jobs, ended)
            site.warm_up()
            results.append(site.scan())
    return sorted(results, key=lambda result: result.seconds)[len(results) // 2]
