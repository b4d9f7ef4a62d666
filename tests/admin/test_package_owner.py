"""Files that belong to a package of dpkg or rpm: install, uninstall and doctor leave them to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from admin.test_install import patched
from support.arc_tree import NAMES, NAMES_7, ArcTree

from arc_lrms_oar.admin import arc_locations, check_arc, check_package, install_record
from arc_lrms_oar.admin.arc_locations import Arc
from arc_lrms_oar.admin.install import install
from arc_lrms_oar.admin.package_owner import Owner, owners
from arc_lrms_oar.admin.uninstall import uninstall


@pytest.fixture
def arc(place: Path, monkeypatch: pytest.MonkeyPatch) -> ArcTree:
    """An ARC and a package in one process, with a dpkg and an rpm that own nothing."""
    made = ArcTree(place)
    patched(made, monkeypatch)
    monkeypatch.setattr(arc_locations, "SYSTEM_PATH", f"{place}/bin:/usr/bin:/bin")
    for tool in ("dpkg-query", "rpm"):
        manager(place, tool, "exit 1")
    return made


def manager(place: Path, tool: str, script: str) -> None:
    """Make a package manager of a shell script."""
    path = place / "bin" / tool
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def dpkg_owns(place: Path, package: str, *paths: Path) -> None:
    lines = "".join(f"{package}: {path}\n" for path in paths)
    manager(place, "dpkg-query", f"cat <<'END'\n{lines}END\nexit 1")


def data_files(arc: ArcTree) -> list[Path]:
    return [arc.data / name for name in [*NAMES, "OARmod.pm"]]


def steps_of_install(arc: ArcTree, lrms: str = "OAR") -> list[str]:
    steps: list[str] = []
    install(lrms, None, False, steps.append)
    return steps


def test_owners_by_dpkg_with_a_diversion(arc: ArcTree, place: Path) -> None:
    manager(
        place,
        "dpkg-query",
        "echo 'diversion by arc-lrms-oar-slurmpy from: /slurm.py'\n"
        "echo 'diversion by arc-lrms-oar-slurmpy to: /slurm.py.arc'\n"
        "echo 'nordugrid-arc-arex-python-lrms, arc-lrms-oar-slurmpy: /slurm.py'\n"
        "echo 'nordugrid-arc-arex: /CEinfo.pl'; exit 1",
    )
    found = owners(["/slurm.py", "/CEinfo.pl", "/none"])
    assert found == {"/slurm.py": Owner("apt-get", "arc-lrms-oar-slurmpy")}
    assert found["/slurm.py"].reinstall == "apt-get install --reinstall arc-lrms-oar-slurmpy"


def test_owners_by_rpm(arc: ArcTree, place: Path) -> None:
    manager(
        place,
        "rpm",
        'if [ "$1" = -ql ]; then echo /OARmod.pm; exit; fi\n'
        "echo 'file /none is not owned by any package'; echo arc-lrms-oar; exit 1",
    )
    found = owners(["/none", "/OARmod.pm"])
    assert found == {"/OARmod.pm": Owner("dnf", "arc-lrms-oar")}
    assert found["/OARmod.pm"].reinstall == "dnf reinstall arc-lrms-oar"


def test_install_leaves_the_packages_files(arc: ArcTree, place: Path) -> None:
    steps_of_install(arc)
    record = arc.data / "arc_lrms_oar"
    (arc.data / "OARmod.pm").write_text("# changed\n")
    dpkg_owns(place, "arc-lrms-oar", *data_files(arc))
    before = arc.listing()
    steps = steps_of_install(arc)
    script = arc.data / "submit-OAR-job"
    assert f"unchanged {script}: it belongs to the package arc-lrms-oar" in steps
    changed = arc.data / "OARmod.pm"
    cure = "apt-get install --reinstall arc-lrms-oar"
    assert f"warning: {changed} was changed; restore it with: {cure}" in steps
    assert arc.listing() == before
    # A copy was installed before the package.
    assert record.is_dir()
    steps = []
    uninstall(None, False, steps.append)
    assert f"leave {script}: it belongs to the package arc-lrms-oar" in steps
    assert script.exists()
    assert not record.exists()


def test_uninstall_leaves_what_the_package_needs_for_jobs_of_arc_6(
    arc: ArcTree, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On ARC 7 the package itself runs install, for scripts that are no files of the package."""
    (arc.data / "SLURMPYmod.pm").unlink()
    before = arc.listing()
    arc_7 = Arc("7.0.0", str(arc.data), "", "", "the test")
    monkeypatch.setattr(arc_locations, "find_arc", lambda _: arc_7)
    steps_of_install(arc)
    dpkg_owns(place, "arc-lrms-oar", *data_files(arc))
    needed = [arc.data / name for name in NAMES_7 if name not in NAMES]
    assert len(needed) == 2
    # The second time the record has only these.
    for _ in range(2):
        steps: list[str] = []
        uninstall(None, False, steps.append)
        for script in needed:
            assert f"leave {script}: the package arc-lrms-oar needs it" in steps
            assert script.exists()
    uninstall(None, False, lambda _: None, everything=True)
    left = arc.listing().keys() - before.keys()
    assert left == {str(path) for path in data_files(arc)}


def test_record_is_state_and_not_below_usr(
    arc: ArcTree, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that version 0.1.0 made in ARC's data directory is moved, with its backups."""
    before = arc.listing()
    steps_of_install(arc, "SLURMPY")
    state = place / "state"
    monkeypatch.setattr(install_record, "SYSTEM", f"{place}/")
    monkeypatch.setattr(install_record, "SYSTEM_FOLDER", str(state))
    steps_of_install(arc)
    assert not (arc.data / "arc_lrms_oar").exists()
    assert (state / "ledger.json").exists()
    assert len(list(state.glob("slurm.py.*"))) == 1
    uninstall(None, False, lambda _: None)
    assert arc.listing() == before
    assert not state.exists()


def scripts(arc: ArcTree) -> list[tuple[str, str]]:
    """What doctor reports of the scripts, with the cures."""
    where = Arc("6.17.0", str(arc.data), "", str(arc.drop_in.parent), "the test")
    found = check_arc.check_scripts(where, "", "OAR")
    return [(one.message, one.cure) for one in found if one.level != "ok"]


def test_doctor_accepts_what_packages_make_of_the_scripts(arc: ArcTree) -> None:
    """Links, and another interpreter in the first line."""
    steps_of_install(arc)
    for name in NAMES:
        (arc.data / name).unlink()
        (arc.data / name).symlink_to("OAR-job")
    script = (arc.package / "share/OAR-job").read_text()
    (arc.data / "OAR-job").write_text(script.replace("/usr/bin/env python3", "/usr/bin/python3"))
    (arc.data / "OAR-job").chmod(0o755)
    assert scripts(arc) == []
    (arc.data / "OAR-job").chmod(0o744)
    assert scripts(arc)[0][0] == f"{arc.data}/submit-OAR-job has mode 0744, expected 0755"


def test_cure_of_a_packages_file(arc: ArcTree, place: Path) -> None:
    steps_of_install(arc)
    (arc.data / "OARmod.pm").unlink()
    dpkg_owns(place, "arc-lrms-oar", *data_files(arc))
    assert scripts(arc) == [
        (
            f"{arc.data}/OARmod.pm is missing",
            "run: apt-get install --reinstall arc-lrms-oar",
        )
    ]


def test_copy_of_pip_before_that_of_the_package(
    arc: ArcTree, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local, system = place / "local/arc_lrms_oar", place / "system/arc_lrms_oar"
    for copy, version in ((local, "0.1.0"), (system, "0.2.0")):
        copy.mkdir(parents=True)
        (copy / "__init__.py").touch()
        (copy / "version.py").write_text(f'__version__ = "{version}"\n')
    (place / "local/arc_lrms_oar-0.1.0.dist-info").mkdir()
    manager(place, "other-python", f"echo {local}\necho {system}")
    dpkg_owns(place, "arc-lrms-oar", system / "__init__.py")
    python = f"{place}/bin/other-python"
    (found,) = check_package._check_copies(python)
    assert found.message == (
        f"there are 2 copies of the package: {local} (0.1.0) is used, and {system} "
        "(0.2.0, package arc-lrms-oar) is not"
    )
    assert found.cure == f"keep one copy; run: {python} -m pip uninstall arc_lrms_oar"
