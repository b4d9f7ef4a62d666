"""Puts the checkout's package into a bed, the way an admin does: a copy, and its own installer.

Must not demand any file of the package: tests say what is missing, the testbed only copies.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from .namespace import Namespace
from .report import BedError, Say, tail_of

PACKAGE = "arc_lrms_oar"
DIST_PACKAGES = "/usr/lib/python3/dist-packages"


def install(inside: Namespace, checkout: Path, say: Say) -> None:
    source = checkout / PACKAGE
    if not any(source.glob("*.py")):
        say(f"no package {PACKAGE} in {checkout}: the bed runs without it")
        return
    replace_tree(source, inside.path(DIST_PACKAGES), PACKAGE)
    ways = ["OAR"]
    drop_in = inside.path(f"{DIST_PACKAGES}/arc/lrms/slurm.py")
    if (source / "share/slurm.py").exists() and drop_in.exists():
        ways.append("SLURMPY")
    for way in ways:
        done = inside.run(["python3", "-m", PACKAGE, "install", "--lrms", way], cwd="/")
        if done.returncode != 0:
            said = (done.stdout + done.stderr).decode(errors="replace")
            raise BedError(f"{PACKAGE} cannot be installed for lrms = {way}", tail_of(said))
    say(f"installed {PACKAGE} for lrms = {' and '.join(ways)}")


def replace_tree(source: Path, folder: Path, name: str) -> None:
    """Copy aside, then rename: A-REX may be starting its scan at any moment."""
    new, old = folder / f".{name}.new", folder / f".{name}.old"
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(source, new, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    if (folder / name).exists():
        (folder / name).rename(old)
    new.rename(folder / name)
    shutil.rmtree(old, ignore_errors=True)
