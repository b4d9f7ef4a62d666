"""Print what A-REX and the programs have recorded, as JSON. Runs inside a bed as root.

Arguments: control directory, session directory, directory of the programs' notes.
"""

from __future__ import annotations

import glob
import json
import os
import re
import sqlite3
import sys
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

_STATES = ("accepting", "processing", "restarting", "finished")
_IN_USE = 10.0
_RECORDS = """SELECT RecordID, JobID, Status.Name, ExitCode, UsedWalltime, NodeCount, CPUCount,
    EndTime FROM AAR LEFT JOIN Status ON Status.ID = StatusID"""
_EVENTS = "SELECT RecordID, EventKey, EventTime FROM JobEvents WHERE EventKey LIKE 'LRMS%'"


def main(control: str, sessions: str, notes: str) -> None:
    jobs = {}
    for name, (state, changed_at) in states(control).items():
        local = dict(line.partition("=")[::2] for line in read(control, name, "local").splitlines())
        session = os.path.join(sessions, name)
        jobs[name] = {
            "state": state,
            "failure": read(control, name, "failed").strip(),
            "failed": control_file(control, name, "failed").exists(),
            "name": local.get("jobname", ""),
            "local_id": local.get("localid", ""),
            "left": leftovers(session),
            "begun": changed(control, name, "description"),
            "ended": changed_at,
        }
    found = {
        "jobs": jobs,
        "accounts": accounts(control),
        "notes": {path.name: path.read_text().splitlines() for path in Path(notes).iterdir()},
        "left": temporary(control) + temporary(sessions),
        "scripts": scripts(),
    }
    print(json.dumps(found))


def states(control: str) -> dict[str, tuple[str, float]]:
    """Return A-REX's state of each job, and since when it is in it."""
    found = {}
    for folder in _STATES:
        for path in Path(control, folder).glob("*.status"):
            named = re.fullmatch(r"(?:job\.)?(\w+)\.status", path.name)
            if named:
                try:
                    found[named[1]] = path.read_text().strip(), path.stat().st_mtime
                except FileNotFoundError:
                    continue
    return found


def control_file(control: str, name: str, kind: str) -> Path:
    """Return the path of a control file of ARC 6 or 7."""
    six = Path(control, f"job.{name}.{kind}")
    seven = Path(control, "jobs", name[:3], name[3:6], name[6:9], name[9:], kind)
    return six if six.exists() else seven


def read(control: str, name: str, kind: str) -> str:
    """Return the text of a control file, "" if there is none."""
    path = control_file(control, name, kind)
    return path.read_text(errors="replace") if path.exists() else ""


def changed(control: str, name: str, kind: str) -> float:
    """Return the time of the last change of a control file, 0 if there is none."""
    path = control_file(control, name, kind)
    return path.stat().st_mtime if path.exists() else 0.0


def leftovers(session: str) -> list[str]:
    """Return what is left in a job's private directory."""
    private = os.path.join(session, ".arc_oar")
    return sorted(os.listdir(private)) or ["."] if os.path.isdir(private) else []


def temporary(folder: str) -> list[str]:
    """Return the unfinished files that scan or submission has not renamed.

    One that was changed within a few seconds may be in use.
    """
    found = [
        os.path.join(place, name)
        for place, _, names in os.walk(folder)
        for name in names
        if name.startswith(".") and name.endswith(".arc_oar")
    ]
    return [path for path in found if time.time() - os.stat(path).st_mtime > _IN_USE]


def accounts(control: str) -> dict[str, Any]:
    """Return A-REX's completed accounting records by grid job ID; times in seconds since 1970."""
    found: dict[str, Any] = {}
    for path in glob.glob(f"{control}/accounting/accounting*.db"):
        database = sqlite3.connect(path)
        by_record = {}
        for record, name, status, code, wall, nodes, cpus, end in database.execute(_RECORDS):
            by_record[record] = found[name] = {
                "status": status,
                "exit_code": code,
                "wall": wall,
                "nodes": nodes,
                "cpus": cpus,
                "complete": end > 0,
            }
        for record, key, when in database.execute(_EVENTS):
            moment = datetime.strptime(when, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
            by_record[record][key.lower()] = int(moment.timestamp())
    return found


def scripts() -> list[str]:
    """Return the command lines of the submissions and cancellations that still run."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = Path(path).read_bytes().decode(errors="replace").rstrip("\0").split("\0")
        except OSError:
            continue
        names = {os.path.basename(word) for word in words[:4]}
        if names & {"submit-OAR-job", "cancel-OAR-job", "oarsub", "oardel"}:
            found.append(" ".join(words))
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
