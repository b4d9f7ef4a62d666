"""Install the package of a checkout into a testbed as an admin does: copy it, run its installer.

No file of the package is required here; what is missing is up to the tests.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from .messages import BedError, Progress, tail_of
from .namespace import Namespace

PACKAGE = "arc_lrms_oar"
DIST_PACKAGES = "/usr/lib/python3/dist-packages"


def install(inside: Namespace, checkout: Path, progress: Progress) -> None:
    source = checkout / PACKAGE
    if not any(source.glob("*.py")):
        progress(f"no package {PACKAGE} in {checkout}: nothing is installed")
        return
    replace_tree(source, inside.path(DIST_PACKAGES), PACKAGE)
    backends = ["OAR"]
    drop_in = inside.path(f"{DIST_PACKAGES}/arc/lrms/slurm.py")
    if (source / "share/slurm.py").exists() and drop_in.exists():
        backends.append("SLURMPY")
    for name in backends:
        done = inside.run(["python3", "-m", PACKAGE, "install", "--lrms", name], cwd="/")
        if done.returncode != 0:
            output = (done.stdout + done.stderr).decode(errors="replace")
            raise BedError(f"cannot install {PACKAGE} for lrms = {name}", tail_of(output))
    progress(f"installed {PACKAGE} for lrms = {' and '.join(backends)}")


def replace_tree(source: Path, folder: Path, name: str) -> None:
    """Copy under another name, then rename: A-REX may start its scan at any moment."""
    new, old = folder / f".{name}.new", folder / f".{name}.old"
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(source, new, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    if (folder / name).exists():
        (folder / name).rename(old)
    new.rename(folder / name)
    shutil.rmtree(old, ignore_errors=True)
