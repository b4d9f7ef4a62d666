"""Install the package of a checkout into a testbed as an admin does.

Either it is copied and its installer is run, or Debian's packages are built and installed. No file
of the package is required here; what is missing is up to the tests.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from . import host
from .messages import BedError, Progress, tail_of
from .namespace import Namespace
from .suites import KINDS

PACKAGE = "arc_lrms_oar"
DIST_PACKAGES = "/usr/lib/python3/dist-packages"
KIND_ENV = "ARC_OAR_TESTBED_PACKAGE"
APT_TIMEOUT = 600
# Directory inside with the built packages, by version.
BUILT = "/var/cache/arc-lrms-oar"
APT_SOURCE = "/etc/apt/sources.list.d/arc-lrms-oar.list"
# Makes a directory of built packages one that apt installs from, without a network.
REPOSITORY = """
cd "$1"
for deb in *.deb; do
    dpkg-deb --field "$deb"
    printf 'Filename: ./%s\\nSize: %s\\n' "$deb" "$(stat -c %s "$deb")"
    printf 'SHA256: %s\\n\\n' "$(sha256sum <"$deb" | cut -d' ' -f1)"
done >Packages
echo "deb [trusted=yes] file:$1 ./" >"$2"
mkdir -p /var/lib/apt/lists/partial
"""


def kind_named(kind: str | None) -> str:
    """Return `kind`, or else the one that the environment asks for; raises BedError."""
    found = kind or os.environ.get(KIND_ENV) or KINDS[0]
    if found not in KINDS:
        raise BedError(f"{KIND_ENV}={found}: choose one of {', '.join(KINDS)}")
    return found


def install(inside: Namespace, checkout: Path, kind: str, progress: Progress) -> None:
    """Install the package as `kind` says."""
    if kind == "copy":
        _install_copy(inside, checkout, progress)
    elif kind == "deb":
        _install_deb(inside, checkout, progress)


def build_deb(
    inside: Namespace, checkout: Path, progress: Progress, version: str = ""
) -> list[str]:
    """Build Debian's packages; returns their paths inside the testbed."""
    build = [sys.executable, str(checkout / "packaging/build"), "deb"]
    host.ensure_packages(_run([*build, "--tools"]).split(), progress)
    folder = f"{BUILT}/{version or 'own'}"
    output = inside.path(folder)
    shutil.rmtree(output, ignore_errors=True)
    _run([*build, "--output", str(output), *(["--version", version] if version else [])])
    return sorted(f"{folder}/{path.name}" for path in output.glob("*.deb"))


def _run(build: Sequence[str]) -> str:
    """Run packaging/build; returns what it prints, raises BedError."""
    done = subprocess.run(build, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BedError("cannot build the package", tail_of(done.stdout + done.stderr))
    return done.stdout


def _install_deb(inside: Namespace, checkout: Path, progress: Progress) -> None:
    build_deb(inside, checkout, progress)
    serve_debs(inside)
    wanted = ["arc-lrms-oar"]
    if inside.path(f"{DIST_PACKAGES}/arc/lrms/slurm.py").exists():
        wanted.append("arc-lrms-oar-slurmpy")
    apt_get(inside, "install", "--reinstall", *wanted)
    progress(f"installed {' and '.join(wanted)}")


def serve_debs(inside: Namespace, version: str = "") -> None:
    """Let apt install the packages that build_deb() has built for `version`."""
    folder = f"{BUILT}/{version or 'own'}"
    _install(inside, ["sh", "-euc", REPOSITORY, "sh", folder, APT_SOURCE])
    apt_get(inside, "update")


def apt_get(inside: Namespace, *words: str) -> str:
    """Run apt-get without questions; returns what it prints, raises BedError."""
    return _install(inside, ["apt-get", "-y", "--no-install-recommends", *words])


def _install(inside: Namespace, argv: list[str]) -> str:
    environment = {"DEBIAN_FRONTEND": "noninteractive"}
    failure = "cannot install the Debian package"
    return inside.run_checked(argv, failure, env=environment, cwd="/", timeout=APT_TIMEOUT)


def _install_copy(inside: Namespace, checkout: Path, progress: Progress) -> None:
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
        install = ["python3", "-m", PACKAGE, "install", "--lrms", name]
        inside.run_checked(install, f"cannot install {PACKAGE} for lrms = {name}", cwd="/")
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
