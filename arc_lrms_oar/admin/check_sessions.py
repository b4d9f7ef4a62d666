"""doctor's checks of the session directories: created as A-REX does it, written to, and removed."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from arc_lrms_oar.admin.as_user import run_as
from arc_lrms_oar.admin.findings import Finding, fail, ok
from arc_lrms_oar.admin.mapped_users import Account
from arc_lrms_oar.arex.config import Blocks
from arc_lrms_oar.arex.userfiles import Owner, overwrite, remove_directory

_DEFAULT_SESSIONS = "/var/spool/arc/sessiondir"
# Search permission for all; of an access control list, the second one is the mask.
_SEARCH = 0o111


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
        error, number = _session_error(place, user)
        if error:
            yield fail(check, f"{place}: {error}", _cure(place, user, number))
        else:
            yield ok(check, f"writable below {place}")


def _cure(place: str, user: Account, number: int) -> str:
    """What to do about the error with this errno (0: the user cannot reach the directory)."""
    if number == errno.ENOENT:
        return f"run: mkdir -p -m 755 {place}; or correct sessiondir in [arex]"
    if number in (errno.ENOSPC, errno.EDQUOT):
        return f"free space, or raise the quota of {user.name}, on the file system of {place}"
    if number == errno.EROFS:
        return f"remount the file system of {place} read-write, and check the disk"
    closed = _closed_directories(place, user)
    by_acl = [folder for folder in closed if os.stat(folder).st_mode & _SEARCH == _SEARCH]
    if by_acl:
        command = f"setfacl -m u:{user.name}:x {' '.join(by_acl)}"
        return f"run: {command}; the access control list denies it"
    if closed:
        return f"run: chmod a+x {' '.join(closed)}; otherwise {user.name} cannot reach {place}"
    if os.geteuid() != 0:
        return f"let {user.name} write there, or set sessiondir in [arex] to a directory of theirs"
    return "let root create directories there: on NFS with the option no_root_squash"


def _closed_directories(place: str, user: Account) -> list[str]:
    """`place` and those of its parent directories that `user` may not enter.

    Those below the first one are missing where this process may not enter it either.
    """
    path = Path(os.path.realpath(place))
    opened: dict[str, int] = {}
    try:
        with suppress(PermissionError):
            for folder in (*reversed(path.parents), path):
                opened[str(folder)] = os.open(folder, os.O_PATH | os.O_DIRECTORY)
        # By descriptor, since a path is also denied for each closed directory above.
        closed: list[str] = run_as(
            user,
            lambda: [
                folder
                for folder, descriptor in opened.items()
                if not os.access(".", os.X_OK, dir_fd=descriptor)
            ],
        )
        return closed
    finally:
        for descriptor in opened.values():
            os.close(descriptor)


def _session_error(place: str, user: Account) -> tuple[str, int]:
    """Why a session directory cannot be created and written to, with the errno; or "" and 0."""
    owner = Owner(user.uid, user.gid)
    try:
        folder = create_session(place, user)
    except OSError as error:
        return f"A-REX cannot create a directory: {error.strerror}", error.errno or 0
    try:
        written = overwrite(os.path.join(folder, "try"), b"doctor\n", owner)
        return "" if written else f"{user.name} cannot write to their own directory there", 0
    except OSError as error:
        return f"{user.name} cannot write a file: {error.strerror}", error.errno or 0
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
