"""doctor's checks of ARC: this package's files in it, and gm-kick."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator

from arc_lrms_oar.admin import arc_locations, package_owner
from arc_lrms_oar.admin.arc_locations import Arc
from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.admin.share_files import files_to_install, has_content, is_installed
from arc_lrms_oar.arex.kick import find_gm_kick
from arc_lrms_oar.errors import SiteError


def check_scripts(arc: Arc | None, arc_error: str, lrms: str) -> Iterator[Finding]:
    """Whether ARC is installed, and this package's files for `lrms` are installed in it."""
    if arc is None:
        yield fail("ARC", arc_error, "install ARC CE (nordugrid-arc-arex) on this machine")
        return
    yield ok("ARC", f"{arc.version or 'version unknown'}, data directory {arc.data_dir}")
    install = f"run: {_installation(lrms.upper())}"
    try:
        files = files_to_install(lrms, arc)
    except SiteError as error:
        yield fail("scripts", str(error), install)
        return
    packaged = package_owner.owners(file.target for file in files)
    wrong = 0
    for file in files:
        if is_installed(file):
            continue
        wrong += 1
        owner = packaged.get(file.target)
        cure = f"run: {owner.reinstall}" if owner else install
        if not os.path.lexists(file.target):
            yield fail("scripts", f"{file.target} is missing", cure)
        elif has_content(file):
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


def _installation(lrms: str) -> str:
    """The command that installs the files for `lrms`."""
    own = package_owner.owner(os.path.join(arc_locations.PACKAGE_FOLDER, "__init__.py"))
    if own and own.command == "apt-get" and lrms == "SLURMPY":
        return f"apt-get install {package_owner.SLURMPY_PACKAGE}"
    return f"{sys.executable} -m arc_lrms_oar install --lrms {lrms}"


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
