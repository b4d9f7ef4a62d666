"""Puts the checkout's package into a bed, the way an admin's copy into the system would.

Must not demand any file of the package: tests say what is missing, the testbed only copies.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from .namespace import Namespace
from .report import Say, tail_of

PACKAGE = "arc_lrms_oar"
DIST_PACKAGES = "/usr/lib/python3/dist-packages"
ARC_DATA = "/usr/share/arc"
SCRIPTS = "*-[Oo][Aa][Rr]-job"


def install(inside: Namespace, checkout: Path, say: Say) -> None:
    source = checkout / PACKAGE
    if not any(source.glob("*.py")):
        say(f"no package {PACKAGE} in {checkout}: the bed runs without it")
        return
    replace_tree(source, inside.path(DIST_PACKAGES), PACKAGE)
    # The job's owner could not write them, so every submission would compile anew.
    done = inside.run(["python3", "-m", "compileall", "-q", f"{DIST_PACKAGES}/{PACKAGE}"])
    if done.returncode != 0:
        say(f"{PACKAGE} does not compile everywhere:\n{tail_of(done.stdout.decode())}")

    data = inside.path(ARC_DATA)
    shared = sorted([*source.glob(f"share/{SCRIPTS}"), *source.glob("share/*.pm")])
    for path in shared:
        replace_file(path, data, 0o644 if path.suffix == ".pm" else 0o755)
    names = [path.name for path in shared]
    for old in [*data.glob(SCRIPTS), *data.glob("OAR*.pm")]:
        if old.name not in names:
            old.unlink()
    say(f"installed {PACKAGE}; in {ARC_DATA}: {', '.join(names) or 'nothing'}")


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


def replace_file(source: Path, folder: Path, mode: int) -> None:
    aside = folder / f".{source.name}.new"
    shutil.copyfile(source, aside)
    aside.chmod(mode)
    aside.replace(folder / source.name)
