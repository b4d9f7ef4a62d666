"""A-REX's control directory: which jobs are in the LRMS, where their files are, how it is told.

ARC 6 keeps `job.ID.KIND` files in one directory, ARC 7 a directory for each job. Which one it is
shows in the name of each status file, so there is no switch and both may stand side by side.

Source: ARC 6.17 and 7.0 `grid-manager/files/ControlFileHandling.cpp`, `gm_kick.cpp`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from arc_lrms_oar.arex.userfiles import Owner
from arc_lrms_oar.errors import ControlDirError

IN_LRMS = "INLRMS"
CANCELING = "CANCELING"

_LOCAL_LIMIT = 1 << 20
_STATUS_6 = re.compile(r"job\.(.+)\.status")
_STATUS_7 = re.compile(r"([^.]+)\.status")


@dataclass(frozen=True)
class GridJob:
    """A job that A-REX has in the LRMS.

    `local_id` is None where A-REX's `.local` file has none or cannot be read.
    `status_time` is when A-REX last changed the job's state, in seconds since 1970.
    """

    grid_id: str
    state: str
    layout: int
    control_dir: str
    status_time: float
    local: dict[str, str] = field(default_factory=dict)

    @property
    def local_id(self) -> int | None:
        """The id of the OAR job."""
        value = self.local.get("localid", "")
        return int(value) if re.fullmatch(r"[1-9][0-9]{0,17}", value) else None

    @property
    def session_dir(self) -> str:
        """The session directory, "" where it is not known."""
        return self.local.get("sessiondir", "")

    def file(self, kind: str) -> str:
        """Path of the job's control file of one kind: local, grami, errors, lrms_done, …"""
        return control_file(self.control_dir, self.grid_id, kind, self.layout)


def control_file(control_dir: str, grid_id: str, kind: str, layout: int) -> str:
    """Path of a control file of a job, in the layout of ARC 6 or 7."""
    if layout == 6:
        return os.path.join(control_dir, f"job.{grid_id}.{kind}")
    return os.path.join(
        control_dir, "jobs", grid_id[:3], grid_id[3:6], grid_id[6:9], grid_id[9:], kind
    )


def sibling(grami: str, kind: str) -> str:
    """Path of another control file of the job whose GRAMi file is at `grami`."""
    folder, name = os.path.split(grami)
    if name.startswith("job.") and name.endswith(".grami"):
        return os.path.join(folder, name[: -len("grami")] + kind)
    return os.path.join(folder, kind)


def read_local(path: str) -> dict[str, str]:
    """The `key=value` lines of a `.local` file, the last of each key; {} where there is none."""
    try:
        lines = _local_lines(path)
    except (OSError, ValueError):
        return {}
    return dict(line.partition("=")[::2] for line in lines if "=" in line)


def _local_lines(path: str) -> list[str]:
    """The lines of a `.local` file, which newlines end and nothing else.

    A-REX writes the user's own words into it (jobname and others) and keeps only newlines out.
    """
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        return file.read(_LOCAL_LIMIT).split("\n")


def jobs_in_lrms(control_dir: str) -> Iterator[GridJob]:
    """The jobs of one control directory that are INLRMS or CANCELING and not reported yet.

    Raises ControlDirError where the directory itself cannot be read. A job whose files vanish
    meanwhile is left out.
    """
    folder = os.path.join(control_dir, "processing")
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        raise ControlDirError(
            f"{folder}: not the processing directory of a control directory: {error.strerror}"
        ) from None
    for entry in entries:
        layout = 6 if entry.name.startswith("job.") else 7
        match = (_STATUS_6 if layout == 6 else _STATUS_7).fullmatch(entry.name)
        state, changed = _read_status(entry.path) if match else ("", 0.0)
        if not match or state not in (IN_LRMS, CANCELING):
            continue
        if os.path.exists(control_file(control_dir, match[1], "lrms_done", layout)):
            continue
        local = read_local(control_file(control_dir, match[1], "local", layout))
        yield GridJob(match[1], state, layout, control_dir, changed, local)


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


def replace_file(path: str, content: bytes) -> None:
    """Writes a file of the control directory aside and renames it, keeping owner and mode.

    Raises OSError.
    """
    aside = path + ".arc_oar"
    try:
        old: os.stat_result | None = os.lstat(path)
    except FileNotFoundError:
        old = None
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(aside, flags, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if old is not None:
            os.fchmod(descriptor, old.st_mode & 0o777)
            if os.geteuid() == 0:
                os.fchown(descriptor, old.st_uid, old.st_gid)
        os.fsync(descriptor)
    os.replace(aside, path)


def set_local_id(job: GridJob, job_id: int) -> None:
    """Writes another OAR id into the job's `.local` file; raises OSError."""
    path = job.file("local")
    kept = [line for line in _local_lines(path) if line and not line.startswith("localid=")]
    text = "".join(line + "\n" for line in [*kept, f"localid={job_id}"])
    replace_file(path, text.encode("utf-8", "surrogateescape"))


def append_errors(job: GridJob, text: bytes) -> None:
    """Appends to the job's `errors` file, which A-REX shows to the user; raises OSError."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(job.file("errors"), flags, 0o600)
    try:
        os.write(descriptor, text)
    finally:
        os.close(descriptor)


def read_errors(job: GridJob, limit: int) -> bytes:
    """The last `limit` bytes of the job's `errors` file, b"" where there is none."""
    try:
        with open(job.file("errors"), "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - limit))
            return file.read(limit)
    except OSError:
        return b""


def report_done(job: GridJob, code: int, reason: str) -> None:
    """Writes `lrms_done`, at whose sight A-REX takes the job as ended; raises OSError."""
    line = " ".join(reason.split())
    replace_file(job.file("lrms_done"), f"{code} {line}\n".encode("utf-8", "replace"))


def kick_argument(job: GridJob) -> str:
    """What gm-kick takes last: on ARC 6 a file of the control directory, on ARC 7 itself."""
    return job.file("local") if job.layout == 6 else job.control_dir
