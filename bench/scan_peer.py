"""ARC 6's backend for SLURM and this package's scan, alternately over equal control directories.

squeue, scontrol and oarstat are stubs that print files. Needs ARC 6's Python backends (`arc.lrms`),
which the testbed has.
"""

from __future__ import annotations

import glob
import tempfile
from pathlib import Path

from measure import Result, Run, median, program, run_measured
from scan_site import Site

# `install` replaces ARC's file and keeps the original. ARC's scan runs gm-kick once per job, also
# for jobs that have not ended.
_PLACE = "/usr/lib/python3/dist-packages/arc/lrms/slurm.py"
_KEPT = "/usr/share/arc/arc_lrms_oar/slurm.py.*"
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


def _slurm(site: Site) -> tuple[Run, int]:
    states = ["COMPLETED"] * site.ended + ["RUNNING"] * (site.jobs - site.ended)
    rows = [f"{job_id}:{state}\n" for job_id, state in zip(site.ids, states)]
    (site.place / "squeue").write_text("".join(rows))
    # Without a job's diag file, ARC's scan ends with a NameError.
    for session in site.session_dirs():
        Path(f"{session}.diag").touch()
    for name, text in (("squeue", _SQUEUE), ("scontrol", _SCONTROL)):
        words = text.format(calls=site.calls, place=site.place)
        program(site.place / "slurm" / name, words)
    (source,) = glob.glob(_KEPT) or [_PLACE]
    arguments = ["-c", _SCAN, source, str(site.conf), str(site.control)]
    site.settle()
    run = run_measured(arguments, site.environment(), site.place / "log")
    site.check(run)
    return run, len(site.calls.read_text().splitlines())
