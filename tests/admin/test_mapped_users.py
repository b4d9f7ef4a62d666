"""Whom [mapping] names, by each of ARC's rules; and doing something as one of them."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest
from support.users import needs_root

from arc_lrms_oar.admin.as_user import as_user
from arc_lrms_oar.admin.mapped_users import Account, Mapping, account, mapping_of, myself
from arc_lrms_oar.arex.config import parse_blocks
from arc_lrms_oar.errors import SiteError

NOBODY = Account("nobody", 65534, 65534)


def told(text: str) -> Mapping:
    return mapping_of(parse_blocks(f"[mapping]\n{text}\n", "arc.conf"))


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
    assert found == Mapping(["griduser:grid", "other", "atlas1", "atlas2", "anna", "carl"], [])


def test_what_cannot_be_told(tmp_path: Path) -> None:
    found = told(f"map_with_plugin = c 30 /bin/x %D\nmap_to_pool = d {tmp_path}/none")
    assert found.names == []
    assert found.untold == [
        f"map_to_pool=d {tmp_path}/none: {tmp_path}/none/pool: No such file or directory",
        "map_with_plugin=c 30 /bin/x %D decides when a grid user comes",
    ]


def test_accounts() -> None:
    me = pwd.getpwuid(0)
    other = account("root:nogroup")
    assert other is not None
    assert (other.uid, other.gid) == (0, 65534)
    found = account("root")
    assert found is not None
    assert (found.uid, found.gid) == (0, me.pw_gid)
    assert account("no such user") is None
    assert account("root:no such group") is None
    assert myself().uid == os.geteuid()


def identity() -> list[Any]:
    return [os.getresuid(), os.getresgid(), os.getgroups(), os.getcwd(), os.umask(0o077)]


@needs_root
def test_work_is_done_as_the_user_altogether() -> None:
    before = identity()
    assert as_user(NOBODY, identity) == [[65534] * 3, [65534] * 3, [], "/", 0o077]
    assert as_user(NOBODY._replace(groups=(65534, 12)), os.getgroups) == [12, 65534]
    assert identity()[:3] == before[:3]


def test_trouble_is_told() -> None:
    def refuse() -> None:
        raise PermissionError(13, "Permission denied", "/x")

    with pytest.raises(SiteError, match=r"Permission denied: '/x'"):
        as_user(myself(), refuse)
    with pytest.raises(SiteError, match="ZeroDivisionError: division by zero"):
        as_user(myself(), lambda: 1 / 0)
    with pytest.raises(SiteError, match="ended without an answer"):
        as_user(myself(), lambda: os._exit(3))
