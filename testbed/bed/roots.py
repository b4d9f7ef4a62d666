"""The cached roots on the host: find the one of a recipe, have `build` make it, delete them."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from . import build, host
from .layout import TESTBED, cache_dir, locked
from .messages import Progress
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


def ensure_root(suite: Suite, progress: Progress) -> Path:
    """Return the finished root of this recipe; build it if it does not exist."""
    root = root_dir(suite)
    if root.is_dir():
        return root
    with locked(cache_dir() / f".{suite.name}.lock", "building a root"):
        if not root.is_dir():
            for stale in cache_dir().glob(f".{suite.name}-*.building"):
                remove_tree(stale)
            # A root is complete only under its final name.
            aside = cache_dir() / f".{root.name}.building"
            (aside / "root").mkdir(parents=True)
            host.ensure_tools(progress)
            build.build(suite, aside, progress)
            (aside / "root").rename(root)
            remove_tree(aside)
    return root


def purge(suite: Suite, progress: Progress) -> None:
    """Delete all roots of this suite, except those that another testbed is using."""
    with locked(cache_dir() / f".{suite.name}.lock", "building a root"):
        for path in [*cache_dir().glob(f"{suite.name}-*"), *cache_dir().glob(f".{suite.name}-*")]:
            if in_use(path):
                progress(f"kept {path}: another testbed is using it")
            else:
                remove_tree(path)


def in_use(root: Path) -> bool:
    """Return whether a process in any mount namespace uses the root below its overlay."""
    for mounts in Path("/proc").glob("[0-9]*/mounts"):
        try:
            if f"lowerdir={root}," in mounts.read_text(errors="replace"):
                return True
        except OSError:
            continue
    return False


def remove_tree(path: Path) -> None:
    """Delete a root without crossing mounts."""
    subprocess.run(["rm", "-rf", "--one-file-system", str(path)], check=False)
