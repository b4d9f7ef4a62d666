"""Mutations of the access to users' files: as which user, through what, and how much."""

from __future__ import annotations

from mutations.mutation import Mutation, in_file

_TESTS = "tests/arex/test_userfiles.py"
_mutation = in_file("arex/userfiles.py", _TESTS)
_safe = in_file("safe_files.py", _TESTS)

MUTATIONS: tuple[Mutation, ...] = (
    _mutation("a deleted user raises", "except KeyError:", "except ZeroDivisionError:"),
    _mutation("root's groups are kept", "    os.setgroups(_groups(owner))\n", ""),
    _mutation("root's group is kept", "        os.setegid(owner.gid)\n", ""),
    _mutation("the user is not switched", "        os.seteuid(owner.uid)\n", ""),
    _mutation("the groups are not restored", "        os.setgroups(groups)\n", ""),
    _mutation("the group is not restored", "        os.setegid(group)\n", ""),
    _mutation("a job of root switches the group", " or owner.uid == 0", ""),
    _mutation("another user's file is read", "status.st_uid != owner.uid", "False"),
    _mutation(
        "another user's file is written",
        "st_uid != owner.uid:\n                return False",
        "st_uid == -1:\n                return False",
    ),
    _mutation("the end is read from the start", "status.st_size - limit", "0"),
    _mutation(
        "a full disk counts as written", "    if error.errno in _DISK_FULL:\n", "    if 0:\n"
    ),
    _mutation("a full quota is not tried again", "(errno.ENOSPC, errno.EDQUOT)", "(errno.ENOSPC,)"),
    _mutation(
        "a replacement stays on a full disk",
        "        with suppress(OSError):\n            os.unlink(aside, dir_fd=directory)\n",
        "",
    ),
    _mutation("a longer file keeps its rest", "os.ftruncate(descriptor, len(content))", "pass"),
    _mutation(
        "a short write ends the file",
        "write_all(descriptor, content)\n            os.ftr",
        "os.write(descriptor, content)\n            os.ftr",
    ),
    _mutation(
        "only the user's first group is used",
        "return os.getgrouplist(name, owner.gid)",
        "return [owner.gid]",
        "tests/scan/test_report.py",
    ),
    _mutation("a file in a user's directory is replaced", "status.st_uid != 0 or ", ""),
    _mutation("a file in an open directory is replaced", " or status.st_mode & 0o022", ""),
    _mutation("a replaced file is root's", "os.fchown(descriptor, owner.uid, owner.gid)", "pass"),
    _mutation("a read-only file stays", "except PermissionError:", "except ZeroDivisionError:"),
    _mutation(
        "a directory of another user is emptied",
        "st_uid != owner.uid:\n                return\n",
        "st_uid == -1:\n                return\n",
    ),
    _mutation(
        "a linked directory is emptied",
        "os.open(path, os.O_RDONLY | os.O_DIRECTORY | SAFE)",
        "os.open(path, os.O_RDONLY | os.O_DIRECTORY)",
    ),
    _mutation("all files of a directory are listed", "range(_MOST_ENTRIES)", "range(10**9)"),
    _safe("opening a FIFO waits", "os.O_NOFOLLOW | os.O_NONBLOCK", "os.O_NOFOLLOW"),
    _safe("links are followed", "os.O_NOFOLLOW | ", ""),
    _safe("devices are opened", "if not stat.S_ISREG(os.fstat(descriptor).st_mode):", "if False:"),
    _safe(
        "a long file is read up to one piece", "        limit -= len(chunk)\n", "        break\n"
    ),
    _safe("the limit is ignored", "        limit -= len(chunk)\n", ""),
)
