"""doctor's check of the ssh connection to OAR's machine, for the users who submit and for A-REX."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from arc_lrms_oar.admin.as_user import run_as
from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.admin.mapped_users import Account
from arc_lrms_oar.commands.connect import transport_of
from arc_lrms_oar.errors import OarUnavailable, SiteError
from arc_lrms_oar.settings import Settings

# An absolute path is not searched in bin_path.
_HARMLESS = "/bin/true"


def check_ssh(
    settings: Settings, users: Sequence[Account], foreign: bool
) -> tuple[list[Finding], list[Account]]:
    """Whether these users can log in to `remote_host`; one finding for each reason why not.

    A user whom no job belongs to needs no login: `foreign` says that A-REX runs as another one.

    Returns:
        The findings, and the users who can log in.
    """
    check = f"ssh to {settings.remote_host}"
    reached = []
    failing: dict[str, list[Account]] = {}
    for user in users:
        problem = _problem_of(settings, user)
        if problem:
            failing.setdefault(problem, []).append(user)
        else:
            reached.append(user)
    found = []
    for problem, those in failing.items():
        names = ", ".join(user.name for user in those)
        if foreign and names != settings.remote_user:
            text = f"not checked: not possible as {names}: {problem}"
            found.append(warn(check, text, f"run doctor as root or as {settings.remote_user}"))
        else:
            found.append(fail(check, f"as {names}: {problem}", _cure(settings, problem)))
    if reached:
        names = ", ".join(user.name for user in reached)
        found.append(ok(check, f"{names} can log in as {settings.remote_user}"))
    return found, reached


def _problem_of(settings: Settings, user: Account) -> str:
    """Why `user` cannot log in, or ""."""
    try:
        problem: str = run_as(user, lambda: _key_problem(settings.private_key) or _login(settings))
    except SiteError as error:
        return str(error)
    return problem


def _key_problem(key: str) -> str:
    """What is wrong with the key file; ssh itself only says that the login was refused."""
    try:
        with open(key, "rb") as file:
            status = os.fstat(file.fileno())
    except OSError as error:
        return f"cannot read the private key {key}: {error.strerror}"
    if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077:
        mode = stat.S_IMODE(status.st_mode)
        return f"ssh ignores the private key {key}: others can use it (mode {mode:o})"
    return ""


def _login(settings: Settings) -> str:
    try:
        transport_of(settings).run([_HARMLESS])
    except OarUnavailable as error:
        return str(error).partition(": ")[2]
    return ""


def _cure(settings: Settings, problem: str) -> str:
    host, user, key = settings.remote_host, settings.remote_user, settings.private_key
    if key in problem:
        if os.path.exists(key):
            return f"run: chown {user} {key} && chmod 600 {key}; {user} must reach its directory"
        return f"create the key {key}, or correct private_key in [custom:oar]"
    if "Host key verification failed" in problem:
        return (
            f"run: ssh-keyscan {host} >>/etc/ssh/ssh_known_hosts; "
            f"compare the keys with those in /etc/ssh on {host}"
        )
    if "Permission denied" in problem:
        return (
            f"add what `ssh-keygen -y -f {key}` prints to .ssh/authorized_keys of {user} on "
            f"{host}, or correct private_key or remote_user in [custom:oar]"
        )
    if "resolve hostname" in problem:
        return f"correct remote_host in [custom:oar], or add {host} to DNS or /etc/hosts"
    return f"make this work as {user} and as root: ssh -v -i {key} -l {user} {host} true"
