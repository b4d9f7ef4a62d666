"""An installed ARC in a directory, with the files that install and doctor use.

Its `python3` is the Python of the tests with only the tree's own site-packages, so that ARC's
module `arc.paths` is the tree's.
"""

from __future__ import annotations

import atexit
import compileall
import functools
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "arc_lrms_oar"
STOCK = "# ARC's own slurm.py\n"
NAMES = [f"{verb}-{n}-job" for n in ("OAR", "oar") for verb in ("submit", "cancel", "scan")]
# On ARC 7 also the scripts for jobs that ARC 6 has accepted.
NAMES_7 = [*NAMES, "submit-SLURMPY-job", "cancel-SLURMPY-job"]
START = """\
import sys
from arc_lrms_oar.admin import arc_locations
arc_locations.SYSTEM_PATH = {path!r}
arc_locations.DEFAULTS_FILES = ({defaults!r},)
from arc_lrms_oar.cli import main
sys.exit(main(sys.argv[1:]))
"""


@functools.cache
def compiled_package() -> Path:
    """Return a copy of the package with its bytecode, made once per test process."""
    folder = Path(tempfile.mkdtemp(prefix="arc_oar-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    copied = folder / "package"
    shutil.copytree(PACKAGE, copied, ignore=shutil.ignore_patterns("__pycache__"))
    # A checkout made with umask 002 is writable by its group, which doctor reports.
    for path in [copied, *copied.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o022)
    compileall.compile_dir(copied, quiet=2)
    return copied


class ArcTree:
    """ARC 6.17 or 7.0 (without `arc.lrms`) below `prefix`, and a copy of this package."""

    def __init__(self, place: Path, version: str = "6.17.0") -> None:
        self.prefix = place / "arc"
        self.data = self.prefix / "share/arc"
        self.tools = self.prefix / "libexec/arc"
        self.libraries = place / "lib"
        self.defaults = place / "defaults"
        self.path = f"{place / 'bin'}:/usr/bin:/bin"
        module = self.libraries / "arc"
        for folder in (self.data, module / "lrms", place / "bin"):
            folder.mkdir(parents=True)
        (self.data / "CEinfo.pl").write_text("# ARC's\n")
        (module / "__init__.py").touch()
        (module / "paths.py").write_text(
            f"ARC_VERSION = {version!r}\nARC_LOCATION = {str(self.prefix)!r}\n"
            f"ARC_DATA_DIR = {str(self.data)!r}\nARC_LIBEXEC_DIR = {str(self.tools)!r}\n"
        )
        self.drop_in = module / "lrms/slurm.py"
        if version.startswith("7"):
            (module / "lrms").rmdir()
        else:
            (module / "lrms/__init__.py").touch()
            (self.data / "SLURMPYmod.pm").touch()
            self.drop_in.write_text(STOCK)
        self.package = self.libraries / "arc_lrms_oar"
        shutil.copytree(compiled_package(), self.package)
        (self.package / "share/slurm.py").write_text("# our slurm.py\n")
        python = place / "bin/python3"
        python.write_text(f'#!/bin/sh\nPYTHONPATH={self.libraries} exec {sys.executable} -S "$@"\n')
        python.chmod(0o755)

    def run(self, *words: object, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `python3 -m arc_lrms_oar WORDS`, which finds no other ARC than this tree."""
        start = START.format(path=self.path, defaults=str(self.defaults))
        return subprocess.run(
            [sys.executable, "-c", start, *map(str, words)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(self.libraries), "PATH": "/usr/bin:/bin", **variables},
            cwd="/",
            check=False,
        )

    def ok(self, *words: object, **variables: str) -> list[str]:
        """Run a command that must succeed with empty stderr; return the lines that it prints."""
        done = self.run(*words, **variables)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    def complaint(self, *words: object, **variables: str) -> str:
        """Run a command that must fail; return its single error line."""
        done = self.run(*words, **variables)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        return done.stderr

    def listing(self) -> dict[str, tuple[int, int, int, int, bytes]]:
        """Return mode, owner, modification time and content of each of ARC's files."""
        found = {}
        for root in (self.prefix, self.libraries / "arc"):
            for path in sorted(root.rglob("*")):
                status = path.lstat()
                if stat.S_ISDIR(status.st_mode) or path.suffix == ".pyc":
                    continue
                content = str(path.readlink()) if path.is_symlink() else path.read_text()
                owner = (status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns)
                found[str(path)] = (*owner, content.encode())
        return found
