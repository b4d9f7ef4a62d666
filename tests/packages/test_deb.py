"""Debian's packages: their files, and what lintian reports.

tests/live/test_deb.py installs them.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from packages.conftest import ROOT

from arc_lrms_oar.admin.share_files import SCRIPTS

pytestmark = pytest.mark.packages


def files(deb: Path) -> set[str]:
    done = subprocess.run(["dpkg", "-c", str(deb)], capture_output=True, text=True, check=True)
    return {line.split()[5].removeprefix(".") for line in done.stdout.splitlines()}


def test_lintian_reports_nothing(debs: list[Path]) -> None:
    command = ["lintian", "--allow-root", "--fail-on", "error,warning", *map(str, debs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


def test_files_of_the_package(debs: list[Path]) -> None:
    found = files(debs[1])
    scripts = {path for path in found if path.startswith("/usr/share/arc/") and "-job" in path}
    assert scripts == {f"/usr/share/arc/{name}" for name in SCRIPTS}
    assert {
        "/usr/bin/arc-oar",
        "/usr/share/arc/OARmod.pm",
        "/usr/share/arc/rte/OAR/GPU",
        "/usr/share/man/man1/arc-oar.1.gz",
        "/usr/share/man/man5/arc-oar.conf.5.gz",
        "/usr/share/bash-completion/completions/arc-oar",
        "/usr/share/fish/vendor_completions.d/arc-oar.fish",
        "/usr/share/zsh/vendor-completions/_arc-oar",
    } <= found


def test_manual_is_in_the_package(debs: list[Path]) -> None:
    """As text, with the documents that its pages link to: none of them is compressed."""
    found = files(debs[1])
    place = "/usr/share/doc/arc-lrms-oar"
    pages = {str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md")}
    assert {f"{place}/{name}" for name in {*pages, "README.md", "SECURITY.md"}} <= found
    assert not [path for path in found if path.startswith(f"{place}/docs") and path.endswith(".py")]


def test_monitoring_and_example_are_in_the_package(debs: list[Path]) -> None:
    """Not compressed: Prometheus, Grafana and administrators use them where they are."""
    place = "/usr/share/doc/arc-lrms-oar"
    names = ("monitoring/alerts.yml", "monitoring/grafana.json", "examples/arc.conf.example")
    assert {f"{place}/{name}" for name in names} <= files(debs[1])


def test_slurm_module_is_in_a_package_of_its_own(debs: list[Path]) -> None:
    module = "/usr/lib/python3/dist-packages/arc/lrms/slurm.py"
    assert [module in files(deb) for deb in debs] == [True, False]
