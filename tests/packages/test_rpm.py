"""The package for Enterprise Linux 9, in a root that is laid out as EL9 lays it out.

rpm2cpio unpacks it there, and rpm installs it into a database of its own. What concerns paths runs
there with Python 3.9.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from packages.conftest import ROOT, run_with

from arc_lrms_oar.admin.share_files import SCRIPTS
from arc_lrms_oar.version import __version__

pytestmark = pytest.mark.packages

SITE = "usr/lib/python3.9/site-packages"
ARC_PATHS = """\
ARC_VERSION = "6.20.1"
ARC_LOCATION = {usr!r}
ARC_DATA_DIR = {usr!r} + "/share/arc"
ARC_LIBEXEC_DIR = {usr!r} + "/libexec/arc"
"""
# The unit tests that concern paths, and what they need of the checkout and of the package index.
PATH_TESTS = (
    "tests/admin/test_install.py",
    "tests/admin/test_check_package.py",
    "tests/admin/test_package_owner.py",
    # It concerns interruptions, and takes minutes.
    "--deselect=tests/admin/test_install.py::test_killed_at_every_step",
    # They start a script with /usr/bin/python3, which is not EL9's here.
    "--deselect=tests/admin/test_check_package.py::test_submit_script_runs",
    "--deselect=tests/admin/test_check_package.py::test_runtime_configuration_that_users_cannot_read",
)
NEEDED = ("arc.conf.example", "fixtures", "pyproject.toml", "testbed", "tests")
TOOLS = ("pytest",)
# doctor's and install's view of the root: its ARC, its Python, its packages.
START = """\
import sys
from arc_lrms_oar.admin import arc_locations
arc_locations.SYSTEM_PATH = {path!r}
arc_locations.DEFAULTS_FILES = ()
from arc_lrms_oar.cli import main
sys.exit(main(sys.argv[1:]))
"""


def output(*words: str | Path) -> str:
    command = [str(word) for word in words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def python_3_9() -> str:
    """Python 3.9, which packaging/build needs as well."""
    pyenv = Path(os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv")))
    found = [*sorted(map(str, pyenv.glob("versions/3.9.*/bin/python"))), shutil.which("python3.9")]
    return next(path for path in found if path)


@pytest.fixture(scope="module")
def root(rpm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ARC 6.20 as Fedora's package of it has its directories, and the package beside it."""
    folder = tmp_path_factory.mktemp("el9")
    folder.chmod(0o755)
    archive = subprocess.run(["rpm2cpio", str(rpm)], capture_output=True, check=True).stdout
    unpack = ["cpio", "-idm", "--quiet"]
    subprocess.run(unpack, cwd=folder, input=archive, check=True)
    for name in ("usr/libexec/arc", f"{SITE}/arc", "bin"):
        (folder / name).mkdir(parents=True)
    (folder / "usr/share/arc/CEinfo.pl").write_text("# ARC's\n")
    (folder / SITE / "arc/__init__.py").touch()
    paths = ARC_PATHS.format(usr=str(folder / "usr"))
    (folder / SITE / "arc/paths.py").write_text(paths)
    python = folder / "bin/python3"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={folder / SITE} exec {python_3_9()} -S "$@"\n')
    python.chmod(0o755)
    return folder


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    start = START.format(path=f"{root}/bin:/usr/bin:/bin")
    command = [str(root / "bin/python3"), "-c", start, *words]
    environment = {"PATH": "/usr/bin:/bin"}
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd="/", env=environment
    )


def test_rpmlint_reports_nothing(rpm: Path) -> None:
    folder = ROOT / "packaging/rpm"
    spec = folder / "arc-lrms-oar.spec"
    report = output("/usr/bin/rpmlint", "-c", folder / "rpmlint.toml", rpm, spec)
    assert " 0 errors, 0 warnings" in report, report


def test_dependencies(rpm: Path) -> None:
    needs = output("rpm", "-qp", "--requires", rpm).splitlines()
    assert "python(abi) = 3.9" in needs
    assert "(nordugrid-arc-arex or nordugrid-arc7-arex)" in needs
    # ARC's own Perl modules are not in Perl's path, so no package provides them.
    assert "perl(LogUtils)" not in needs
    recommended = output("rpm", "-qp", "--recommends", rpm).split()
    assert recommended == ["python3-dateutil", "python3-pyparsing"]


def test_files(root: Path) -> None:
    scripts = {path.name for path in (root / "usr/share/arc").glob("*-job")}
    assert scripts == set(SCRIPTS)
    for name in scripts:
        script = root / "usr/share/arc" / name
        assert script.read_text().startswith("#!/usr/bin/python3\n")
        assert script.stat().st_mode & 0o777 == 0o755
    assert (root / SITE / "arc_lrms_oar/__pycache__/cli.cpython-39.pyc").exists()
    assert (root / "usr/share/man/man5/arc-oar.conf.5.gz").exists()
    place = root / "usr/share/doc/arc-lrms-oar"
    for name in ("monitoring/alerts.yml", "monitoring/grafana.json", "arc.conf.example"):
        assert (place / name).read_text() == (ROOT / name).read_text()
    manual = place / "docs"
    pages = [page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if not (manual / page).exists()] == []
    assert [*manual.glob("*.py")] == []


def test_nothing_is_left_to_install(root: Path) -> None:
    done = run(root, "install")
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "Everything is already installed."
    # rpm's database is not that of the root, so install finds no owner.
    assert f"unchanged {root}/usr/share/arc/submit-OAR-job" in done.stdout
    assert run(root, "--version").stdout == f"{__version__}\n"


def test_doctor(root: Path) -> None:
    (root / "arc.conf").write_text("[lrms]\nlrms = OAR\n[queue:default]\n")
    lines = run(root, "doctor", "--config", str(root / "arc.conf")).stdout.splitlines()
    python = f"{root}/bin/python3"
    found = f"{root}/{SITE}/arc_lrms_oar"
    assert any(f"{python} 3.9" in line and line.endswith(f"in {found}") for line in lines), lines
    assert any("files for lrms = OAR are installed" in line for line in lines), lines


def test_unit_tests_about_paths(root: Path, tmp_path: Path) -> None:
    """They run with Python 3.9 on the unpacked package, in place of the checkout's."""
    tools = tmp_path / "tools"
    output(python_3_9(), "-m", "pip", "install", "-q", "--target", tools, *TOOLS)
    source = root / "usr/src/arc_lrms_oar"
    source.mkdir(parents=True)
    for name in NEEDED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    (source / "arc_lrms_oar").symlink_to(root / SITE / "arc_lrms_oar")
    pytest_command = (python_3_9(), "-m", "pytest", "-q", "-p", "no:cacheprovider", *PATH_TESTS)
    printed = run_with(tools, *pytest_command, cwd=source)
    assert " skipped" not in printed, printed


def test_command(root: Path) -> None:
    command = (root / "usr/bin/arc-oar").read_text()
    assert command.startswith("#!/usr/bin/python3\n")
    done = subprocess.run(
        [root / "bin/python3", root / "usr/bin/arc-oar", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("usage: arc-oar ")


def test_rpm_installs_and_erases_it(rpm: Path, tmp_path: Path) -> None:
    """Without scripts and dependencies, which would need the programs of EL9 in the root."""
    options = ["--root", str(tmp_path), "--nodeps", "--noscripts", "--notriggers", "--nosignature"]
    output("rpm", *options, "--install", rpm)
    assert (tmp_path / "usr/share/arc/submit-OAR-job").exists()
    output("rpm", *options, "--erase", "arc-lrms-oar")
    assert not (tmp_path / SITE / "arc_lrms_oar").exists()
    # The directory rte belongs to ARC.
    left = (tmp_path / "usr").rglob("*")
    assert [path for path in left if not path.is_dir()] == []
