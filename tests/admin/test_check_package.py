"""doctor's checks of this package: Python, copies, permissions, and the submit script as a user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.arc_tree import ArcTree
from support.users import needs_root

from arc_lrms_oar.admin import arc_locations, check_package
from arc_lrms_oar.admin.arc_locations import Arc
from arc_lrms_oar.admin.findings import Finding
from arc_lrms_oar.admin.mapped_users import ROOT, Account, find_account, own_account
from arc_lrms_oar.version import __version__


def bad(found: Iterator[Finding]) -> list[tuple[str, str, str]]:
    return [(one.level, one.check, one.message) for one in found if one.level != "ok"]


def python(place: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> list[tuple[str, str, str]]:
    """The findings on a python3 that is this script."""
    folder = place / "other"
    folder.mkdir()
    (folder / "python3").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "python3").chmod(0o755)
    monkeypatch.setattr(arc_locations, "SYSTEM_PATH", f"{folder}:/usr/bin:/bin")
    return bad(check_package.check_python())


def test_python_that_is_too_old(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ((level, what, text),) = python(place, monkeypatch, "echo 3.8.10")
    assert (level, what) == ("FAIL", "Python")
    assert text.endswith("/python3 has version 3.8.10, expected 3.9 or later")


def test_python_without_the_package(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'case "$2" in *version*) echo 3.11.2;; *) exit 1;; esac'
    ((level, _, text),) = python(place, monkeypatch, script)
    assert level == "FAIL"
    assert text.endswith("does not find the package arc_lrms_oar")


def test_another_copy_of_the_package(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = 'case "$2" in *version*) echo 3.11.2;; *) echo /x/arc_lrms_oar/__init__.py;; esac'
    ((level, _, text),) = python(place, monkeypatch, script)
    assert level == "warn"
    assert text.startswith("A-REX's scripts use another copy of the package: /x/arc_lrms_oar; ")
    (finding,) = (one for one in check_package.check_python() if one.level == "warn")
    assert finding.cure == f"run: cd / && {place}/other/python3 -m arc_lrms_oar doctor"


def test_two_copies_of_the_package(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = os.path.dirname(os.path.dirname(check_package.__file__))
    script = (
        f'case "$2" in *version*) echo 3.11.2;; *folder*) echo {own}; echo /x/arc_lrms_oar;; '
        f"*) echo {own}/__init__.py;; esac"
    )
    ((level, _, text),) = python(place, monkeypatch, script)
    assert level == "warn"
    assert text == (
        f"there are 2 copies of the package: {own} ({__version__}) is used, and /x/arc_lrms_oar "
        "(version unknown) is not"
    )


@needs_root
def test_package_that_others_can_change(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arc = ArcTree(place)
    monkeypatch.setattr(arc_locations, "PACKAGE_FOLDER", str(arc.package))
    assert bad(check_package.check_permissions(None, ROOT)) == []
    where = Arc("", str(arc.data), "", "", "")
    arc.data.chmod(0o777)
    (found,) = (one for one in check_package.check_permissions(where, ROOT) if one.level != "ok")
    assert (found.level, found.message) == (
        "FAIL",
        f"users other than root can replace the scripts in {arc.data}, which A-REX runs as root",
    )
    assert found.cure == f"run: chown root:root {arc.data} && chmod go-w {arc.data}"
    arc.data.chmod(0o755)
    assert bad(check_package.check_permissions(where, ROOT)) == []
    (arc.package / "cli.py").chmod(0o664)
    assert bad(check_package.check_permissions(None, ROOT)) == [
        (
            "FAIL",
            "permissions",
            f"users other than root can change {arc.package}/cli.py, which A-REX runs as root",
        )
    ]


@needs_root
def test_own_copy_of_an_ordinary_user(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A-REX runs as the user with the internal interface; the copy stays the user's."""
    arc, user = ArcTree(place), find_account("nobody")
    assert user is not None
    package = arc.package
    monkeypatch.setattr(arc_locations, "PACKAGE_FOLDER", str(package))
    for path in (package, *package.rglob("*")):
        os.chown(path, user.uid, user.gid)
    assert [one.message for one in check_package.check_permissions(None, user)] == [
        "only root and nobody can change what A-REX runs"
    ]
    (found,) = check_package.check_permissions(None, ROOT)
    assert found.level == "FAIL"
    (package / "cli.py").chmod(0o664)
    (found,) = check_package.check_permissions(None, user)
    assert found.message == (
        f"users other than root and nobody can change {package}/cli.py, which A-REX runs as nobody"
    )
    assert found.cure == f"run: chmod -R go-w {package}"
    os.chown(package / "cli.py", 1, 1)
    (found,) = check_package.check_permissions(None, user)
    assert found.cure == f"run: chown -R root:root {package} && chmod -R go-w {package}"


@pytest.fixture
def installed(place: Path, monkeypatch: pytest.MonkeyPatch) -> ArcTree:
    """An ARC with the package installed, in which this process looks for both."""
    arc = ArcTree(place)
    arc.ok("install")
    monkeypatch.setattr(arc_locations, "PACKAGE_FOLDER", str(arc.package))
    monkeypatch.setattr(arc_locations, "SYSTEM_PATH", arc.path)
    return arc


def submit_script(arc: ArcTree, user: Account) -> list[tuple[str, str, str]]:
    where = Arc("", str(arc.data), "", "", "")
    return bad(check_package.check_submit_script(where, "OAR", "/no/arc.conf", user))


def test_submit_script_runs(installed: ArcTree) -> None:
    assert submit_script(installed, own_account()) == []


@needs_root
def test_package_that_users_cannot_read(installed: ArcTree) -> None:
    """As a root with umask 027 installs it."""
    nobody = find_account("nobody")
    assert nobody is not None
    for path in (installed.package, *installed.package.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o007)
    ((level, check, text),) = submit_script(installed, nobody)
    assert (level, check) == ("FAIL", "submit script as nobody")
    assert text.startswith(f"nobody cannot read {installed.package} (and ")


def test_runtime_configuration_that_users_cannot_read(
    installed: ArcTree, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live test has one without permission, with a Python that every user can run."""
    config, user = place / "arched-arex.cfg", own_account()
    monkeypatch.setattr(check_package, "RUNTIME_CONFIG", str(config))
    where = Arc("", str(installed.data), "", "", "")
    (found,) = check_package.check_submit_script(where, "OAR", str(config), user)
    assert (found.level, found.check) == ("FAIL", f"submit script as {user.name}")
    assert found.message == f"{user.name} cannot read {config}, which A-REX made of arc.conf"
    assert found.cure == f"run: chmod a+r {config}; and let A-REX start with umask 022"
    config.write_text("[lrms]\nlrms=OAR\n[queue:default]\n")
    (found,) = check_package.check_submit_script(where, "OAR", str(config), user)
    assert found.level == "ok"


def test_submit_script_that_finds_no_package(installed: ArcTree) -> None:
    installed.package.rename(installed.package.parent / "moved")
    ((level, _, text),) = submit_script(installed, own_account())
    assert level == "FAIL"
    assert "the Python package arc_lrms_oar cannot be imported" in text


def test_submit_script_that_cannot_be_run(installed: ArcTree) -> None:
    (installed.data / "submit-OAR-job").chmod(0o644)
    ((level, _, text),) = submit_script(installed, own_account())
    assert level == "FAIL"
    assert text.startswith(f"cannot run {installed.data}/submit-OAR-job: ")
