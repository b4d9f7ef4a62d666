"""Where ARC is on this machine and which Python its scripts run, as ARC's own tools tell it.

Must not guess a path and must not change anything. ARC's build writes its places into the Python
module `arc.paths` (ARC 6.10 to 7.0 `src/utils/python/arc/paths.py`), which arcctl itself goes by;
$ARC_LOCATION moves them all, as it does for A-REX (`src/services/a-rex/arc-arex-start.in`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from arc_lrms_oar.errors import SiteError

# What systemd gives to A-REX; an admin's own PATH may lead to another Python.
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DEFAULTS = (
    *("/etc/sysconfig/nordugrid", "/etc/default/nordugrid"),
    *("/etc/sysconfig/arc-arex", "/etc/default/arc-arex"),
)
PACKAGE_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# A-REX's information provider: where it is, A-REX looks for its scripts.
_WITNESS = "CEinfo.pl"
_AREX_PACKAGE = "nordugrid-arc-arex"
_TIMEOUT = 60
_ASK_ARC = """
import importlib.util, json, arc.paths as told
try:
    spec = importlib.util.find_spec("arc.lrms")
except ImportError:
    spec = None
print(json.dumps({
    "version": told.ARC_VERSION,
    "location": told.ARC_LOCATION,
    "data_dir": told.ARC_DATA_DIR,
    "tools_dir": told.ARC_LIBEXEC_DIR,
    "lrms_dir": list(spec.submodule_search_locations)[0] if spec else "",
}))
"""
_ASK_PACKAGE = """
import arc_lrms_oar
print(arc_lrms_oar.__file__)
"""


class Arc(NamedTuple):
    """An ARC CE: its directories, and who told them.

    `data_dir` is where A-REX looks for its scripts, `tools_dir` where its own tools are, `lrms_dir`
    is the Python package `arc.lrms`. What is not known is empty; ARC 7 has no `lrms_dir`.
    """

    version: str
    data_dir: str
    tools_dir: str
    lrms_dir: str
    told_by: str


def find_arc(data_dir: str | None = None) -> Arc:
    """The ARC of this machine, or the one whose data directory is `data_dir`.

    Raises SiteError where there is none.
    """
    found = _from_arc() or _from_packages()
    if data_dir is not None:
        known = found or Arc("", "", "", "", "")
        found = known._replace(data_dir=os.path.abspath(data_dir), told_by="--arc-datadir")
    if found is None:
        raise SiteError(
            "no ARC CE was found: neither the Python module arc.paths nor a package "
            f"{_AREX_PACKAGE} tells where it is; name its data directory with --arc-datadir"
        )
    if not os.path.isfile(os.path.join(found.data_dir, _WITNESS)):
        raise SiteError(
            f"{found.data_dir} (told by {found.told_by}) is not the data directory of an A-REX, "
            f"since it has no {_WITNESS}: install {_AREX_PACKAGE}, or name the right one with "
            "--arc-datadir"
        )
    return found


def _from_arc() -> Arc | None:
    said = run([system_python(), "-c", _ASK_ARC])
    try:
        told = json.loads(said.splitlines()[-1])
    except (ValueError, IndexError):
        return None
    location = _moved_to() or told["location"]
    places = {
        name: re.sub(f"^{re.escape(told['location'])}(?=/)", location, told[name])
        for name in ("data_dir", "tools_dir")
    }
    who = "arc.paths" if location == told["location"] else f"arc.paths and ARC_LOCATION={location}"
    return Arc(told["version"], lrms_dir=told["lrms_dir"], told_by=who, **places)


def _moved_to() -> str:
    """ARC_LOCATION, from the environment or the files that A-REX's start script reads; or ""."""
    location = os.environ.get("ARC_LOCATION", "")
    for path in DEFAULTS if not location else ():
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                lines = file.read()
        except OSError:
            continue
        for match in re.finditer(r"^\s*(?:export\s+)?ARC_LOCATION=[\"']?([^\"'\s]+)", lines, re.M):
            location = match[1]
    return location.rstrip("/")


def _from_packages() -> Arc | None:
    for ask in (["dpkg", "-L", _AREX_PACKAGE], ["rpm", "-ql", _AREX_PACKAGE]):
        for line in run(ask).splitlines():
            if os.path.basename(line) == _WITNESS:
                return Arc("", os.path.dirname(line), "", "", " ".join(ask))
    return None


def system_python() -> str:
    """The Python that A-REX's scripts run; raises SiteError where there is none."""
    python = shutil.which("python3", path=SYSTEM_PATH)
    if python is None:
        raise SiteError("there is no python3 in the system's PATH: install it")
    return python


def package_seen_by_scripts() -> str:
    """The folder of this package as A-REX's scripts import it; "" where they cannot."""
    said = run([system_python(), "-c", _ASK_PACKAGE]).strip()
    return os.path.dirname(os.path.realpath(said)) if said else ""


def environment() -> dict[str, str]:
    """What ARC's tools are run with here: nothing of the admin's own shell."""
    return {"PATH": SYSTEM_PATH, "HOME": "/", "LC_ALL": "C.UTF-8"}


def run(argv: Sequence[str]) -> str:
    """What a tool prints on stdout, run as A-REX would; "" where it fails."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
            cwd="/",
            timeout=_TIMEOUT,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace")
