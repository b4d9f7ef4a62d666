"""The users that [mapping] names, and running a function as one of them."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from support.users import needs_root

from arc_lrms_oar.admin.as_user import run_as
from arc_lrms_oar.admin.mapped_users import (
    Account,
    MappedUsers,
    find_account,
    mapped_users,
    own_account,
)
from arc_lrms_oar.arex.config import parse_blocks
from arc_lrms_oar.errors import SiteError

NOBODY = Account("nobody", 65534, 65534)


def told(text: str) -> MappedUsers:
    return mapped_users(parse_blocks(f"[mapping]\n{text}\n", "arc.conf"))


def test_users_pools_and_map_files(tmp_path: Path) -> None:
    pool = tmp_path / "pool"
    pool.mkdir()
    (pool / "pool").write_text("# comment\natlas1\natlas2\n\n")
    (tmp_path / "map").write_text(
        '"/O=Grid/CN=A B" anna,bert\n/O=Grid/CN=C carl\n# no "/CN=D" one\nbroken "\nalone\n'
    )
    found = told(
        f"map_to_user = all griduser:grid\nmap_to_user = some other\nmap_to_pool = atlas {pool}\n"
        f"map_with_file = b {tmp_path}/map\nmap_to_user = all other\npolicy_on_nomap = continue"
    )
    assert found == MappedUsers(["griduser:grid", "other", "atlas1", "atlas2", "anna", "carl"], [])


def test_rules_that_cannot_be_resolved(tmp_path: Path) -> None:
    found = told(f"map_with_plugin = c 30 /bin/x %D\nmap_to_pool = d {tmp_path}/none")
    assert found.names == []
    assert found.unresolved == [
        f"map_to_pool=d {tmp_path}/none: {tmp_path}/none/pool: No such file or directory",
        "map_with_plugin=c 30 /bin/x %D: the plugin's users are not known in advance",
    ]


def test_accounts() -> None:
    me = pwd.getpwuid(0)
    other = find_account("root:nogroup")
    assert other is not None
    assert (other.uid, other.gid) == (0, 65534)
    found = find_account("root")
    assert found is not None
    assert (found.uid, found.gid) == (0, me.pw_gid)
    assert find_account("no such user") is None
    assert find_account("root:no such group") is None
    assert own_account().uid == os.geteuid()


def identity() -> list[Any]:
    return [os.getresuid(), os.getresgid(), os.getgroups(), os.getcwd(), os.umask(0o077)]


@needs_root
def test_all_ids_are_the_users() -> None:
    before = identity()
    assert run_as(NOBODY, identity) == [[65534] * 3, [65534] * 3, [], "/", 0o077]
    assert run_as(NOBODY._replace(groups=(65534, 12)), os.getgroups) == [12, 65534]
    assert identity()[:3] == before[:3]


def test_errors_are_reported() -> None:
    def refuse() -> None:
        raise PermissionError(13, "Permission denied", "/x")

    with pytest.raises(SiteError, match=r"Permission denied: '/x'"):
        run_as(own_account(), refuse)
    with pytest.raises(SiteError, match="ZeroDivisionError: division by zero"):
        run_as(own_account(), lambda: 1 / 0)
    with pytest.raises(SiteError, match="ended without a result"):
        run_as(own_account(), lambda: os._exit(3))
