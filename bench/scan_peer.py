"""ARC's own backends for SLURM and this package's scan, alternately over equal control directories.

SLURM's commands and oarstat are stubs that print files. Needs ARC 6's Python backends (`arc.lrms`)
or ARC 7's script, which the testbed has.
"""

from __future__ import annotations

import glob
import subprocess
import tempfile
from pathlib import Path

from measure import Result, Run, median, program, run_command, run_measured
from scan_site import Site

# `install` replaces ARC's file and keeps the original. ARC's scan runs gm-kick once per job, also
# for jobs that have not ended.
_PLACE = "/usr/lib/python3/dist-packages/arc/lrms/slurm.py"
_KEPT = "/usr/share/arc/arc_lrms_oar/slurm.py.*"
_SCRIPT = "/usr/share/arc/scan-SLURM-job"
_PARSER = "/usr/lib/arc/arcconfig-parser"
_SCAN = """
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
loader = SourceFileLoader("arc.lrms.slurm", sys.argv[1])
module = module_from_spec(spec_from_loader(loader.name, loader))
sys.modules[loader.name] = module
loader.exec_module(module)
module.Scan(sys.argv[2], [sys.argv[3]])
"""
_SQUEUE = """#!/bin/sh
echo squeue >>{calls}
cat {place}/squeue
"""
_SCONTROL = """#!/bin/sh
echo scontrol >>{calls}
echo "JobId=$4 JobName=bench UserId=griduser(1000) JobState=COMPLETED ExitCode=0:0\
 StartTime=2026-11-21T08:00:00 EndTime=2026-11-21T08:00:10 NumNodes=1 NumCPUs=1 Command=/job.sh"
"""

# ARC 7 asks sacct by default, first for the accounting and then for the exit code.
_SACCT = """#!/bin/sh
echo sacct >>{calls}
case "$*" in
*ExitCode*) echo 0:0 ;;
*) echo "1|2026-11-21T08:00:00|2026-11-21T08:00:10|00:00:01|00:00:00" ;;
esac
"""


def measure(jobs: int, ended: int, again: int = 3) -> list[Result]:
    """Return the medians of this package's and of ARC 6's scan, each run on a new site."""
    ours, theirs = [], []
    for _ in range(again):
        with tempfile.TemporaryDirectory(prefix="arc-oar-bench-") as folder:
            site = Site(Path(folder), jobs, ended)
            site.warm_up()
            run, own_processes = site.scan()
            ours.append(run)
        with tempfile.TemporaryDirectory(prefix="arc-oar-bench-") as folder:
            run, processes = _slurm(Site(Path(folder), jobs, ended))
            theirs.append(run)
    return [
        median("own", jobs, ended, ours, own_processes),
        median("peer", jobs, ended, theirs, processes),
    ]


def measure_script(jobs: int, ended: int, again: int = 3) -> list[Result]:
    """Return the medians of this package's scan and of ARC 7's script, each run on a new site."""
    ours, theirs = [], []
    for _ in range(again):
        with tempfile.TemporaryDirectory(prefix="arc-oar-bench-") as folder:
            site = Site(Path(folder), jobs, ended, layout=7)
            site.warm_up()
            run, own_processes = site.scan()
            ours.append(run)
        with tempfile.TemporaryDirectory(prefix="arc-oar-bench-") as folder:
            run, processes = _script(Site(Path(folder), jobs, ended, layout=7))
            theirs.append(run)
    return [
        median("own", jobs, ended, ours, own_processes),
        median("script", jobs, ended, theirs, processes),
    ]


def _script(site: Site) -> tuple[Run, int]:
    _slurm_commands(site)
    # By default, the script waits before it does anything.
    words = site.conf.read_text().replace("lrms=OAR", "lrms=slurm\nslurm_wakeupperiod=0")
    site.conf.write_text(words)
    run_conf = str(site.place / "run.conf")
    parse = ["--config", str(site.conf), "--runconfig", run_conf, "--save"]
    subprocess.run([_PARSER, *parse], check=True)
    # The script takes ARC's other files from below this directory.
    environment = {**site.environment(), "ARC_LOCATION": "/usr", "TMPDIR": str(site.place)}
    site.settle()
    run = run_command(
        [_SCRIPT, "--config", run_conf, str(site.control)], environment, site.place / "log"
    )
    site.check(run)
    return run, len(site.calls.read_text().splitlines())


def _slurm(site: Site) -> tuple[Run, int]:
    _slurm_commands(site)
    # Without a job's diag file, ARC's scan ends with a NameError.
    for session in site.session_dirs():
        Path(f"{session}.diag").touch()
    (source,) = glob.glob(_KEPT) or [_PLACE]
    arguments = ["-c", _SCAN, source, str(site.conf), str(site.control)]
    site.settle()
    run = run_measured(arguments, site.environment(), site.place / "log")
    site.check(run)
    return run, len(site.calls.read_text().splitlines())


def _slurm_commands(site: Site) -> None:
    """Make SLURM's commands; squeue prints the states of the site's jobs."""
    states = ["COMPLETED"] * site.ended + ["RUNNING"] * (site.jobs - site.ended)
    rows = [f"{job_id}:{state}\n" for job_id, state in zip(site.ids, states)]
    (site.place / "squeue").write_text("".join(rows))
    for name, text in (("squeue", _SQUEUE), ("scontrol", _SCONTROL), ("sacct", _SACCT)):
        words = text.format(calls=site.calls, place=site.place)
        program(site.place / "slurm" / name, words)
