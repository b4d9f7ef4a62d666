"""doctor's checks of the CE itself: Python, this package, ARC's scripts, A-REX's directories.

They do not ask OAR and change nothing.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator

from arc_lrms_oar.admin import arc_locations
from arc_lrms_oar.admin.arc_locations import Arc
from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.admin.share_files import files_to_install, is_installed
from arc_lrms_oar.arex.kick import find_gm_kick
from arc_lrms_oar.errors import SiteError
from arc_lrms_oar.settings import Settings
from arc_lrms_oar.version import __version__

_OLDEST_PYTHON = (3, 9)
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def check_python() -> Iterator[Finding]:
    """Whether A-REX's scripts find a recent enough Python and this package."""
    try:
        python = arc_locations.system_python()
    except SiteError as error:
        yield fail("Python", str(error), "install python3")
        return
    text = arc_locations.run(
        [python, "-c", "import sys; print(*sys.version_info[:3], sep='.')"]
    ).strip()
    version = tuple(int(number) for number in text.split(".") if number.isdecimal())
    found = arc_locations.package_seen_by_scripts()
    own = os.path.realpath(arc_locations.PACKAGE_FOLDER)
    if version < _OLDEST_PYTHON:
        cure = "install Python 3.9 or later as the system's python3"
        yield fail(
            "Python", f"{python} has version {text or 'unknown'}, expected 3.9 or later", cure
        )
    elif not found:
        yield fail(
            "Python",
            f"{python}, which A-REX's scripts run, does not find the package arc_lrms_oar",
            f"copy {own} to a directory that `{python} -m site` lists",
        )
    elif found != own:
        yield warn(
            "Python",
            f"A-REX's scripts use another copy of the package: {found}; this is {own}",
            f"run doctor with that copy: {python} -m arc_lrms_oar doctor",
        )
    else:
        yield ok("Python", f"{python} {text} finds arc_lrms_oar {__version__} in {found}")


def check_scripts(arc: Arc | None, arc_error: str, lrms: str) -> Iterator[Finding]:
    """Whether ARC is installed, and this package's files for `lrms` are installed in it."""
    if arc is None:
        yield fail("ARC", arc_error, "install ARC CE (nordugrid-arc-arex) on this machine")
        return
    yield ok("ARC", f"{arc.version or 'version unknown'}, data directory {arc.data_dir}")
    cure = f"run: {sys.executable} -m arc_lrms_oar install --lrms {lrms.upper()}"
    try:
        files = files_to_install(lrms, arc)
    except SiteError as error:
        yield fail("scripts", str(error), cure)
        return
    wrong = 0
    for file in files:
        if is_installed(file):
            continue
        wrong += 1
        if not os.path.lexists(file.target):
            yield fail("scripts", f"{file.target} is missing", cure)
        elif _content(file.target) == file.content:
            mode = stat.S_IMODE(os.stat(file.target).st_mode)
            message = f"{file.target} has mode {mode:04o}, expected {file.mode:04o}"
            yield fail("scripts", message, cure)
        else:
            yield fail(
                "scripts",
                f"{file.target} is not this package's file; an upgrade may have replaced it",
                cure,
            )
    if not wrong:
        yield ok("scripts", f"all {len(files)} files for lrms = {lrms} are installed")


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def check_kick() -> Iterator[Finding]:
    """Whether scan can notify A-REX of ended jobs."""
    found = find_gm_kick()
    if found:
        yield ok("gm-kick", found)
    else:
        yield warn(
            "gm-kick",
            "not found: A-REX notices ended jobs only when it polls",
            "install ARC's package again, or set ARC_LOCATION in A-REX's environment",
        )


def check_directories(settings: Settings) -> Iterator[Finding]:
    """Whether the control directory is usable, and only root can change what A-REX runs as root."""
    control = settings.control_dir
    if not os.path.isdir(os.path.join(control, "processing")):
        cure = "start A-REX, which creates it, or correct controldir in [arex]"
        message = f"{control} is not a control directory: it has no processing/"
        yield fail("control directory", message, cure)
    elif not os.access(control, os.W_OK):
        cure = "run doctor as the user that A-REX runs as (root)"
        yield fail("control directory", f"{control} is not writable", cure)
    elif os.stat(control).st_mode & _WRITABLE_BY_OTHERS:
        message = f"{control} is writable for other users"
        yield fail("control directory", message, f"chmod go-w {control}")
    else:
        yield ok("control directory", control)
    unsafe = [path for path in _package_files() if _is_unsafe(path)]
    if unsafe:
        yield fail(
            "permissions",
            f"users other than root can change {unsafe[0]}, which A-REX runs as root"
            + (f" (and {len(unsafe) - 1} more)" if len(unsafe) > 1 else ""),
            f"chown -R root:root {arc_locations.PACKAGE_FOLDER}; "
            f"chmod -R go-w {arc_locations.PACKAGE_FOLDER}",
        )
    else:
        yield ok("permissions", "only root can change what A-REX runs")


def _package_files() -> Iterator[str]:
    for folder, _, names in os.walk(arc_locations.PACKAGE_FOLDER):
        yield folder
        yield from (os.path.join(folder, name) for name in names)


def _is_unsafe(path: str) -> bool:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return False
    return bool(status.st_mode & _WRITABLE_BY_OTHERS) or status.st_uid not in (0, os.geteuid())
