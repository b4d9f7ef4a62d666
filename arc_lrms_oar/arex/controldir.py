"""A-REX's control directory: which jobs are in the LRMS, where their files are, how it is told.

ARC 6 keeps `job.ID.KIND` files in one directory, ARC 7 a directory for each job. Which one it is
shows in the name of each status file, so there is no switch and both may stand side by side.

Source: ARC 6.17 and 7.0 `grid-manager/files/ControlFileHandling.cpp`, `gm_kick.cpp`.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from arc_lrms_oar.arex.userfiles import Owner
from arc_lrms_oar.console import printable
from arc_lrms_oar.errors import ControlDirError
from arc_lrms_oar.files import write_aside

IN_LRMS = "INLRMS"
CANCELING = "CANCELING"

_LOCAL_LIMIT = 1 << 20
_FEW = 8
_STATUS_6 = re.compile(r"job\.(.+)\.status")
_STATUS_7 = re.compile(r"([^.]+)\.status")


class GridJob(NamedTuple):
    """A job of A-REX's.

    `local_id` is None where A-REX's `.local` file has none or cannot be read.
    `status_time` is when A-REX last changed the job's state, in seconds since 1970. `owner` is
    whose `.local` is, which is the job's user; None where there is none.
    """

    grid_id: str
    state: str
    layout: int
    control_dir: str
    status_time: float
    local: Mapping[str, str] = MappingProxyType({})
    owner: Owner | None = None

    @property
    def local_id(self) -> int | None:
        """The id of the OAR job."""
        value = self.local.get("localid", "")
        return int(value) if re.fullmatch(r"[1-9][0-9]{0,17}", value) else None

    @property
    def reported(self) -> bool:
        """Whether `lrms_done` stands already, and it is A-REX's turn."""
        return os.path.exists(self.file("lrms_done"))

    @property
    def session_dir(self) -> str:
        """The session directory, "" where it is not known, or is no path that there can be."""
        path = self.local.get("sessiondir", "")
        return path if path.startswith("/") and "\0" not in path else ""

    def file(self, kind: str) -> str:
        """Path of the job's control file of one kind: local, grami, errors, lrms_done, …"""
        return control_file(self.control_dir, self.grid_id, kind, self.layout)


def control_file(control_dir: str, grid_id: str, kind: str, layout: int) -> str:
    """Path of a control file of a job, in the layout of ARC 6 or 7."""
    if layout == 6:
        return f"{control_dir}/job.{grid_id}.{kind}"
    parts = (grid_id[:3], grid_id[3:6], grid_id[6:9], grid_id[9:])
    return "/".join((control_dir, "jobs", *filter(None, parts), kind))


def sibling(grami: str, kind: str) -> str:
    """Path of another control file of the job whose GRAMi file is at `grami`."""
    folder, name = os.path.split(grami)
    if name.startswith("job.") and name.endswith(".grami"):
        return os.path.join(folder, name[: -len("grami")] + kind)
    return os.path.join(folder, kind)


def read_local_lines(path: str) -> dict[str, list[str]]:
    """All values of each key of a `.local` file, in order; {} where there is none."""
    found: dict[str, list[str]] = {}
    for key, value in _local_pairs(path)[0]:
        found.setdefault(key, []).append(value)
    return found


def _local_pairs(path: str) -> tuple[list[tuple[str, str]], Owner | None]:
    """The keys and values of a `.local` file in order, and its owner; ([], None) for no such."""
    try:
        text, owner = _local_text(path, _LOCAL_LIMIT)
    except (OSError, ValueError):
        return [], None
    parts = (line.partition("=") for line in text.split("\n"))
    return [(key, value) for key, equals, value in parts if equals], owner


def _local_text(path: str, limit: int) -> tuple[str, Owner]:
    """The first `limit` bytes (-1: all) of a `.local` file, whose lines newlines end and nothing
    else, and its owner.

    A-REX writes the user's own words into it (jobname and others) and keeps only newlines out.
    """
    with open(path, "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        content = file.read(limit)
    return content.decode("utf-8", "surrogateescape"), Owner(status.st_uid, status.st_gid)


def grid_id_of(status_name: str) -> str | None:
    """The grid ID of the job whose status file has this name; None where it is no such name."""
    match = (_STATUS_6 if _layout_of(status_name) == 6 else _STATUS_7).fullmatch(status_name)
    return match[1] if match else None


def _layout_of(status_name: str) -> int:
    return 6 if status_name.startswith("job.") else 7


def read_job(control_dir: str, status_name: str) -> GridJob | None:
    """The job whose status file in `processing` has this name.

    None where it is not INLRMS or CANCELING, or has vanished meanwhile.
    """
    return read_any_job(control_dir, "processing", status_name, (IN_LRMS, CANCELING))


def read_any_job(
    control_dir: str, folder: str, status_name: str, states: Sequence[str] = ()
) -> GridJob | None:
    """The job whose status file in `folder` has this name; None where it is none, has vanished,
    cannot be read, or is in none of `states` (empty: any)."""
    grid_id = grid_id_of(status_name)
    if grid_id is None:
        return None
    layout = _layout_of(status_name)
    state, changed = _read_status(os.path.join(control_dir, folder, status_name))
    if not state or (states and state not in states):
        return None
    pairs, owner = _local_pairs(control_file(control_dir, grid_id, "local", layout))
    return GridJob(grid_id, state, layout, control_dir, changed, dict(pairs), owner)


def _read_status(path: str) -> tuple[str, float]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return "", 0.0
    try:
        text = os.read(descriptor, 256).decode("ascii", "replace")
        changed = os.fstat(descriptor).st_mtime
    except OSError:
        return "", 0.0
    finally:
        os.close(descriptor)
    state = text.partition("\n")[0].strip()
    return state[8:] if state.startswith("PENDING:") else state, changed


def owner_of(job: GridJob) -> Owner:
    """The job's user: the owner of files that A-REX has given him in its own directory.

    Raises ControlDirError where none of them is there.
    """
    for kind in ("grami", "local", "errors"):
        try:
            status = os.lstat(job.file(kind))
        except OSError:
            continue
        return Owner(status.st_uid, status.st_gid)
    raise ControlDirError(f"{job.grid_id}: its files are gone from {job.control_dir}")


def _write_aside(path: str, content: bytes) -> str:
    """Write the next content of `path` beside it, with its owner and mode; return where."""
    try:
        old = os.lstat(path)
    except FileNotFoundError:
        return write_aside(path, content)
    owner = (old.st_uid, old.st_gid) if os.geteuid() == 0 else None
    return write_aside(path, content, old.st_mode & 0o777, owner=owner)


def _flush(paths: Sequence[str]) -> None:
    """Has the files on disk: many by one flush of their file system, few each by itself."""
    if len(paths) > _FEW and _flush_file_system(paths[0]):
        return
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _flush_file_system(path: str) -> bool:
    """syncfs(2), which Python does not offer; False where the C library does not either."""
    import ctypes

    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        return bool(ctypes.CDLL(None).syncfs(descriptor) == 0)
    except AttributeError:
        return False
    finally:
        os.close(descriptor)


def replace_files(contents: Mapping[str, bytes]) -> dict[str, OSError]:
    """Writes files aside, has them all on disk, and renames them; each keeps its owner and mode.

    Gives the error of each file that could not be written; it is as it was before.
    """
    failed: dict[str, OSError] = {}
    asides: dict[str, str] = {}
    for path, content in contents.items():
        try:
            asides[path] = _write_aside(path, content)
        except OSError as error:
            failed[path] = error
    try:
        _flush(list(asides.values()))
    except OSError as error:
        return {**failed, **dict.fromkeys(asides, error)}
    for path, aside in asides.items():
        try:
            os.replace(aside, path)
        except OSError as error:
            failed[path] = error
    return failed


def set_local_id(job: GridJob, job_id: int) -> None:
    """Writes another OAR id into the job's `.local` file; raises OSError."""
    path = job.file("local")
    text, _ = _local_text(path, -1)
    kept = [line for line in text.split("\n") if line and not line.startswith("localid=")]
    text = "".join(line + "\n" for line in [*kept, f"localid={job_id}"])
    for error in replace_files({path: text.encode("utf-8", "surrogateescape")}).values():
        raise error


def append_errors(job: GridJob, text: bytes, instead_of: int = 0) -> None:
    """Appends to the job's `errors` file, which A-REX shows to the user, all of `text` or nothing.

    It takes the place of the last `instead_of` bytes. Raises OSError.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(job.file("errors"), flags, 0o600)
    try:
        size = max(0, os.fstat(descriptor).st_size - instead_of)
        if instead_of:
            os.ftruncate(descriptor, size)
        if os.write(descriptor, text) < len(text):
            os.ftruncate(descriptor, size)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)


def read_errors(job: GridJob, limit: int) -> bytes:
    """The last `limit` bytes of the job's `errors` file, b"" where there is none."""
    return read_end(job, "errors", limit)


def read_end(job: GridJob, kind: str, limit: int) -> bytes:
    """The last `limit` bytes of a control file of the job, b"" where there is none to read."""
    try:
        with open(job.file(kind), "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - limit))
            return file.read(limit)
    except OSError:
        return b""


def done_line(code: int, reason: str) -> bytes:
    """What `lrms_done` holds, at whose sight A-REX takes a job as ended: code and reason."""
    return f"{code} {printable(reason)}\n".encode()


def kick_argument(job: GridJob) -> str:
    """What gm-kick takes last: on ARC 6 a file of the control directory, on ARC 7 itself."""
    return job.file("local") if job.layout == 6 else job.control_dir
