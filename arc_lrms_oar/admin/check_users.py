"""doctor's checks of the mapped users: OAR's commands and session directories.

Session directories are created as A-REX creates them, and removed again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress

from arc_lrms_oar.admin.as_user import run_as
from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.admin.mapped_users import Account, find_account, mapped_users, own_account
from arc_lrms_oar.arex.config import Blocks
from arc_lrms_oar.arex.userfiles import Owner, overwrite, remove_directory
from arc_lrms_oar.commands.connect import transport_of
from arc_lrms_oar.errors import OarUnavailable, SiteError
from arc_lrms_oar.oar.transport import CommandFailed
from arc_lrms_oar.settings import Settings

_COMMANDS = ("oarsub", "oarstat", "oardel", "oarnodes")
_DEFAULT_SESSIONS = "/var/spool/arc/sessiondir"
_MOST_USERS = 5


def choose_users(blocks: Blocks, chosen: list[str]) -> tuple[list[Finding], list[Account]]:
    """The users to run the checks as: the `chosen` ones, or the first mapped ones.

    For an ordinary user it is that user, as with A-REX's internal interface.
    """
    if os.geteuid() != 0:
        own = own_account()
        return [ok("users", f"A-REX and its jobs run as {own.name}, who runs doctor")], [own]
    mapped = mapped_users(blocks)
    cure = "name a user with --user"
    found = [warn("users", text, cure) for text in mapped.unresolved if not chosen]
    accounts = []
    for name in chosen or mapped.names:
        account = find_account(name)
        if account is None:
            text = f"there is no user or group {name}" + ("" if chosen else ", used in [mapping]")
            found.append(fail("users", text, "create it (on the nodes too), or correct [mapping]"))
        elif account.uid == 0:
            text = "grid users are mapped to root, whose jobs A-REX and OAR refuse"
            found.append(fail("users", text, "map them to an ordinary user in [mapping]"))
        else:
            accounts.append(account)
    if not accounts and not found:
        text = "[mapping] names no user: all jobs would run as root, which OAR refuses"
        found.append(fail("users", text, "add map_to_user or another rule, see man arc.conf"))
    if len(accounts) > _MOST_USERS and not chosen:
        text = f"checking the first {_MOST_USERS} of {len(accounts)} mapped users"
        accounts = accounts[:_MOST_USERS]
        found.append(ok("users", f"{text} (others: --user)"))
    elif accounts:
        found.append(ok("users", "jobs run as " + ", ".join(one.name for one in accounts)))
    return found, accounts


def check_commands(settings: Settings, user: Account) -> Iterator[Finding]:
    """Whether `user` can run OAR's commands."""
    check = f"OAR commands as {user.name}"
    try:
        wrong: dict[str, str] = run_as(user, lambda: _failing_commands(settings))
    except SiteError as error:
        yield fail(check, str(error), "run doctor as root")
        return
    for command, why in wrong.items():
        yield fail(
            check,
            f"{command} {why}",
            f"let {user.name} run `{command} -V` (OAR installs it with mode 6755, group oar)"
            if settings.bin_path
            else f"install OAR's user commands, let {user.name} run {command}, or set bin_path in "
            "[custom:oar]",
        )
    if not wrong:
        yield ok(check, ", ".join(_COMMANDS) + " run")


def _failing_commands(settings: Settings) -> dict[str, str]:
    transport = transport_of(settings)
    wrong = {}
    for command in _COMMANDS:
        try:
            done = transport.run([command, "-V"])
        except CommandFailed as error:
            wrong[command] = str(error).partition(": ")[2]
        except OarUnavailable as error:
            wrong[command] = str(error)
        else:
            if done.code != 0:
                wrong[command] = f"-V exits with status {done.code}: {done.stderr[:200]}"
    return wrong


def session_dirs(blocks: Blocks) -> list[str]:
    """A-REX's session directories, without drained ones, which get no new jobs."""
    values = blocks.get("arex", {}).get("sessiondir", [_DEFAULT_SESSIONS])
    words = [value.split() for value in values]
    return [word[0] for word in words if word and "drain" not in word[1:]]


def check_sessions(blocks: Blocks, user: Account) -> Iterator[Finding]:
    """Whether a session directory can be created for `user` in each place, and written to."""
    for place in session_dirs(blocks):
        check = f"session directory of {user.name}"
        if place == "*":
            yield ok(check, "in the user's home directory, not checked")
            continue
        error = _session_error(place, user)
        if error:
            yield fail(
                check,
                f"{place}: {error}",
                f"let {user.name} reach it (mode 755, also of its parent directories), and on NFS "
                "let root create directories there (no_root_squash)",
            )
        else:
            yield ok(check, f"writable below {place}")


def _session_error(place: str, user: Account) -> str:
    """Why a session directory cannot be created and written to, or ""."""
    owner = Owner(user.uid, user.gid)
    try:
        folder = create_session(place, user)
    except OSError as error:
        return f"A-REX cannot create a directory: {error.strerror}"
    try:
        written = overwrite(os.path.join(folder, "try"), b"doctor\n", owner)
        return "" if written else f"{user.name} cannot write to their own directory there"
    except OSError as error:
        return f"{user.name} cannot write a file: {error.strerror}"
    finally:
        remove_directory(folder, owner)
        # It is empty now; only the owner of the place, A-REX, may remove it.
        with suppress(OSError):
            os.rmdir(folder)


def create_session(place: str, user: Account) -> str:
    """Create a private directory of `user` below `place`, as A-REX does; raises OSError."""
    folder = tempfile.mkdtemp(prefix="arc_oar_doctor.", dir=place)
    if os.geteuid() != user.uid:
        os.chown(folder, user.uid, user.gid)
    return folder
