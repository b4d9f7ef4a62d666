"""Which package of dpkg or rpm owns a file, and how that package is installed again or removed.

Only packages of this project are reported: their files are no business of install and uninstall.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from arc_lrms_oar import process
from arc_lrms_oar.admin import arc_locations

_PREFIX = "arc-lrms-oar"
# Debian only: it diverts ARC 6's slurm.py.
SLURMPY_PACKAGE = "arc-lrms-oar-slurmpy"
_TIMEOUT = 60


class Owner(NamedTuple):
    """A package, and the command of its package manager."""

    command: str
    package: str

    @property
    def reinstall(self) -> str:
        """The command that restores the package's files."""
        if self.command == "apt-get":
            return f"apt-get install --reinstall {self.package}"
        return f"{self.command} reinstall {self.package}"


def owners(paths: Iterable[str]) -> dict[str, Owner]:
    """The owners of those paths that belong to a package of this project."""
    wanted = list(paths)
    if not wanted:
        return {}
    found = {}
    for line in _output(["dpkg-query", "-S", *wanted]):
        # One line for all packages with the path; others begin with "diversion by".
        names, _, path = line.partition(": ")
        for name in names.split(", "):
            if name.startswith(_PREFIX):
                found[path] = Owner("apt-get", name)
    for line in _output(["rpm", "-qf", "--qf", "%{NAME}\\n", *wanted]):
        if line.startswith(_PREFIX):
            # rpm prints no path.
            found.update(_rpm_owners(wanted, line))
            break
    return found


def owner(path: str) -> Owner | None:
    """The owner of one path."""
    return owners([path]).get(path)


def _rpm_owners(paths: list[str], package: str) -> dict[str, Owner]:
    listed = set(_output(["rpm", "-ql", package]))
    return {path: Owner("dnf", package) for path in paths if path in listed}


def _output(argv: list[str]) -> list[str]:
    """The lines of a package manager, which fails if only one path has no owner."""
    try:
        done = process.run(argv, _TIMEOUT, arc_locations.environment())
    except OSError:
        return []
    return done.stdout.decode("utf-8", "replace").splitlines()
