"""Looks at what stands on the CE: the package, ARC, the scripts in ARC, A-REX's directories.

Must not ask OAR anything and must not change anything.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator

from arc_lrms_oar.admin import arc_locations
from arc_lrms_oar.admin.arc_locations import Arc
from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.admin.share_files import pieces, stands
from arc_lrms_oar.arex.kick import find_gm_kick
from arc_lrms_oar.errors import SiteError
from arc_lrms_oar.settings import Settings
from arc_lrms_oar.version import __version__

_OLDEST = (3, 9)
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def look_at_python() -> Iterator[Finding]:
    """Whether A-REX's scripts find a Python that is new enough, and this package with it."""
    try:
        python = arc_locations.system_python()
    except SiteError as error:
        yield fail("Python", str(error), "install python3")
        return
    said = arc_locations.run(
        [python, "-c", "import sys; print(*sys.version_info[:3], sep='.')"]
    ).strip()
    version = tuple(int(number) for number in said.split(".") if number.isdecimal())
    seen = arc_locations.package_seen_by_scripts()
    mine = os.path.realpath(arc_locations.PACKAGE_FOLDER)
    if version < _OLDEST:
        cure = "install Python 3.9 or later as the system's python3"
        yield fail("Python", f"{python} is {said or 'broken'}, too old for this package", cure)
    elif not seen:
        yield fail(
            "Python",
            f"{python}, which A-REX's scripts run, does not find the package arc_lrms_oar",
            f"install it for that Python: copy {mine} to where `{python} -m site` looks",
        )
    elif seen != mine:
        yield warn(
            "Python",
            f"A-REX's scripts use another copy of the package: {seen}, and this is {mine}",
            f"run doctor by that one: {python} -m arc_lrms_oar doctor",
        )
    else:
        yield ok("Python", f"{python} {said} finds arc_lrms_oar {__version__} in {seen}")


def look_at_arc(arc: Arc | None, trouble: str, lrms: str) -> Iterator[Finding]:
    """Whether ARC is there, with this package's files for `lrms` in their places."""
    if arc is None:
        yield fail("ARC", trouble, "install ARC CE (nordugrid-arc-arex) on this machine")
        return
    yield ok("ARC", f"{arc.version or 'version unknown'}, data directory {arc.data_dir}")
    cure = f"run: {sys.executable} -m arc_lrms_oar install --lrms {lrms.upper()}"
    try:
        wanted = pieces(lrms, arc)
    except SiteError as error:
        yield fail("scripts", str(error), cure)
        return
    wrong = 0
    for piece in wanted:
        if stands(piece):
            continue
        wrong += 1
        if not os.path.lexists(piece.target):
            yield fail("scripts", f"{piece.target} is missing", cure)
        elif _content(piece.target) == piece.content:
            mode = stat.S_IMODE(os.stat(piece.target).st_mode)
            yield fail("scripts", f"{piece.target} has mode {mode:04o}, not {piece.mode:04o}", cure)
        else:
            yield fail(
                "scripts",
                f"{piece.target} is not this package's: replaced, by an upgrade of ARC perhaps",
                cure,
            )
    if not wrong:
        yield ok("scripts", f"all {len(wanted)} for lrms = {lrms} are in their places")


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def look_at_kick() -> Iterator[Finding]:
    """Whether scan can tell A-REX at once that jobs have ended."""
    found = find_gm_kick()
    if found:
        yield ok("gm-kick", found)
    else:
        yield warn(
            "gm-kick",
            "not found, so A-REX learns of ended jobs only when it looks by itself",
            "install ARC's package again, or set ARC_LOCATION where A-REX is started",
        )


def look_at_places(settings: Settings) -> Iterator[Finding]:
    """Whether A-REX's control directory can be worked in, and nobody else can change what it runs.

    The scripts and the package are run by A-REX as root.
    """
    control = settings.control_dir
    if not os.path.isdir(os.path.join(control, "processing")):
        cure = "start A-REX, which makes it, or correct [arex] controldir"
        yield fail("control directory", f"{control} is none: it has no processing/", cure)
    elif not os.access(control, os.W_OK):
        cure = "run doctor as the user that A-REX runs as (root)"
        yield fail("control directory", f"{control} cannot be written", cure)
    elif os.stat(control).st_mode & _OTHERS_WRITE:
        yield fail("control directory", f"others can write {control}", f"chmod go-w {control}")
    else:
        yield ok("control directory", control)
    open_to_others = [path for path in _package_files() if _others_can_write(path)]
    if open_to_others:
        yield fail(
            "permissions",
            f"others than root can change {open_to_others[0]}, which A-REX runs as root"
            + (f" (and {len(open_to_others) - 1} more)" if len(open_to_others) > 1 else ""),
            f"chown -R root:root {arc_locations.PACKAGE_FOLDER}; "
            f"chmod -R go-w {arc_locations.PACKAGE_FOLDER}",
        )
    else:
        yield ok("permissions", "nobody else can change what A-REX runs")


def _package_files() -> Iterator[str]:
    for folder, _, names in os.walk(arc_locations.PACKAGE_FOLDER):
        yield folder
        yield from (os.path.join(folder, name) for name in names)


def _others_can_write(path: str) -> bool:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return False
    return bool(status.st_mode & _OTHERS_WRITE) or status.st_uid not in (0, os.geteuid())
