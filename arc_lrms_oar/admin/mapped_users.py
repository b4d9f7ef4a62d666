"""The local users to whom A-REX may map grid users, as far as arc.conf tells.

A plug-in decides only when a grid user comes, so whom it gives cannot be told here. Must not ask
anything over the network. Source: ARC 6.17 and 7.0 `src/doc/arc.conf.reference`, `[mapping]`.
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
    """A user of this machine, with the group that jobs get and all his groups."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()


class Mapping(NamedTuple):
    """User names, some with `:group`, in the order of the rules; and what could not be told."""

    names: list[str]
    untold: list[str]


def mapping_of(blocks: Blocks) -> Mapping:
    """Whom the rules of `[mapping]` name."""
    names: list[str] = []
    untold: list[str] = []
    for rule in _RULES:
        for value in blocks.get("mapping", {}).get(rule, []):
            _, _, rest = value.strip().partition(" ")
            target = rest.strip()
            if rule == "map_to_user":
                names.append(target)
            elif rule == "map_with_plugin":
                untold.append(f"{rule}={value} decides when a grid user comes")
            else:
                path = os.path.join(target, "pool") if rule == "map_to_pool" else target
                read = _pool if rule == "map_to_pool" else _map_file
                try:
                    with open(path, encoding="utf-8", errors="replace") as file:
                        names += read(file.read(_LIMIT).splitlines())
                except OSError as error:
                    untold.append(f"{rule}={value}: {path}: {error.strerror}")
    return Mapping(list(dict.fromkeys(name for name in names if name)), untold)


def _pool(lines: Iterable[str]) -> list[str]:
    return [line.strip() for line in lines if not line.startswith("#")]


def _map_file(lines: Iterable[str]) -> list[str]:
    """The users of `"DN" user` lines; of several users in a line the first counts."""
    found = []
    for line in lines:
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        if len(words) > 1:
            found.append(words[-1].split(",")[0])
    return found


def account(name: str) -> Account | None:
    """The account called `name` or `name:group`; None where there is no such user or group."""
    user, _, group = name.partition(":")
    try:
        entry = pwd.getpwnam(user)
        gid = grp.getgrnam(group).gr_gid if group else entry.pw_gid
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, gid, tuple(os.getgrouplist(user, gid)))


def myself() -> Account:
    """The account that runs this process."""
    me = Owner(os.geteuid(), os.getegid())
    return Account(me.name, *me, tuple(os.getgroups()))
