"""The local users to whom A-REX may map grid users, as far as arc.conf names them.

A mapping plugin decides only when a grid user submits, so its users are not known in advance. This
module makes no network requests. Source: ARC 6.17 and 7.0 `src/doc/arc.conf.reference`,
`[mapping]`.
"""

from __future__ import annotations

import grp
import os
import pwd
import shlex
from collections.abc import Iterable
from typing import NamedTuple

from arc_lrms_oar.arex.config import Blocks
from arc_lrms_oar.arex.userfiles import Owner

_RULES = ("map_to_user", "map_to_pool", "map_with_file", "map_with_plugin")
_LIMIT = 1 << 20


class Account(NamedTuple):
    """A user of this machine, the group that jobs get, and all groups of the user."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()


ROOT = Account("root", 0, 0)


class MappedUsers(NamedTuple):
    """User names (some as `user:group`) in the order of the rules, and the rules left out."""

    names: list[str]
    unresolved: list[str]


def mapped_users(blocks: Blocks) -> MappedUsers:
    """The users that the rules of `[mapping]` name."""
    names: list[str] = []
    unresolved: list[str] = []
    for rule in _RULES:
        for value in blocks.get("mapping", {}).get(rule, []):
            _, _, rest = value.strip().partition(" ")
            target = rest.strip()
            if rule == "map_to_user":
                names.append(target)
            elif rule == "map_with_plugin":
                unresolved.append(f"{rule}={value}: the plugin's users are not known in advance")
            else:
                path = os.path.join(target, "pool") if rule == "map_to_pool" else target
                parse = _parse_pool if rule == "map_to_pool" else _parse_map_file
                try:
                    with open(path, encoding="utf-8", errors="replace") as file:
                        names += parse(file.read(_LIMIT).splitlines())
                except OSError as error:
                    unresolved.append(f"{rule}={value}: {path}: {error.strerror}")
    return MappedUsers(list(dict.fromkeys(name for name in names if name)), unresolved)


def _parse_pool(lines: Iterable[str]) -> list[str]:
    return [line.strip() for line in lines if not line.startswith("#")]


def _parse_map_file(lines: Iterable[str]) -> list[str]:
    """The users of `"DN" user` lines; of several users on a line, the first."""
    found = []
    for line in lines:
        try:
            fields = shlex.split(line, comments=True)
        except ValueError:
            continue
        if len(fields) > 1:
            found.append(fields[-1].split(",")[0])
    return found


def find_account(name: str) -> Account | None:
    """The account `name` or `name:group`; None if there is no such user or group."""
    user, _, group = name.partition(":")
    try:
        entry = pwd.getpwnam(user)
        gid = grp.getgrnam(group).gr_gid if group else entry.pw_gid
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, gid, tuple(os.getgrouplist(user, gid)))


def refusing_shell(account: Account) -> str:
    """The login shell of a user whom it refuses; "" if it is another one."""
    try:
        shell = pwd.getpwuid(account.uid).pw_shell
    except KeyError:
        return ""
    return shell if os.path.basename(shell) in ("nologin", "false") else ""


def own_account() -> Account:
    """The account that runs this process."""
    owner = Owner(os.geteuid(), os.getegid())
    return Account(owner.name, *owner, tuple(os.getgroups()))
