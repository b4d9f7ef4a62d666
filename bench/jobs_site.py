"""A control directory with many ended jobs, as ARC 6 keeps them; each fifth has failed."""

from __future__ import annotations

import os
import time
from pathlib import Path

from measure import program

_FAILED_EVERY = 5
_GRAMI = """joboption_directory='{sessions}/{grid_id}'
joboption_arg_0='/bin/sh'
joboption_arg_1='-c'
joboption_arg_2='true'
joboption_stdin='/dev/null'
joboption_stdout='/dev/null'
joboption_stderr='/dev/null'
joboption_env_0=GRID_GLOBAL_JOBID='{grid_id}'
joboption_cputime=
joboption_walltime=3600
joboption_memory=2000
joboption_count=2
joboption_jobname='bench {number}'
joboption_queue='default'
joboption_gridid='{grid_id}'
"""
_LOCAL = """globalid={grid_id}
headnode=https://ce.example:443/arex
interface=org.nordugrid.arcrest
lrms=OAR
queue=default
localid={job_id}
subject=/DC=org/DC=example/CN=Somebody
starttime=20261121100405Z
jobname=bench {number}
voms=/atlas/Role=production
sessiondir={sessions}/{grid_id}
"""
_DIAG = "nodename=n1\nProcessors=2\nWallTime=42s\nUserTime=1.5s\nexitcode=0\nLRMSExitcode=0\n"


def fill(place: Path, ended: int) -> Path:
    """Create the files below `place` and return the path of arc.conf; OAR's commands are stubs."""
    control, sessions = place / "control", place / "sessions"
    for folder in ("processing", "finished"):
        (control / folder).mkdir(parents=True)
    now = time.time()
    for number in range(ended):
        grid_id = f"{number:06}NDm97woAoPSAtDmVmuSEmABFKDmABFKDmZgFKDmABFKDmQCOyTo"
        values = {"grid_id": grid_id, "number": number, "job_id": number + 1, "sessions": sessions}
        stem = f"{control}/job.{grid_id}"
        _write(f"{stem}.grami", _GRAMI.format(**values))
        _write(f"{stem}.local", _LOCAL.format(**values))
        _write(f"{stem}.diag", _DIAG)
        if number % _FAILED_EVERY == 0:
            _write(f"{stem}.failed", "LRMS error: (3) Job finished with exit code 3\n")
        status = f"{control}/finished/job.{grid_id}.status"
        _write(status, "FINISHED\n")
        os.utime(status, (now - ended + number, now - ended + number))
    program(place / "bin" / "oarstat", "#!/bin/sh\necho 'OAR version : 2.5.9 (Canicule)'\n")
    conf = place / "arc.conf"
    conf.write_text(
        f"[arex]\ncontroldir={control}\nsessiondir={sessions}\n[lrms]\nlrms=OAR\n"
        f"[queue:default]\n[custom:oar]\nbin_path={place}/bin\n"
    )
    return conf


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
