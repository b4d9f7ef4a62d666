"""Looks at what the mapped users can do: run OAR's commands, write in their session directories.

What is made in a session directory is made as A-REX makes it, and taken away again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress

from arc_lrms_oar.admin.as_user import as_user
from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.admin.mapped_users import Account, account, mapping_of, myself
from arc_lrms_oar.arex.config import Blocks
from arc_lrms_oar.arex.userfiles import Owner, overwrite, remove_directory
from arc_lrms_oar.commands.connect import runner_of
from arc_lrms_oar.errors import OarUnavailable, SiteError
from arc_lrms_oar.oar.runner import CommandFailed
from arc_lrms_oar.settings import Settings

_COMMANDS = ("oarsub", "oarstat", "oardel", "oarnodes")
_DEFAULT_SESSIONS = "/var/spool/arc/sessiondir"
_MOST_USERS = 5


def users(blocks: Blocks, chosen: list[str]) -> tuple[list[Finding], list[Account]]:
    """Those as whom the checks are made: the `chosen` ones, or the first ones that are mapped.

    Where doctor is run by an ordinary user, as A-REX is for the INTERNAL interface, it is this one.
    """
    if os.geteuid() != 0:
        me = myself()
        return [ok("users", f"A-REX and its jobs run as {me.name} alone, as doctor does")], [me]
    told = mapping_of(blocks)
    found = [warn("users", text, "name one with --user") for text in told.untold if not chosen]
    accounts = []
    for name in chosen or told.names:
        one = account(name)
        if one is None:
            text = f"there is no user or group {name}" + ("" if chosen else ", but jobs are mapped")
            found.append(fail("users", text, "make it (on the nodes too), or correct [mapping]"))
        elif one.uid == 0:
            text = "grid users are mapped to root, whose jobs A-REX and OAR refuse"
            found.append(fail("users", text, "map them to an ordinary user in [mapping]"))
        else:
            accounts.append(one)
    if not accounts and not found:
        text = "[mapping] names nobody, so that all jobs would run as root, which OAR refuses"
        found.append(fail("users", text, "add map_to_user and the like, see man arc.conf"))
    if len(accounts) > _MOST_USERS and not chosen:
        text = f"looked at as the first {_MOST_USERS} of {len(accounts)} mapped users"
        accounts = accounts[:_MOST_USERS]
        found.append(ok("users", f"{text} (others: --user)"))
    elif accounts:
        found.append(ok("users", "jobs run as " + ", ".join(one.name for one in accounts)))
    return found, accounts


def look_at_commands(settings: Settings, user: Account) -> Iterator[Finding]:
    """Whether `user` can run OAR's commands."""
    what = f"OAR commands as {user.name}"
    try:
        wrong: dict[str, str] = as_user(user, lambda: _failing(settings))
    except SiteError as error:
        yield fail(what, str(error), "run doctor as root")
        return
    for command, why in wrong.items():
        yield fail(
            what,
            f"{command} {why}",
            f"see that {user.name} can run `{command} -V` (OAR ships it with mode 6755, group oar)"
            if settings.bin_path
            else f"install OAR's user commands, let {user.name} run {command}, or set bin_path "
            "in [custom:oar]",
        )
    if not wrong:
        yield ok(what, ", ".join(_COMMANDS) + " run")


def _failing(settings: Settings) -> dict[str, str]:
    runner = runner_of(settings)
    wrong = {}
    for command in _COMMANDS:
        try:
            done = runner.run([command, "-V"])
        except CommandFailed as error:
            wrong[command] = str(error).partition(": ")[2]
        except OarUnavailable as error:
            wrong[command] = str(error)
        else:
            if done.code != 0:
                wrong[command] = f"ends with exit code {done.code}: {done.stderr[:200]}"
    return wrong


def session_dirs(blocks: Blocks) -> list[str]:
    """A-REX's session directories; those that are drained get no new jobs and are left out."""
    values = blocks.get("arex", {}).get("sessiondir", [_DEFAULT_SESSIONS])
    words = [value.split() for value in values]
    return [word[0] for word in words if word and "drain" not in word[1:]]


def look_at_sessions(blocks: Blocks, user: Account) -> Iterator[Finding]:
    """Whether a session directory of `user`'s can be made in each place, and he can write there."""
    for place in session_dirs(blocks):
        what = f"session directory of {user.name}"
        if place == "*":
            yield ok(what, "in his home, not looked at")
            continue
        trouble = _try(place, user)
        if trouble:
            yield fail(
                what,
                f"{place}: {trouble}",
                f"let {user.name} reach it (mode 755, all directories above too), and on NFS let "
                "root make directories there (no_root_squash)",
            )
        else:
            yield ok(what, f"he can write below {place}")


def _try(place: str, user: Account) -> str:
    """What goes wrong where A-REX makes a session directory and its user writes into it; or ""."""
    owner = Owner(user.uid, user.gid)
    try:
        folder = make_session(place, user)
    except OSError as error:
        return f"A-REX can make no directory there: {error.strerror}"
    try:
        written = overwrite(os.path.join(folder, "try"), b"doctor\n", owner)
        return "" if written else f"{user.name} cannot write in a directory of his there"
    except OSError as error:
        return f"there is no room for files of {user.name}: {error.strerror}"
    finally:
        remove_directory(folder, owner)
        # He has emptied it; where it stands only A-REX may take it away.
        with suppress(OSError):
            os.rmdir(folder)


def make_session(place: str, user: Account) -> str:
    """A new directory of `user`'s alone below `place`, as A-REX makes it; raises OSError."""
    folder = tempfile.mkdtemp(prefix="arc_oar_doctor.", dir=place)
    if os.geteuid() != user.uid:
        os.chown(folder, user.uid, user.gid)
    return folder
