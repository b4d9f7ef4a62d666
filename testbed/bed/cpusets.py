"""OAR with cpusets: cgroup v1 subtrees on the host for a testbed, and OAR's configuration for them.

OAR's job resource manager for cgroup v1 (job_resource_manager_cgroups.pl of 2.5.9) is used as
shipped. The testbed gets a subtree of its own in each hierarchy; it is the root of the testbed's
cgroup namespace, so that a job is in /oar/USER_JOBID as on a real site.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

from .messages import BedError
from .namespace import Namespace
from .suites import Suite

ENABLE_ENV = "ARC_OAR_TESTBED_CPUSETS"
CONTROLLERS = ("cpuset", "cpu", "cpuacct", "memory", "devices", "freezer")
# The property `cpuset` of the testbed's OAR resources (see configure.sh).
CPUS = {0, 1}
REMOVE_TIMEOUT = 30.0

_OAR_CONF = "/etc/oar/oar.conf"
_MANAGER = "/etc/oar/job_resource_manager_cgroups.pl"
_PROPERTY = re.compile(r"^#\s*(JOB_RESOURCE_MANAGER_PROPERTY_DB_FIELD=)", re.MULTILINE)


def wanted() -> bool:
    """Return whether the environment asks for cpusets."""
    return os.environ.get(ENABLE_ENV, "") not in ("", "0")


def reason_unavailable(suite: Suite, mountinfo: str | None = None) -> str | None:
    """Return why there can be no cpusets here, in one line; None if there can."""
    if not suite.cpusets:
        return f"the resource manager of OAR {suite.oar} needs systemd"
    text = Path("/proc/self/mountinfo").read_text() if mountinfo is None else mountinfo
    found = hierarchies(text)
    missing = [name for name in CONTROLLERS if not any(name in key.split(",") for key in found)]
    if missing:
        return f"this machine has no cgroup v1 hierarchy for {', '.join(missing)}"
    denied = [str(path) for path in found.values() if not os.access(path, os.W_OK)]
    if denied:
        return f"{', '.join(denied)} is not writable"
    cpuset = next(path for key, path in found.items() if "cpuset" in key.split(","))
    cpus = (cpuset / "cpuset.cpus").read_text()
    if not cpu_list(cpus) >= CPUS:
        return f"the CPUs 0 and 1 are needed and {cpuset}/cpuset.cpus has {cpus.strip() or 'none'}"
    return None


def hierarchies(mountinfo: str) -> dict[str, Path]:
    """Return the mount points of cgroup v1 by their controllers, such as "cpu,cpuacct"."""
    found: dict[str, Path] = {}
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = after.split()
        if len(fields) < 3 or fields[0] != "cgroup":
            continue
        names = [name for name in fields[2].split(",") if name in CONTROLLERS]
        if names:
            found.setdefault(",".join(names), Path(before.split()[4]))
    return found


def cpu_list(text: str) -> set[int]:
    """Return the numbers of a list such as 0-3,8."""
    found: set[int] = set()
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        if first:
            found.update(range(int(first), int(last or first) + 1))
    return found


def subtrees_of(name: str) -> dict[str, str]:
    """Return the paths of the subtrees of a testbed by controllers."""
    found = hierarchies(Path("/proc/self/mountinfo").read_text())
    return {controllers: str(path / name) for controllers, path in found.items()}


def create(subtrees: dict[str, str]) -> None:
    """Create the subtrees. Their memory is limited to half of the machine's."""
    for controllers, path in subtrees.items():
        subtree = Path(path)
        subtree.mkdir(exist_ok=True)
        if "cpuset" in controllers.split(","):
            for file in ("cpuset.cpus", "cpuset.mems"):
                (subtree / file).write_text((subtree.parent / file).read_text())
        if "memory" in controllers.split(","):
            half = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
            (subtree / "memory.limit_in_bytes").write_text(str(half))


def thaw(subtrees: dict[str, str]) -> None:
    """Thaw suspended jobs: frozen processes would not end by SIGKILL."""
    for path in subtrees.values():
        for state in [Path(path, "freezer.state"), *Path(path).rglob("freezer.state")]:
            # The root of a hierarchy has no such file, and a cgroup may be removed meanwhile.
            if state.exists():
                state.write_text("THAWED")


def remove(subtrees: dict[str, str], timeout: float = REMOVE_TIMEOUT) -> None:
    """Remove the subtrees, deepest directories first. Their processes must have ended."""
    for path in subtrees.values():
        for directory in _deepest_first(Path(path)):
            _remove(directory, timeout)


def _deepest_first(top: Path) -> Iterator[Path]:
    for directory, _subdirectories, _files in os.walk(top, topdown=False):
        yield Path(directory)


def _remove(directory: Path, timeout: float) -> None:
    """Remove a cgroup; the kernel may report it as busy for a moment after its last process."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            directory.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise BedError(f"cannot remove {directory}: {error.strerror}") from None
        time.sleep(0.1)


def configure(inside: Namespace) -> None:
    """Configure OAR in a testbed that is starting, before OAR itself is started."""
    conf = inside.path(_OAR_CONF)
    text, changes = _PROPERTY.subn(r"\1", conf.read_text())
    if changes != 1:
        raise BedError(
            f"{_OAR_CONF} has {changes} lines for JOB_RESOURCE_MANAGER_PROPERTY_DB_FIELD"
        )
    conf.write_text(text)
    # The node is the front end here: OAR would delete users' proxies with the rest of /tmp.
    manager = inside.path(_MANAGER)
    text = manager.read_text()
    if "('/tmp/.'," not in text:
        raise BedError(f"{_MANAGER} has no '/tmp/.' in @Tmp_dir_to_clear")
    manager.write_text(text.replace("('/tmp/.',", "("))
