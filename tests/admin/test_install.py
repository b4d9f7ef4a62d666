"""install and uninstall in a complete ARC tree: what is installed, and that it is restored."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from support.arc_tree import NAMES, NAMES_7, PACKAGE, STOCK, ArcTree
from support.kill_at_step import killed_before
from support.users import needs_root

from arc_lrms_oar.admin import arc_locations, package_owner
from arc_lrms_oar.admin import install as installing
from arc_lrms_oar.admin.install import install
from arc_lrms_oar.admin.uninstall import uninstall
from arc_lrms_oar.errors import SiteError

SHARE = PACKAGE / "share"


@pytest.fixture
def arc(place: Path) -> ArcTree:
    return ArcTree(place)


def test_scripts_are_put_where_arc_says(arc: ArcTree) -> None:
    os.umask(0o077)
    steps = arc.ok("install")
    assert steps[0] == f"ARC 6.17.0: data directory {arc.data} (from arc.paths)"
    assert steps[1:-1] == [f"install {arc.data / name}" for name in [*NAMES, "OARmod.pm"]]
    assert steps[-1].startswith("Next: set lrms = OAR in [lrms] of arc.conf, run doctor")
    for name in NAMES:
        path = arc.data / name
        assert not path.is_symlink()
        assert path.read_bytes() == (SHARE / name).read_bytes()
        assert path.stat().st_mode & 0o777 == 0o755
    assert (arc.data / "OARmod.pm").read_bytes() == (SHARE / "OARmod.pm").read_bytes()
    assert (arc.data / "OARmod.pm").stat().st_mode & 0o777 == 0o644
    assert arc.drop_in.read_text() == STOCK


def test_bytecode_is_there_for_everybody(arc: ArcTree) -> None:
    """Also where root's own calls, with their umask, had made some that only root can read."""
    os.umask(0o077)
    shutil.rmtree(arc.package / "commands/__pycache__")
    caches = [*arc.package.rglob("__pycache__"), arc.package / "commands/__pycache__"]
    for cache in caches[:-1]:
        cache.chmod(0o700)
        for path in cache.iterdir():
            path.chmod(0o600)
    arc.ok("install")
    for cache in caches:
        assert cache.stat().st_mode & 0o777 == 0o755
        assert {path.stat().st_mode & 0o777 for path in cache.iterdir()} == {0o644}


def test_again_changes_nothing(arc: ArcTree) -> None:
    arc.ok("install")
    before = arc.listing()
    steps = arc.ok("install")
    assert steps[1:-1] == [f"unchanged {arc.data / name}" for name in [*NAMES, "OARmod.pm"]]
    assert steps[-1] == "Everything is already installed."
    assert arc.listing() == before


def test_what_is_broken_is_mended(arc: ArcTree) -> None:
    arc.ok("install")
    before = arc.listing()
    (arc.data / "scan-OAR-job").chmod(0o644)
    (arc.data / "OARmod.pm").unlink()
    steps = arc.ok("install")
    assert f"install {arc.data / 'scan-OAR-job'}" in steps
    after = arc.listing()
    assert {k: (v[0], v[4]) for k, v in after.items()} == {
        k: (v[0], v[4]) for k, v in before.items()
    }


def strange(arc: ArcTree) -> None:
    """Files that stand in the way, with odd modes, times, a link, and one with an owner."""
    (arc.data / "submit-OAR-job").write_text("somebody's own\n")
    (arc.data / "submit-OAR-job").chmod(0o751)
    os.utime(arc.data / "submit-OAR-job", ns=(1, 1_234_567_890_123_456_789))
    (arc.data / "scan-oar-job").symlink_to("scan-fork-job")
    shutil.copyfile(SHARE / "scan-OAR-job", arc.data / "scan-OAR-job")
    if os.geteuid() == 0:
        os.chown(arc.data / "submit-OAR-job", 12, 34)


def test_uninstall_gives_all_back(arc: ArcTree) -> None:
    strange(arc)
    before = arc.listing()
    arc.ok("install")
    steps = arc.ok("install", "--lrms", "SLURMPY")
    assert steps[1] == (f"back up {arc.drop_in}: the existing file, to {arc.data / 'arc_lrms_oar'}")
    assert arc.drop_in.read_text() == "# our slurm.py\n"
    assert (arc.data / "submit-OAR-job").read_bytes() == (SHARE / "submit-OAR-job").read_bytes()
    assert arc.ok("uninstall")[-1] == "Uninstalled."
    assert arc.listing() == before
    assert arc.ok("uninstall") == [f"{arc.data}: nothing is installed here"]


def test_dry_runs_change_nothing(arc: ArcTree) -> None:
    strange(arc)
    before = arc.listing()
    steps = arc.ok("install", "--dry-run")
    assert f"would install {arc.data / 'OARmod.pm'}" in steps
    assert any(s.startswith(f"would back up {arc.data / 'scan-oar-job'}: ") for s in steps)
    assert steps[-1] == "Dry run: nothing was changed."
    assert arc.listing() == before
    arc.ok("install")
    before = arc.listing()
    steps = arc.ok("uninstall", "--dry-run")
    assert f"would restore {arc.data / 'scan-oar-job'}" in steps
    assert f"would remove {arc.data / 'OARmod.pm'}" in steps
    assert arc.listing() == before


def test_upgrade_of_arc_in_between(arc: ArcTree) -> None:
    """What the upgrade has brought is what comes back, also without another install."""
    arc.ok("install", "--lrms", "SLURMPY")
    arc.drop_in.write_text("# ARC's newer one\n")
    steps = arc.ok("install", "--lrms", "SLURMPY")
    assert steps[1] == (
        f"back up {arc.drop_in}: the file of an upgrade, to {arc.data / 'arc_lrms_oar'}"
    )
    assert len(list((arc.data / "arc_lrms_oar").iterdir())) == 2
    arc.ok("uninstall")
    assert arc.drop_in.read_text() == "# ARC's newer one\n"
    arc.ok("install", "--lrms", "SLURMPY")
    arc.drop_in.write_text("# ARC's newest one\n")
    steps = arc.ok("uninstall")
    assert steps[0] == (f"keep {arc.drop_in}: it was replaced since, perhaps by an upgrade of ARC")
    assert arc.drop_in.read_text() == "# ARC's newest one\n"
    assert not (arc.data / "arc_lrms_oar").exists()


def test_upgrade_of_this_package_in_between(arc: ArcTree) -> None:
    arc.ok("install", "--lrms", "SLURMPY")
    (arc.package / "share/slurm.py").write_text("# our newer slurm.py\n")
    assert arc.ok("install", "--lrms", "SLURMPY")[1] == f"install {arc.drop_in}"
    assert arc.drop_in.read_text() == "# our newer slurm.py\n"
    arc.ok("uninstall")
    assert arc.drop_in.read_text() == STOCK


def test_arc_7(place: Path) -> None:
    arc = ArcTree(place, "7.0.0")
    steps = arc.ok("install")
    assert steps[0].startswith("ARC 7.0.0: data directory ")
    assert steps[1:-1] == [f"install {arc.data / name}" for name in [*NAMES_7, "OARmod.pm"]]
    line = arc.complaint("install", "--lrms", "SLURMPY")
    assert line.startswith(
        "lrms = SLURMPY needs ARC's Python package arc.lrms, which is not installed:"
    )


def test_upgrade_from_arc_6_to_arc_7(arc: ArcTree) -> None:
    """With `arc.lrms` goes the directory of a file that install had replaced."""
    arc.ok("install", "--lrms", "SLURMPY")
    shutil.rmtree(arc.drop_in.parent)
    (arc.data / "SLURMPYmod.pm").unlink()
    paths = arc.libraries / "arc/paths.py"
    paths.write_text(paths.read_text().replace("6.17.0", "7.0.0"))
    before = arc.listing()
    arc.ok("install")
    gone = f"drop {arc.drop_in}: its directory is gone, perhaps by an upgrade of ARC"
    assert f"would {gone}" in arc.ok("uninstall", "--dry-run")
    steps = arc.ok("uninstall")
    assert gone in steps
    assert f"remove {arc.data / 'cancel-SLURMPY-job'}" in steps
    assert steps[-1] == "Uninstalled."
    left = arc.listing()
    assert left.keys() == {path for path in before if "/arc_lrms_oar/" not in path}
    assert arc.ok("uninstall") == [f"{arc.data}: nothing is installed here"]


def test_arc_that_was_moved(arc: ArcTree, place: Path) -> None:
    """ARC_LOCATION moves it, in the environment or in the file that A-REX's start reads."""
    moved = place / "moved"
    arc.prefix.rename(moved)
    told = f"(from arc.paths and ARC_LOCATION={moved})"
    assert arc.ok("install", "--dry-run", ARC_LOCATION=str(moved))[0].endswith(told)
    arc.defaults.write_text(f'OTHER=1\nexport ARC_LOCATION="{moved}"\n')
    assert arc.ok("install")[0].endswith(told)
    assert (moved / "share/arc/OARmod.pm").exists()


def test_data_directory_by_hand(arc: ArcTree, place: Path) -> None:
    other = place / "other"
    other.mkdir()
    line = arc.complaint("install", "--arc-datadir", other)
    assert line.startswith(
        f"{other} (from --arc-datadir) is not A-REX's data directory: it has no "
    )
    (other / "CEinfo.pl").touch()
    arc.ok("install", "--arc-datadir", other)
    assert (other / "OARmod.pm").exists()
    assert not (arc.data / "OARmod.pm").exists()


def test_no_arc(arc: ArcTree) -> None:
    shutil.rmtree(arc.libraries / "arc")
    for tool in ("dpkg", "rpm"):
        path = Path(arc.path.partition(":")[0]) / tool
        path.write_text("#!/bin/sh\nexit 1\n")
        path.chmod(0o755)
    line = arc.complaint("install")
    assert line.startswith("no ARC CE was found: ")
    assert "--arc-datadir" in line
    dpkg = Path(arc.path.partition(":")[0]) / "dpkg"
    dpkg.write_text(f'#!/bin/sh\n[ "$*" = "-L nordugrid-arc-arex" ] && echo {arc.data}/CEinfo.pl\n')
    assert arc.ok("install")[0] == (
        f"ARC: data directory {arc.data} (from dpkg -L nordugrid-arc-arex)"
    )


def test_package_that_the_scripts_would_not_find(arc: ArcTree, place: Path) -> None:
    """As from a checkout, or from a virtual environment."""
    arc.package.rename(place / "arc_lrms_oar")
    before = arc.listing()
    done = arc.run("install", PYTHONPATH=str(place))
    assert (done.returncode, done.stdout.count("\n")) == (1, 1)
    python = f"{arc.path.partition(':')[0]}/python3"
    assert done.stderr.startswith(
        f"{python}, which A-REX's scripts run, does not find this package: copy {place}/"
    )
    assert arc.listing() == before


def test_another_copy_than_that_of_the_scripts(arc: ArcTree, place: Path) -> None:
    """As in a checkout, where `python3 -m` finds the checkout's copy."""
    shutil.copytree(arc.package, place / "arc_lrms_oar")
    before = arc.listing()
    done = arc.run("install", PYTHONPATH=str(place))
    assert done.returncode == 1
    python = f"{arc.path.partition(':')[0]}/python3"
    assert done.stderr == (
        f"{python}, which A-REX's scripts run, finds {arc.package}, and this is another copy, "
        f"{place}/arc_lrms_oar: run `cd / && {python} -m arc_lrms_oar install`\n"
    )
    assert arc.listing() == before


def test_copy_that_is_not_whole(arc: ArcTree) -> None:
    (arc.package / "share/slurm.py").unlink()
    line = arc.complaint("install", "--lrms", "SLURMPY")
    assert line.startswith("this copy of the package is incomplete: ")


def test_directory_in_the_way(arc: ArcTree) -> None:
    (arc.data / "OARmod.pm").mkdir()
    assert "OARmod.pm is a directory, expected a file" in arc.complaint("install")


@needs_root
def test_without_the_right_to_write(arc: ArcTree, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(target: str, *_: object) -> None:
        raise PermissionError(13, "Permission denied", target)

    patched(arc, monkeypatch)
    monkeypatch.setattr("arc_lrms_oar.admin.install_record.write_file", refuse)
    with pytest.raises(SiteError, match="run this as the owner of ARC's files"):
        install("OAR", None, False, lambda _: None)


def test_kept_file_that_is_damaged(arc: ArcTree) -> None:
    arc.ok("install", "--lrms", "SLURMPY")
    (kept,) = (arc.data / "arc_lrms_oar").glob("slurm.py.*")
    kept.write_text("damaged")
    assert f"the backup of {arc.drop_in} is damaged or missing" in arc.complaint("uninstall")
    assert arc.drop_in.read_text() == "# our slurm.py\n"


def patched(arc: ArcTree, monkeypatch: pytest.MonkeyPatch) -> None:
    found = arc_locations.Arc("6.17.0", str(arc.data), "", str(arc.drop_in.parent), "the test")
    monkeypatch.setattr(arc_locations, "find_arc", lambda _: found)
    monkeypatch.setattr(arc_locations, "PACKAGE_FOLDER", str(arc.package))
    monkeypatch.setattr(arc_locations, "package_seen_by_scripts", lambda: str(arc.package))
    monkeypatch.setattr(installing, "_compile", lambda *_: None)


def contents(arc: ArcTree) -> dict[str, tuple[int, bytes]]:
    return {path: (row[0], row[4]) for path, row in arc.listing().items()}


def test_killed_at_every_step(arc: ArcTree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever step it was killed at, installing again is whole and uninstalling gives all back."""
    patched(arc, monkeypatch)
    monkeypatch.setattr(package_owner, "owners", lambda _: {})
    monkeypatch.setattr(os, "fsync", lambda _: None)
    strange(arc)
    for name in NAMES[1:2]:
        (arc.data / name).write_text("in the way\n")
    before = arc.listing()

    def put_in() -> None:
        install("SLURMPY", None, False, lambda _: None)
        install("OAR", None, False, lambda _: None)

    def take_out() -> None:
        uninstall(None, False, lambda _: None)

    put_in()
    whole = contents(arc)
    take_out()
    step = 0
    running = True
    while running:
        step += 1
        running = killed_before(step, put_in)
        if step % 2:
            take_out()
            assert arc.listing() == before, step
        put_in()
        assert contents(arc) == whole, step
        take_out()
        assert arc.listing() == before, step
    assert step > 50
    put_in()
    step = 0
    while killed_before(step := step + 1, take_out):
        take_out()
        assert arc.listing() == before, step
        put_in()
    assert step > 20
    assert arc.listing() == before
