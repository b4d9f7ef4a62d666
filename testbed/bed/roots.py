"""The cached roots on the host: which one belongs to a recipe, whether it is there, deleting them.

Must not know how a root is built.
"""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from . import build, host
from .layout import TESTBED, cache_dir, locked
from .report import Say
from .suites import GRIDUSER, HOST, OTHERUSER, Suite


def recipe_hash(suite: Suite) -> str:
    values = (suite.name, suite.postgres, suite.packages, HOST, GRIDUSER, OTHERUSER)
    digest = hashlib.sha256(repr(values).encode())
    files = sorted(path for path in build.FILES.rglob("*") if path.is_file())
    for path in [*files, build.CONFIGURE, Path(build.__file__)]:
        digest.update(f"{path.relative_to(TESTBED)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def root_dir(suite: Suite) -> Path:
    return cache_dir() / f"{suite.name}-{recipe_hash(suite)}"


def ensure_root(suite: Suite, say: Say) -> Path:
    """The finished root of this recipe; built now if it is not there."""
    root = root_dir(suite)
    if root.is_dir():
        return root
    with locked(cache_dir() / f".{suite.name}.lock", "building a root"):
        if not root.is_dir():
            for stale in cache_dir().glob(f".{suite.name}-*.building"):
                remove_tree(stale)
            # Only under its final name does a root count as complete.
            aside = cache_dir() / f".{root.name}.building"
            (aside / "root").mkdir(parents=True)
            host.ensure_tools(say)
            build.build(suite, aside, say)
            (aside / "root").rename(root)
            remove_tree(aside)
    return root


def purge(suite: Suite, say: Say) -> None:
    """Delete the roots of this suite, of any recipe, but for those that another bed runs from."""
    with locked(cache_dir() / f".{suite.name}.lock", "building a root"):
        for path in [*cache_dir().glob(f"{suite.name}-*"), *cache_dir().glob(f".{suite.name}-*")]:
            if in_use(path):
                say(f"kept {path}: another bed runs from it")
            else:
                remove_tree(path)


def in_use(root: Path) -> bool:
    """Whether a process in any mount namespace of this host has the root under its overlay."""
    for mounts in Path("/proc").glob("[0-9]*/mounts"):
        try:
            if f"lowerdir={root}," in mounts.read_text(errors="replace"):
                return True
        except OSError:
            continue
    return False


def remove_tree(path: Path) -> None:
    """Delete a root: never across a mount, should a foreign one stand in it."""
    subprocess.run(["rm", "-rf", "--one-file-system", str(path)], check=False)
