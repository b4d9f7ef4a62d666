"""Requirements of the testbed on this machine, and the two packages that may be installed on it.

The configuration of the host is not changed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

from . import mirror
from .layout import cache_dir, locked
from .messages import BedError, Progress, tail_of
from .namespace import PATH_INSIDE

UTIL_LINUX = ("mount", "nsenter", "pivot_root", "prlimit", "setpriv", "setsid", "unshare")
TOOLS = {"debootstrap": "debootstrap", "ip": "iproute2"}


def reason_unavailable(have_root: bool) -> str | None:
    """Return why no testbed can run here, in one line; None if it can.

    `have_root`: a finished root exists, so that nothing needs to be built.
    """
    if not sys.platform.startswith("linux"):
        return "the testbed needs Linux"
    if os.geteuid() != 0:
        return "the testbed needs root (namespaces, mounts, debootstrap)"
    missing = [tool for tool in UTIL_LINUX if not has_tool(tool)]
    if missing:
        return f"the testbed needs util-linux: no {', '.join(missing)} here"
    unshare = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--net", "--fork"]
    probe = [*unshare, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    done = subprocess.run(probe, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return f"this machine does not permit namespaces: {tail_of(done.stderr, 1)}"
    if have_root:
        return None
    if not has_tool("debootstrap") and not has_tool("apt-get"):
        return "the testbed needs debootstrap, or apt-get to install it"
    try:
        mirror.debian_mirror()
    except BedError as error:
        return str(error)
    return None


def has_tool(name: str) -> bool:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{PATH_INSIDE}") is not None


def ensure_tools(progress: Progress) -> None:
    """Install missing tools on this host, under a lock, since apt fails if another apt runs."""
    with locked(cache_dir() / ".host.lock", "installing tools on this host"):
        missing = sorted({package for tool, package in TOOLS.items() if not has_tool(tool)})
        if missing:
            _install(missing, progress)


def ensure_packages(packages: Sequence[str], progress: Progress) -> None:
    """Install Debian packages that this host does not have."""
    with locked(cache_dir() / ".host.lock", "installing tools on this host"):
        query = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n", *packages]
        done = subprocess.run(query, capture_output=True, text=True, check=False)
        have = {line.split()[0] for line in done.stdout.splitlines() if line.endswith(" installed")}
        missing = [name for name in packages if name not in have]
        if missing:
            _install(missing, progress)


def _install(missing: Sequence[str], progress: Progress) -> None:
    progress(f"installing {' '.join(missing)} on this host")
    install = ["apt-get", "-qy", "--no-install-recommends", "install", *missing]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    # The package lists may be missing or outdated: update them if the installation fails.
    for command in (install, ["apt-get", "-q", "update"], install):
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
        if command is install and done.returncode == 0:
            return
    raise BedError(f"cannot install {' '.join(missing)}", tail_of(done.stdout + done.stderr))
