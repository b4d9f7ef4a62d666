"""doctor's checks of the mapped users: that they exist, and can run OAR's commands."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator

from arc_lrms_oar.admin.as_user import run_as
from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.admin.mapped_users import (
    Account,
    find_account,
    mapped_users,
    own_account,
    refusing_shell,
)
from arc_lrms_oar.arex.config import Blocks
from arc_lrms_oar.commands.connect import transport_of
from arc_lrms_oar.errors import OarUnavailable, SiteError
from arc_lrms_oar.oar.transport import CommandFailed
from arc_lrms_oar.process import ENVIRONMENT
from arc_lrms_oar.settings import Settings

_COMMANDS = ("oarsub", "oarstat", "oardel", "oarnodes")
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


def check_shell(settings: Settings, user: Account) -> Iterator[Finding]:
    """Whether `user` has a shell that OAR can start jobs with, as far as this machine shows it."""
    shell = "" if settings.remote_host else refusing_shell(user)
    if shell:
        yield warn(
            "users",
            f"{user.name} has the shell {shell} here; jobs fail on each node where it is the same",
            f"run: usermod -s /bin/sh {user.name}; also on the nodes: OAR starts jobs with it",
        )


def check_commands(settings: Settings, user: Account) -> Iterator[Finding]:
    """Whether `user` can run OAR's commands."""
    check = f"OAR commands as {user.name}"
    try:
        wrong: dict[str, str] = run_as(user, lambda: _failing_commands(settings))
    except SiteError as error:
        yield fail(check, str(error), "run doctor as root")
        return
    for command, why in wrong.items():
        yield fail(check, f"{command} {why}", _command_cure(settings, user, command, why))
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


def _command_cure(settings: Settings, user: Account, command: str, why: str) -> str:
    if settings.remote_host:
        return (
            f"make this work as {user.name}: ssh -o BatchMode=yes -i {settings.private_key} "
            f"-l {settings.remote_user} {settings.remote_host} {command} -V"
        )
    if os.strerror(errno.ENOENT) in why:
        if settings.bin_path:
            return "correct the value, or remove bin_path from [custom:oar]"
        return "install OAR's user commands on this machine, or set bin_path in [custom:oar]"
    if os.strerror(errno.EACCES) in why:
        path = shutil.which(command, path=settings.bin_path or ENVIRONMENT["PATH"])
        mode = "OAR installs it with mode 6755, group oar"
        if path:
            return f"run: chmod 6755 {os.path.realpath(path)}; {mode}"
        return f"restore the mode of {command}: {mode}"
    return f"run `{command} -V` as {user.name}, and check OAR's log /var/log/oar.log"
