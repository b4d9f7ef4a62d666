"""doctor's checks of this package: found by A-REX's scripts, readable for users, safe for root."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress

from arc_lrms_oar import process, replacement
from arc_lrms_oar.admin import arc_locations, package_owner
from arc_lrms_oar.admin.arc_locations import Arc
from arc_lrms_oar.admin.as_user import run_as
from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.admin.mapped_users import Account
from arc_lrms_oar.admin.package_owner import Owner
from arc_lrms_oar.arex.config import RUNTIME_CONFIG
from arc_lrms_oar.errors import SiteError
from arc_lrms_oar.version import __version__

_OLDEST_PYTHON = (3, 9)
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_SCRIPT_TIMEOUT = 20
# No such file exists: the script fails when it has been loaded, before it asks OAR anything.
_NO_GRAMI = "/nonexistent/doctor.grami"
_PRINT_COPIES = """
import os, sys
for folder in sys.path:
    package = os.path.join(folder, "arc_lrms_oar")
    if os.path.isfile(os.path.join(package, "__init__.py")):
        print(os.path.realpath(package))
"""


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
            f"run: cd / && {python} -m arc_lrms_oar doctor",
        )
    else:
        yield ok("Python", f"{python} {text} finds arc_lrms_oar {__version__} in {found}")
        yield from _check_copies(python)


def _check_copies(python: str) -> Iterator[Finding]:
    """Whether A-REX's Python finds one copy of the package only."""
    copies = list(dict.fromkeys(arc_locations.run([python, "-c", _PRINT_COPIES]).split("\n")[:-1]))
    if len(copies) < 2:
        return
    packaged = {copy: package_owner.owner(f"{copy}/__init__.py") for copy in copies}
    named = [_described(copy, packaged[copy]) for copy in copies]
    # The copy of the package manager stays: it belongs to the scripts in ARC's data directory.
    unwanted = [copy for copy in copies if packaged[copy] is None]
    if len(unwanted) == len(copies):
        unwanted = copies[1:]
    yield warn(
        "Python",
        f"there are {len(copies)} copies of the package: {named[0]} is used, and "
        f"{', '.join(named[1:])} is not",
        f"keep one copy; run: {' && '.join(_removal(python, copy) for copy in unwanted)}",
    )


def _described(copy: str, owner: Owner | None) -> str:
    """A copy with its version and its package."""
    try:
        with open(os.path.join(copy, "version.py"), encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError):
        text = ""
    version = text.partition('__version__ = "')[2].partition('"')[0]
    details = [version or "version unknown", *([f"package {owner.package}"] if owner else [])]
    return f"{copy} ({', '.join(details)})"


def _removal(python: str, copy: str) -> str:
    """The command that removes a copy that no package manager owns."""
    beside = os.path.dirname(copy)
    with suppress(OSError):
        for name in os.listdir(beside):
            if name.startswith("arc_lrms_oar-") and name.endswith(".dist-info"):
                return f"{python} -m pip uninstall arc_lrms_oar"
    return f"rm -r {copy}"


def check_permissions(arc: Arc | None, arex: Account) -> Iterator[Finding]:
    """Whether only root and the user `arex` can change the package and the scripts.

    A-REX runs them as `arex`: root, or with the internal interface the caller.
    """
    allowed = "root" if arex.uid == 0 else f"root and {arex.name}"
    unsafe = [path for path in _package_files() if _is_unsafe(path, arex)]
    if unsafe:
        yield fail(
            "permissions",
            f"users other than {allowed} can change {unsafe[0]}, which A-REX runs as {arex.name}"
            + (f" (and {len(unsafe) - 1} more)" if len(unsafe) > 1 else ""),
            f"run: {_protection(arc_locations.PACKAGE_FOLDER, unsafe, arex, '-R ')}",
        )
    elif arc is not None and _is_unsafe(os.path.realpath(arc.data_dir), arex):
        yield fail(
            "permissions",
            f"users other than {allowed} can replace the scripts in {arc.data_dir}, which A-REX "
            f"runs as {arex.name}",
            f"run: {_protection(arc.data_dir, [arc.data_dir], arex)}",
        )
    else:
        yield ok("permissions", f"only {allowed} can change what A-REX runs")


def _protection(path: str, unsafe: list[str], arex: Account, option: str = "") -> str:
    """The command after which `path` is safe; a user's own copy stays theirs."""
    mode = f"chmod {option}go-w {path}"
    if arex.uid != 0 and all(os.stat(one).st_uid == arex.uid for one in unsafe):
        return mode
    return f"chown {option}root:root {path} && {mode}"


def check_submit_script(arc: Arc, lrms: str, config: str, user: Account) -> Iterator[Finding]:
    """Whether `user` can run the installed submit script, as A-REX runs it.

    `config` is the configuration that A-REX passes to it.
    """
    check = f"submit script as {user.name}"
    script = os.path.join(arc.data_dir, f"submit-{lrms}-job")
    if not os.path.exists(script):
        return
    try:
        files = list(_package_files())
        unreadable, output = run_as(user, lambda: _try_submit_script(script, config, files))
    except SiteError as error:
        yield fail(check, f"cannot run {script}: {error}", f"run: chmod 755 {script}")
        return
    if unreadable:
        yield fail(
            check,
            f"{user.name} cannot read {unreadable[0]}"
            + (f" (and {len(unreadable) - 1} more)" if len(unreadable) > 1 else ""),
            f"run: chmod -R a+rX {arc_locations.PACKAGE_FOLDER}",
        )
    elif config == RUNTIME_CONFIG and f"{config}: cannot read" in output:
        yield fail(
            check,
            f"{user.name} cannot read {config}, which A-REX made of arc.conf",
            f"run: chmod a+r {config}; and let A-REX start with umask 022",
        )
    elif _NO_GRAMI in output or config in output:
        yield ok(check, f"{script} runs")
    else:
        last = output.strip().rpartition("\n")[2]
        cure = f"run `{script} --help` as {user.name}, and install the package again"
        yield fail(check, f"{script}: {last or 'no output'}", cure)


def _try_submit_script(script: str, config: str, files: list[str]) -> tuple[list[str], str]:
    """Those of `files` that the caller cannot read, and what the script prints."""
    unreadable = [path for path in files if not os.access(path, os.R_OK)]
    argv = [script, "--config", config, _NO_GRAMI]
    environment = {**arc_locations.environment(), **replacement.NO_MORE_TRIES}
    done = process.run(argv, _SCRIPT_TIMEOUT, environment)
    return unreadable[:100], (done.stdout + done.stderr).decode("utf-8", "replace")


def _package_files() -> Iterator[str]:
    for folder, _, names in os.walk(arc_locations.PACKAGE_FOLDER):
        yield folder
        yield from (os.path.join(folder, name) for name in names)


def _is_unsafe(path: str, arex: Account) -> bool:
    status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        return False
    return bool(status.st_mode & _WRITABLE_BY_OTHERS) or status.st_uid not in (0, arex.uid)
