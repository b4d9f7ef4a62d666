"""The logs of a testbed by short names."""

from __future__ import annotations

from pathlib import Path

from .arcconf import CONTROLDIR
from .messages import BedError
from .namespace import Namespace

PATHS = {
    "arex": "/var/log/arc/arex.log",
    "ws": "/var/log/arc/ws-interface.log",
    "scan": "/var/log/arc/job.helper.errors",
    "infoprovider": "/var/log/arc/infoprovider.log",
    "jobs": "/var/log/arc/arex-jobs.log",
    "oar": "/var/log/oar.log",
    "sshd": "/var/log/oar-sshd.log",
    "postgres": "/var/log/postgresql/*.log",
}
# The errors file of a job, in the control directory of ARC 6 and of ARC 7.
ERRORS = (f"{CONTROLDIR}/job.*.errors", f"{CONTROLDIR}/jobs/**/errors")
NAMES = (*PATHS, "errors", "init")


def files(inside: Namespace, name: str, job: str = "") -> list[Path]:
    """Return the files of that log, newest last.

    `job`: a part of a grid job ID, to select the `errors` file of one job.
    """
    if name == "init":
        return [inside.log]
    if name not in NAMES:
        raise BedError(f"no log named {name!r}: choose one of {', '.join(NAMES)}")
    root = inside.path("/")
    patterns = ERRORS if name == "errors" else (PATHS[name],)
    found = [path for pattern in patterns for path in root.glob(pattern.lstrip("/"))]
    if job:
        found = [path for path in found if job in str(path.relative_to(root)).replace("/", "")]
    return sorted(found, key=lambda path: path.stat().st_mtime)


def newest(inside: Namespace, name: str, job: str = "") -> Path:
    """Return the newest file of that log; raises BedError if there is none."""
    found = files(inside, name, job)
    if not found:
        raise BedError(f"there is no {name} log" + (f" for job {job}" if job else "") + " yet")
    return found[-1]


def read(inside: Namespace, name: str, job: str = "") -> str:
    return newest(inside, name, job).read_text(errors="replace")


def following(inside: Namespace, name: str, job: str, lines: int) -> list[str]:
    """Return the command that prints the log while it grows, until the testbed is down.

    `lines`: print that many existing lines first; 0: all.
    """
    path = newest(inside, name, job)
    first = f"-n{lines}" if lines else "-n+1"
    return ["tail", f"--pid={inside.pid()}", "-F", first, "--", str(path)]
