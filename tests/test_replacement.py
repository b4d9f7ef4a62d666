"""The package is replaced file by file, as cp, pip, dpkg and rpm do, while A-REX runs its scripts.

In the new version some shared classes have other names, so modules of both versions fail together.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from standin import Standin
from support.arc_tree import compiled_package
from support.ce import Ce
from support.isolation import NO_ARC
from support.oar_site import Site
from support.scan_jobs import ended

# Python imports this first. Sleeping takes no time: it completes the upgrade and sets the clock.
# If AT is not empty, the upgrade happens in one moment: when a file with that name is first read.
CLOCK = """\
import os, shutil, sys, time
# The checkout, if the tests' Python has it installed as editable.
sys.meta_path[:] = [one for one in sys.meta_path if "__editable__" not in one.__module__]
sys.path[:] = [p for p in sys.path if p == {libraries!r} or not os.path.exists(p + "/arc_lrms_oar")]
def upgrade():
    shutil.copytree({new!r}, {installed!r}, dirs_exist_ok=True)
def sleep(seconds):
    os.environ["ARC_OAR_SLEPT"] = str(float(os.environ.get("ARC_OAR_SLEPT", "0")) + seconds)
    upgrade()
def hook(event, arguments):
    if event == "open" and {at!r} in str(arguments[0]) and not os.path.exists({log!r}):
        open({log!r}, "w").close()
        upgrade()
now, time.sleep = time.time, sleep
time.time = lambda: now() + float(os.environ.get("ARC_OAR_SLEPT", "0"))
if {at!r} and "ARC_OAR_SLEPT" not in os.environ:
    sys.addaudithook(hook)
"""


class Upgrade:
    """An installed package, its next version, and the scripts in ARC's data directory."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.libraries = site.ce.place / "lib"
        self.installed = self.libraries / "arc_lrms_oar"
        self.new = site.ce.place / "new"
        self.moment = site.ce.place / "moment"
        self.slept = 0
        shutil.copytree(compiled_package(), self.installed)
        shutil.copytree(self.installed, self.new)
        for path in [*self.new.rglob("*.py"), *self.new.rglob("*.sh")]:
            text = re.sub(r"\b(OarLrmsError|GridJob|write_done)\b", r"\1OfNext", path.read_text())
            path.write_text(f"# new version\n{text}" if path.suffix == ".sh" else text)
        shutil.copyfile(self.installed / "share/OAR-job", site.ce.place / "scan-OAR-job")
        shutil.copyfile(self.installed / "share/OAR-job", site.ce.place / "submit-OAR-job")

    def files(self) -> list[Path]:
        """The files that the upgrade changes, relative to the package, in dpkg's order."""
        found = [path.relative_to(self.new) for path in self.new.rglob("*.py")]
        return sorted(
            path
            for path in found
            if (self.new / path).read_bytes() != (self.installed / path).read_bytes()
        )

    def run(self, verb: str, *words: object, at: str = "") -> subprocess.CompletedProcess[str]:
        names = {"installed": str(self.installed), "new": str(self.new), "log": str(self.moment)}
        names["libraries"] = str(self.libraries)
        (self.libraries / "sitecustomize.py").write_text(CLOCK.format(at=at, **names))
        script = str(self.site.ce.place / f"{verb}-OAR-job")
        return subprocess.run(
            [sys.executable, script, "--config", str(self.site.ce.conf), *map(str, words)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={
                "PYTHONPATH": str(self.libraries),
                "PATH": "/usr/bin:/bin",
                **({"ARC_OAR_SLEPT": str(self.slept)} if self.slept else {}),
                **NO_ARC,
            },
            cwd="/",
            check=False,
        )

    def scan(self, at: str = "") -> None:
        """Scan must report a job in this one run, and log nothing else."""
        files = ended(self.site)
        done = self.run("scan", self.site.ce.control, at=at)
        assert files.done() == "0 Job finished with exit code 0\n", done.stderr
        assert (done.returncode, done.stderr.count("\n")) == (0, 1), done.stderr


@pytest.fixture
def upgrade(place: Path, oar: Standin) -> Upgrade:
    return Upgrade(Site(Ce(place), oar))


def half(upgrade: Upgrade) -> None:
    """dpkg and rpm rename the new files into place one after the other."""
    files = upgrade.files()
    for path in files[: len(files) // 2]:
        os.replace(upgrade.new / path, upgrade.installed / path)
        shutil.copyfile(upgrade.installed / path, upgrade.new / path)


def cut(upgrade: Upgrade) -> None:
    """cp writes into the old file, so it may be empty for a moment."""
    (upgrade.installed / "scan/reconcile.py").write_text("")


def incomplete(upgrade: Upgrade) -> None:
    """cp has come only as far as the middle of a file."""
    path = upgrade.installed / "entrypoint.py"
    path.write_bytes(path.read_bytes()[:1000])


def paused(upgrade: Upgrade) -> None:
    """The next file comes half a minute after the last one."""
    half(upgrade)
    upgrade.slept = 30


def missing(upgrade: Upgrade) -> None:
    """pip removes the old version before it installs the new one."""
    shutil.rmtree(upgrade.installed)


@pytest.mark.parametrize("state", [half, paused, cut, incomplete, missing])
def test_scan_starts_in_the_middle(upgrade: Upgrade, state: Callable[[Upgrade], None]) -> None:
    state(upgrade)
    upgrade.scan()


@pytest.mark.parametrize("at", ["/ended_query.", "/job_index.", "/report.", "/kick."])
def test_replaced_while_scan_runs(upgrade: Upgrade, at: str) -> None:
    """The modules that were loaded before are old, and the others new."""
    upgrade.scan(at)
    assert upgrade.moment.exists()


def test_no_job_script_of_two_versions(upgrade: Upgrade) -> None:
    """Nothing fails here: the shell files of the new version suit the old modules."""
    site = upgrade.site
    files = site.ce.job(executable="/bin/true")
    done = upgrade.run("submit", files.file("grami"), at="share/job_program.sh")
    assert (done.returncode, files.local_id()) == (0, "1"), done.stderr
    assert upgrade.moment.exists()
    (script,) = (files.session / ".arc_oar").glob("job-*.sh")
    shell_files = [*upgrade.new.glob("share/job_*.sh")]
    assert script.read_text().count("# new version") == len(shell_files) == 4
    assert len(site.submitted()) == 1


def test_many_steps(upgrade: Upgrade) -> None:
    """Scan starts between two of the files that dpkg renames, at places all over the package."""
    old = upgrade.site.ce.place / "old"
    shutil.copytree(upgrade.installed, old)
    files = upgrade.files()
    for step in range(1, len(files) + 1, 17):
        shutil.rmtree(upgrade.installed)
        shutil.copytree(old, upgrade.installed)
        for path in files[:step]:
            shutil.copyfile(upgrade.new / path, upgrade.installed / path)
        upgrade.site = Site(Ce(upgrade.site.ce.place / str(step)), upgrade.site.oar)
        for verb in ("scan", "submit"):
            name = f"{verb}-OAR-job"
            shutil.copyfile(old / "share/OAR-job", upgrade.site.ce.place / name)
        upgrade.scan()
