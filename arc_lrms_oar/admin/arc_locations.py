"""Where ARC is installed on this machine, and which Python its scripts run.

Paths are asked for, never guessed, and nothing is changed. ARC's build writes its directories into
the Python module `arc.paths` (ARC 6.10 to 7.0 `src/utils/python/arc/paths.py`), which arcctl uses;
ARC_LOCATION relocates them, as it does for A-REX (`src/services/a-rex/arc-arex-start.in`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Sequence
from typing import NamedTuple

from arc_lrms_oar import process
from arc_lrms_oar.errors import SiteError

# The PATH that systemd gives to A-REX; an admin's own PATH may find another Python.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULTS_FILES = (
    *("/etc/sysconfig/nordugrid", "/etc/default/nordugrid"),
    *("/etc/sysconfig/arc-arex", "/etc/default/arc-arex"),
)
# Both read arc.conf only when they start: A-REX, and the web service that accepts jobs.
START = "systemctl start arc-arex arc-arex-ws"
RESTART = "systemctl restart arc-arex arc-arex-ws"
PACKAGE_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# A-REX's information provider is in the directory in which A-REX looks for its scripts.
_PROVIDER = "CEinfo.pl"
_AREX_PACKAGE = "nordugrid-arc-arex"
_TIMEOUT = 60
# The scripts that A-REX starts do not import from the current directory, as `python3 -c` does.
_NOT_FROM_HERE = "import sys\nsys.path[:] = filter(None, sys.path)\n"
_PRINT_ARC_PATHS = (
    _NOT_FROM_HERE
    + """
import importlib.util, json, arc.paths as paths
try:
    spec = importlib.util.find_spec("arc.lrms")
except ImportError:
    spec = None
print(json.dumps({
    "version": paths.ARC_VERSION,
    "location": paths.ARC_LOCATION,
    "data_dir": paths.ARC_DATA_DIR,
    "tools_dir": paths.ARC_LIBEXEC_DIR,
    "lrms_dir": list(spec.submodule_search_locations)[0] if spec else "",
}))
"""
)
_PRINT_PACKAGE_PATH = (
    _NOT_FROM_HERE
    + """
import arc_lrms_oar
print(arc_lrms_oar.__file__)
"""
)


class Arc(NamedTuple):
    """An installed ARC CE: its directories, and the source of these paths.

    `data_dir` has A-REX's scripts, `tools_dir` its tools, and `lrms_dir` is the Python package
    `arc.lrms`. Unknown values are ""; ARC 7 has no `lrms_dir`.
    """

    version: str
    data_dir: str
    tools_dir: str
    lrms_dir: str
    source: str


def find_arc(data_dir: str | None = None) -> Arc:
    """Find the ARC of this machine, or the one with the data directory `data_dir`.

    Raises:
        SiteError: there is none.
    """
    found = _from_arc_paths() or _from_packages()
    if data_dir is not None:
        known = found or Arc("", "", "", "", "")
        found = known._replace(data_dir=os.path.abspath(data_dir), source="--arc-datadir")
    if found is None:
        raise SiteError(
            "no ARC CE was found: there is neither the Python module arc.paths nor a package "
            f"{_AREX_PACKAGE}; give its data directory with --arc-datadir"
        )
    if not os.path.isfile(os.path.join(found.data_dir, _PROVIDER)):
        raise SiteError(
            f"{found.data_dir} (from {found.source}) is not A-REX's data directory: it has no "
            f"{_PROVIDER}; install {_AREX_PACKAGE}, or give the right one with --arc-datadir"
        )
    return found


def _from_arc_paths() -> Arc | None:
    output = run([system_python(), "-c", _PRINT_ARC_PATHS])
    try:
        paths = json.loads(output.splitlines()[-1])
    except (ValueError, IndexError):
        return None
    location = _arc_location() or paths["location"]
    moved = {
        name: re.sub(f"^{re.escape(paths['location'])}(?=/)", location, paths[name])
        for name in ("data_dir", "tools_dir")
    }
    source = "arc.paths"
    if location != paths["location"]:
        source += f" and ARC_LOCATION={location}"
    return Arc(paths["version"], lrms_dir=paths["lrms_dir"], source=source, **moved)


def _arc_location() -> str:
    """ARC_LOCATION from the environment or the files that A-REX's start script reads, or ""."""
    location = os.environ.get("ARC_LOCATION", "")
    for path in DEFAULTS_FILES if not location else ():
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = file.read()
        except OSError:
            continue
        for match in re.finditer(r"^\s*(?:export\s+)?ARC_LOCATION=[\"']?([^\"'\s]+)", lines, re.M):
            location = match[1]
    return location.rstrip("/")


def _from_packages() -> Arc | None:
    for argv in (["dpkg", "-L", _AREX_PACKAGE], ["rpm", "-ql", _AREX_PACKAGE]):
        for line in run(argv).splitlines():
            if os.path.basename(line) == _PROVIDER:
                return Arc("", os.path.dirname(line), "", "", " ".join(argv))
    return None


def system_python() -> str:
    """The Python that A-REX's scripts run; raises SiteError if there is none."""
    python = shutil.which("python3", path=SYSTEM_PATH)
    if python is None:
        raise SiteError(f"no python3 in {SYSTEM_PATH}: install it")
    return python


def package_seen_by_scripts() -> str:
    """The directory from which A-REX's scripts import this package, or "" if they cannot."""
    path = run([system_python(), "-c", _PRINT_PACKAGE_PATH]).strip()
    return os.path.dirname(os.path.realpath(path)) if path else ""


def environment() -> dict[str, str]:
    """The environment for ARC's tools: nothing from the admin's shell."""
    return {"PATH": SYSTEM_PATH, "HOME": "/", "LC_ALL": "C.UTF-8"}


def run(argv: Sequence[str]) -> str:
    """Run a tool in A-REX's environment and return its stdout, or "" if it fails."""
    try:
        done = process.run(argv, _TIMEOUT, environment())
    except OSError:
        return ""
    return done.stdout.decode("utf-8", "replace") if done.status == 0 else ""
