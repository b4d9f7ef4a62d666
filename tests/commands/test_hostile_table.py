"""Each file that a job's user owns, each trick with it, all verbs: bounded time and memory.

A user cannot stop or slow the work on other jobs: scan reports the others' jobs in the same cycle,
and every verb ends with a result or with an error of one line. Each trick is done with one file of
each of several jobs, and one cycle of scan meets them all.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import itertools
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from standin import Standin
from support.ce import GRID_ID, NOBODY, Ce, JobFiles
from support.oar_site import Site
from support.scan_jobs import OTHER, ended
from support.users import needs_root

from arc_lrms_oar.admin.explain import explain
from arc_lrms_oar.admin.job_overview import OverviewReader
from arc_lrms_oar.commands.cancel import cancel
from arc_lrms_oar.commands.submit import submit
from arc_lrms_oar.errors import OarLrmsError
from arc_lrms_oar.info.provider import lrms_info

pytestmark = needs_root

# A verb that exceeds one of these is killed, and the test fails.
SECONDS = 40
MEMORY = 600 << 20

FILES: dict[str, Callable[[JobFiles], Path]] = {
    "local": lambda files: files.file("local"),
    "grami": lambda files: files.file("grami"),
    "errors": lambda files: files.file("errors"),
    "description": lambda files: files.file("description"),
    "status": lambda files: files.status,
    "diag": lambda files: files.diag,
    "comment": lambda files: files.comment,
    "private directory": lambda files: files.session / ".arc_oar",
}


def sparse(path: Path) -> None:
    """60 GB that need no room on the disk, after the old content."""
    with path.open("ab") as file:
        file.truncate(60 << 30)


def at_the_size_limit(path: Path) -> None:
    """As large as the file system allows."""
    size = 1 << 62
    while size:
        with contextlib.suppress(OSError):
            os.truncate(path, size - 1)
            return
        size >>= 1


def instead(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(path: Path) -> None:
        path.unlink()
        make(path)

    return replace


@contextmanager
def kept(path: Path, hold: Callable[[int], object]) -> Iterator[None]:
    """The file stays open and held until the end of the block."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        hold(descriptor)
        yield
    finally:
        os.close(descriptor)


def lease(descriptor: int) -> None:
    signal.signal(signal.SIGIO, lambda *_: None)
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_WRLCK)


HOLDS: dict[str, Callable[[int], object]] = {
    "lease": lease,
    "lock": lambda descriptor: fcntl.flock(descriptor, fcntl.LOCK_EX),
}
# Done in the process that reads: each time it opens the file, the file has another content.
CHANGES = "changed between two reads"
TRICKS: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "sparse": sparse,
    "size limit": at_the_size_limit,
    "binary": lambda path: path.write_bytes(bytes(range(256)) * 4096),
    "FIFO": instead(os.mkfifo),
    "device": instead(lambda path: os.mknod(path, 0o020666, os.makedev(1, 5))),
    "directory": instead(Path.mkdir),
    "link to a file of root": instead(lambda path: path.symlink_to("/etc/shadow")),
    "link to itself": instead(lambda path: path.symlink_to(path)),
    "closed": lambda path: path.chmod(0),
    **dict.fromkeys([*HOLDS, CHANGES], lambda path: None),
}


def change_at_each_open(paths: Iterable[Path]) -> None:
    """Give each file another content before each time that this process opens it."""

    def contents(original: bytes) -> Iterator[bytes]:
        return itertools.cycle([original, original[: len(original) // 2], b"", original * 2])

    following = {str(path): contents(path.read_bytes()) for path in paths}
    changing = False

    def before(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal changing
        path = str(arguments[0]) if event == "open" else ""
        if not changing and path in following:
            changing = True
            with contextlib.suppress(OSError):
                Path(path).write_bytes(next(following[path]))
            changing = False

    sys.addaudithook(before)


def bounded(work: Callable[[], str], changing: Iterable[Path] = ()) -> str:
    """Run `work` in a child with little time and memory; returns its result and its stderr.

    The child changes the files `changing` between two reads.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        os.close(reader)
        change_at_each_open(changing)
        with os.fdopen(writer, "w") as pipe, contextlib.redirect_stderr(io.StringIO()) as errors:
            try:
                result = work()
            except OarLrmsError as error:
                result = f"error: {error}"
            except BaseException as error:
                result = f"internal error: {type(error).__name__}: {error}"
            pipe.write(f"{result}\n{errors.getvalue()}")
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, errors="replace") as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, "killed, too slow" if status == signal.SIGALRM else f"wait status {status}"
    assert "internal error" not in said, said
    assert "Traceback" not in said, said
    return said


def of_the_site(site: Site) -> dict[str, Callable[[], str]]:
    """The verbs that read all jobs, other than scan."""
    settings, client = site.settings(), site.client()
    options = {"queues": {"default": {"users": []}}, "jobs": ["1", "2"]}
    return {
        "jobs": lambda: str(len(OverviewReader(settings, client).read(1e9).rows)),
        "info": lambda: str(len(lrms_info(settings, client, options))),
    }


def of_one_job(site: Site, files: JobFiles) -> dict[str, Callable[[], str]]:
    """The verbs that read one job."""
    settings, client = site.settings(), site.client()
    path = str(files.file("grami"))

    def as_user(verb: Callable[[], object]) -> str:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        return str(verb())

    return {
        "explain": lambda: str(len(explain(settings, client, files.grid_id))),
        "cancel": lambda: as_user(
            lambda: cancel(settings, client, path, site.clock.retry(0)).outcome.name
        ),
        "submit": lambda: as_user(
            lambda: submit(settings, client, path, site.clock.retry(0)).job_id
        ),
    }


@pytest.mark.parametrize("trick", TRICKS)
def test_other_jobs_go_on(place: Path, oar: Standin, trick: str) -> None:
    site = Site(Ce(place, owner=NOBODY), oar)
    jobs = {name: ended(site, f"{number}" * 50, code=3) for number, name in enumerate(FILES)}
    other = ended(site, OTHER)
    paths = [FILES[name](files) for name, files in jobs.items()]
    for path in paths:
        if not path.exists():
            path.touch(mode=0o600)
            site.ce.give(path)
    with contextlib.ExitStack() as stack:
        for path in paths:
            TRICKS[trick](path)
            if trick in HOLDS:
                stack.enter_context(kept(path, HOLDS[trick]))
        changing = paths if trick == CHANGES else []
        said = bounded(lambda: " ".join(sorted(site.scan())), changing)
        reported = said.splitlines()[0].split()
        assert OTHER in reported
        assert other.done() == "0 Job finished with exit code 0\n"
        for name, files in jobs.items():
            if files.done() is not None:
                assert files.done() == "3 Job finished with exit code 3\n", name
            assert sum(files.grid_id in line for line in said.splitlines()[1:]) <= 5, said
        assert "root:" not in shown(site)
        for verb, work in of_the_site(site).items():
            result = bounded(work, changing)
            assert len(result.splitlines()) <= 3 * len(FILES), (verb, result)
        for name, files in jobs.items():
            for verb, work in of_one_job(site, files).items():
                result = bounded(work, changing)
                # Submit also prints the job script, for `arcctl job script`.
                assert verb == "submit" or len(result.splitlines()) <= 3, (name, verb, result)


def shown(site: Site) -> str:
    """The text of A-REX's files that are small enough and that no lease keeps from being read."""
    text = ""
    for path in site.ce.control.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 1 << 20:
            with contextlib.suppress(BlockingIOError):
                descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
                with open(descriptor, errors="replace") as file:
                    text += file.read()
    return text


def test_errors_at_the_size_limit_do_not_keep_a_job_unreported(place: Path, oar: Standin) -> None:
    site = Site(Ce(place, owner=NOBODY), oar)
    files = ended(site, code=3)
    at_the_size_limit(files.file("errors"))
    assert site.scan() == [GRID_ID]
    assert files.done() == "3 Job finished with exit code 3\n"
