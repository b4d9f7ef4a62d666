"""The wheel and the sdist, built by the oldest and the newest setuptools."""

from __future__ import annotations

import email
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest
from packages.conftest import ROOT, run_with

from arc_lrms_oar.version import __version__

pytestmark = pytest.mark.packages

# Enterprise Linux 9 has 53.0; Python 3.12 and later need 66.1.
OLDEST = ("setuptools==53.0.0", "wheel==0.36.2")
OLDEST_FOR_3_12 = ("setuptools==66.1.0", "wheel==0.36.2")
NEWEST = ("setuptools", "wheel")
BUILD = """\
import sys
import setuptools.build_meta as backend
output = sys.argv[1]  # The backend changes it.
backend.build_wheel(output)
backend.build_sdist(output)
"""
LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", ".*_cache", ".hypothesis", "__pycache__", "*.egg-info", "dist"
)


class Built:
    """A wheel and an sdist, and what their building printed."""

    def __init__(self, folder: Path, log: str) -> None:
        (self.wheel,) = folder.glob("*.whl")
        (self.sdist,) = folder.glob("*.tar.gz")
        self.log = log

    def wheel_files(self) -> set[str]:
        return set(zipfile.ZipFile(self.wheel).namelist())

    def metadata(self) -> Message:
        (name,) = (n for n in self.wheel_files() if n.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(zipfile.ZipFile(self.wheel).read(name))


@pytest.fixture(scope="module", params=["oldest", "newest"])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp(request.param)
    oldest = OLDEST if sys.version_info < (3, 12) else OLDEST_FOR_3_12
    wanted = oldest if request.param == "oldest" else NEWEST
    tools = folder / "tools"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--target", str(tools), *wanted]
    subprocess.run(pip, capture_output=True, check=True)
    source = folder / "source"
    shutil.copytree(ROOT, source, ignore=LEFT_OUT, symlinks=True)
    (folder / "out").mkdir()
    log = run_with(tools, sys.executable, "-c", BUILD, str(folder / "out"), cwd=source)
    return Built(folder / "out", log)


def test_no_setuptools_complains(built: Built) -> None:
    assert not re.search("deprecat", built.log, re.IGNORECASE)


def test_metadata(built: Built) -> None:
    assert built.wheel.name == f"arc_lrms_oar-{__version__}-py3-none-any.whl"
    metadata = built.metadata()
    assert metadata["Name"].replace("-", "_") == "arc_lrms_oar"
    assert metadata["Version"] == __version__
    assert metadata["License"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.9"
    needs = metadata.get_all("Requires-Dist", [])
    assert [need for need in needs if "extra ==" not in need] == []
    assert any(need.startswith("pyparsing") and "translate" in need for need in needs)


def test_description_has_no_link_to_a_file_beside_it(built: Built) -> None:
    metadata = built.metadata()
    text = metadata.get_payload() or metadata["Description"]
    links = re.findall(r"\]\(([^)]*)\)", str(text))
    assert links
    assert [link for link in links if not link.startswith("https://")] == []


def test_every_file_of_the_package_is_in_the_wheel(built: Built) -> None:
    package = ROOT / "arc_lrms_oar"
    own = {str(path.relative_to(ROOT)) for path in package.rglob("*") if not path.is_dir()}
    own = {path for path in own if "__pycache__" not in path}
    files = built.wheel_files()
    assert {path for path in files if path.startswith("arc_lrms_oar/")} == own
    shared = {path.partition(".data/data/")[2] for path in files} - {""}
    share = ROOT / "packaging/share"
    packaged = (path.relative_to(share) for path in share.rglob("*") if path.is_file())
    assert shared == {f"share/{path}" for path in packaged}
    (entry_points,) = (path for path in files if path.endswith("entry_points.txt"))
    text = zipfile.ZipFile(built.wheel).read(entry_points).decode()
    assert "arc-oar = arc_lrms_oar.cli:main" in text


def test_tests_pass_from_the_sdist(built: Built, tmp_path: Path) -> None:
    """A part of them, of each kind: fixtures, generated files, the stand-in OAR."""
    with tarfile.open(built.sdist) as archive:
        archive.extractall(tmp_path)
    (source,) = tmp_path.iterdir()
    for folder in ("bench", "docs", "fixtures", "monitoring", "packaging", "testbed", "tests"):
        own = {str(p.relative_to(ROOT)) for p in (ROOT / folder).rglob("*") if p.is_file()}
        own = {path for path in own if "__pycache__" not in path}
        assert own - {str(p.relative_to(source)) for p in source.rglob("*")} == set()
    some = (
        "test_config_example.py",
        "test_man_pages.py",
        "test_guarantees.py",
        "oar/test_client.py",
        "oar/test_fixtures.py",
        "test_api.py",
    )
    words = [f"tests/{name}" for name in some]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
