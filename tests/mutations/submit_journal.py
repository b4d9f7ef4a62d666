"""Mutations of the submit journal: what is on disk, when, and who holds the lock."""

from __future__ import annotations

from mutations.mutation import Mutation, in_file

_mutation = in_file("job/submit_journal.py", "tests/job/test_submit_journal.py")

MUTATIONS: tuple[Mutation, ...] = (
    _mutation(
        "clear() releases the lock before it unlinks the journal",
        "        self._unlink(_JOURNAL)\n        self.close()\n",
        "        self.close()\n        self._unlink(_JOURNAL)\n",
    ),
    _mutation("clear() keeps the lock", "(_JOURNAL)\n        self.close()", "(_JOURNAL)"),
    _mutation(
        "record() keeps the old process ID", "self.pid = pid\n        self.tries", "self.tries"
    ),
    _mutation("record() does not flush", "            os.fsync(self._descriptor)\n", ""),
    _mutation("tries count every record", "self.tries += pid == 0", "self.tries += 1"),
    _mutation("tries are not counted", "        self.tries += pid == 0\n", ""),
    _mutation("the rest of a longer journal stays", ".ljust(_SIZE), 0)", ", 0)"),
    _mutation("discard() keeps the script", "        self._unlink(self.script_name)\n", ""),
    _mutation(
        "discard() keeps the last ticket", "range(1, self.tries + 1)", "range(1, self.tries)"
    ),
    _mutation("discard() keeps the journal", '")\n        self.clear()\n', '")\n'),
    _mutation("discard() keeps the directory", "os.rmdir(self.folder)", "pass"),
    _mutation("the journal may be a link", "os.O_CREAT | os.O_NOFOLLOW", "os.O_CREAT"),
    _mutation("a second close() closes another file", "            self._descriptor = -1\n", ""),
    _mutation(
        "a FIFO counts as a journal",
        "if not stat.S_ISREG(os.fstat(descriptor).st_mode):",
        "if False:",
    ),
    _mutation("a second attempt does not wait", "if time.monotonic() >= deadline:", "if True:"),
    _mutation(
        "a second attempt leaves the script of the first",
        "            _read(folder, descriptor).discard()\n",
        "",
    ),
    _mutation("the lock is shared", "fcntl.LOCK_EX", "fcntl.LOCK_SH"),
    _mutation("an earlier attempt is never found", "bool(script), tries", "False, tries"),
    _mutation("every script has the same name", "os.urandom(6)", "bytes(6)"),
    _mutation("an open directory stays open", "    os.chmod(folder, stat.S_IRWXU)\n", ""),
    _mutation("the directory of another user is used", " or status.st_uid != os.geteuid()", ""),
    _mutation("a link counts as the directory", "os.lstat(folder)", "os.stat(folder)"),
    _mutation("file systems without locks fail", "errno.ENOSYS, ", ""),
    _mutation("a name with a path is accepted", "_SCRIPT.fullmatch(script)", "script"),
    _mutation("a negative process ID is accepted", " and pid >= 0", ""),
    _mutation("a negative number of tries is accepted", "and 0 <= tries <=", "and tries <="),
    _mutation("any number of tries is accepted", " <= _MOST_TRIES", ""),
    _mutation("deep JSON ends the attempt", ", RecursionError):", "):"),
    _mutation("an endless number ends the attempt", "OverflowError, ", ""),
)
