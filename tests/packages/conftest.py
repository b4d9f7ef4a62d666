"""Builds the packages once, with tools that it installs where it may."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from bed.host import ensure_packages
from bed.messages import no_progress

ROOT = Path(__file__).parents[2]
BUILD = [sys.executable, str(ROOT / "packaging/build")]
TEST_TOOLS = ("cpio", "lintian", "rpmlint")


@pytest.fixture(scope="session")
def tools() -> None:
    """Debian's tools; CI has to have them, elsewhere root installs them."""
    if not os.path.exists("/usr/bin/apt-get"):
        pytest.skip("packages are built on Debian")
    if os.geteuid() == 0:
        needed = [name for kind in ("deb", "rpm") for name in run(*BUILD, kind, "--tools")]
        ensure_packages([*needed, *TEST_TOOLS], no_progress)


def run(*command: str) -> list[str]:
    """Run a command; returns the lines that it prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


def run_with(tools: Path, *command: str, cwd: Path) -> str:
    """Run a command for which Python finds packages in `tools`; returns all that it prints."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(tools)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def build(folder: Path, *words: str) -> list[Path]:
    """Run packaging/build; returns the packages."""
    return [Path(line) for line in run(*BUILD, *words, "--output", str(folder))]


@pytest.fixture(scope="session")
def debs(tools: None, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return build(tmp_path_factory.mktemp("deb"), "deb")


@pytest.fixture(scope="session")
def rpm(tools: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package for Enterprise Linux 9."""
    (path,) = build(tmp_path_factory.mktemp("rpm"), "rpm")
    return path
