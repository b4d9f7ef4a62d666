"""The cost of one `info` without OAR: the real command, with generated answers of OAR 2.5.9.

OAR's commands are stubs that print files. The measurement therefore covers reading their output,
counting, and writing the provider's document. A tenth of the jobs are waiting, and the provider
queries all of them.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FIRST_ID = 5_000_000
_COMMAND = """#!/bin/sh
echo "$0" >>{place}/calls
case "${{0##*/}} $*" in
"oarstat -V") echo "OAR version : 2.5.9 (Canicule)" ;;
oarnodes*) exec cat {place}/resources ;;
oarnotify*) exec cat {place}/queues ;;
*" -f "*) exec cat {place}/waiting ;;
oarstat*) exec cat {place}/jobs ;;
esac
"""


class Result(NamedTuple):
    """One measurement of the process: wall seconds, CPU seconds, peak memory in MB.

    `processes` is the number of commands that it ran.
    """

    kind: str
    nodes: int
    cores: int
    jobs: int
    seconds: float
    cpu: float
    mb: float
    processes: int


class Site:
    """An OAR with `nodes` nodes of `cores` cores each, and `jobs` jobs, all of them A-REX's."""

    def __init__(self, place: Path, nodes: int, cores: int, jobs: int) -> None:
        self.place = place
        self.size = (nodes, cores, jobs)

    def fill(self) -> None:
        """Write the answers of OAR's commands."""
        place = self.place
        nodes, cores, jobs = self.size
        rows = [_resource(number, cores) for number in range(1, nodes * cores + 1)]
        self._write("resources", {str(row["resource_id"]): row for row in rows})
        records = {str(FIRST_ID + n): _job(n, nodes * cores) for n in range(jobs)}
        self._write("jobs", records)
        waiting = [key for key, row in records.items() if row["state"] == "Waiting"]
        self._write("waiting", {key: records[key] for key in waiting[:100]})
        (place / "queues").write_text(
            "default\n\tpriority = 2\n\tscheduler = oar_sched_gantt_with_timesharing\n"
            "\tstate = Active\n"
        )
        options = {"queues": {"default": {"users": ["griduser"]}}, "jobs": list(records)}
        (place / "options").write_text(json.dumps(options))
        (place / "bin").mkdir()
        for name in ("oarstat", "oarnodes", "oarnotify"):
            (place / "bin" / name).write_text(_COMMAND.format(place=place))
            (place / "bin" / name).chmod(0o755)
        (place / "arc.conf").write_text(
            f"[lrms]\nlrms=OAR\n[queue:default]\n[custom:oar]\nbin_path={place}/bin\n"
            "memory_property=mem\n"
        )

    def _write(self, name: str, rows: dict[str, dict[str, object]]) -> None:
        """Write JSON as OAR 2 prints it, indented by three spaces per level."""
        text = json.dumps(rows, indent=3, separators=(",", " : "))
        (self.place / name).write_text(text + "\n")

    def info(self) -> Result:
        """Run one `info` in a new process and measure it from start to exit."""
        python = os.path.realpath(sys.executable)
        argv = [python, "-m", "arc_lrms_oar", "info", "--json"]
        argv += ["--config", f"{self.place}/arc.conf", "--options", f"{self.place}/options"]
        environment = {"PATH": os.defpath, "PYTHONPATH": str(ROOT), "HOME": "/"}
        (self.place / "calls").write_text("")
        answer = os.open(self.place / "answer", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        started = time.monotonic()
        actions = [(os.POSIX_SPAWN_DUP2, answer, 1)]
        child = os.posix_spawn(python, argv, environment, file_actions=actions)
        _, status, usage = os.wait4(child, 0)
        seconds = time.monotonic() - started
        os.close(answer)
        nodes, _, jobs = self.size
        text = (self.place / "answer").read_text()
        if status != 0 or text.count('"comment"') != jobs or text.count('"isfree"') != nodes:
            raise SystemExit(f"info failed: wait status {status}\n{text[:500]}")
        count = len((self.place / "calls").read_text().splitlines())
        cpu = usage.ru_utime + usage.ru_stime
        return Result("own", *self.size, seconds, cpu, usage.ru_maxrss / 1024, count)


def _resource(number: int, cores: int) -> dict[str, object]:
    """Return a row of `oarnodes -J` as in OAR 2.5.9 (fixtures/2.5.9, site)."""
    node = (number - 1) // cores + 1
    return {
        "desktop_computing": "NO",
        "state_num": 1,
        "state": "Alive",
        "last_job_date": 1795248322,
        "host": f"node{node}",
        "type": "default",
        "mem": 4096,
        "scheduler_priority": 0,
        "next_finaud_decision": "NO",
        "core": number,
        "network_address": f"node{node}.example",
        "resource_id": number,
        "next_state": "UnChanged",
        "drain": "NO",
        "available_upto": 2147483647,
        "cpu": (number - 1) // 16 + 1,
        "expiry_date": 0,
        "finaud_decision": "NO",
        "deploy": "NO",
        "suspended_jobs": "NO",
        "last_available_upto": 0,
        "besteffort": "YES",
        "cpuset": str((number - 1) % cores),
    }


def _job(number: int, resources: int) -> dict[str, object]:
    """Return a row of `oarstat -J` as in OAR 2.5.9 (fixtures/2.5.9, bulk)."""
    now = int(time.time())
    waits = number % 10 == 0 or number * 3 + 3 > resources
    taken = [] if waits else [number * 3 + 1, number * 3 + 2, number * 3 + 3]
    return {
        "Job_Id": FIRST_ID + number,
        "array_id": FIRST_ID + number,
        "array_index": 1,
        "assigned_network_address": ["node1.example"] if taken else [],
        "assigned_resources": taken,
        "command": "/session/bench/.arc_oar/job.sh",
        "cpuset_name": None,
        "dependencies": [],
        "jobType": "PASSIVE",
        "launchingDirectory": "/session/bench",
        "message": "R=3,W=1:0:0,J=B,N=bench (Karma=0.000,quota_ok)",
        "name": "bench",
        "owner": "griduser",
        "project": "default",
        "properties": "(desktop_computing = 'NO') AND drain='NO'",
        "queue": "default",
        "reservation": "None",
        "resubmit_job_id": 0,
        "startTime": 0 if waits else now - 100,
        "state": "Waiting" if waits else "Running",
        "stderr_file": "OAR.bench.stderr",
        "stdout_file": "OAR.bench.stdout",
        "submissionTime": now - 200,
        "types": [],
    }


def _in_child(work: Callable[[], None]) -> None:
    """Execute `work` in a forked child.

    Linux counts the peak memory of a process as the initial peak of the programs that it starts.
    """
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    if os.waitpid(child, 0)[1] != 0:
        raise SystemExit("cannot write the answers of OAR's commands")


def measure(nodes: int, cores: int, jobs: int, again: int = 3) -> Result:
    """Return the median of several runs on the same site."""
    with tempfile.TemporaryDirectory(prefix="arc-oar-bench-") as folder:
        site = Site(Path(folder), nodes, cores, jobs)
        _in_child(site.fill)
        results = sorted((site.info() for _ in range(again)), key=lambda result: result.seconds)
    return results[len(results) // 2]
