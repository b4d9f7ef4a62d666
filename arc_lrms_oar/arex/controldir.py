"""A-REX's control directory: find the files of a job and read them.

ARC 6 keeps `job.ID.KIND` files in one directory, ARC 7 one directory for each job. The name of a
status file shows the layout, so both may exist side by side.

The mapped user owns `.local`, the GRAMi file, `errors` and the status file, and may do anything to
them, so they are opened by `safe_files` and read up to a limit.

Source: ARC 6.17 and 7.0 `grid-manager/files/ControlFileHandling.cpp`, `gm_kick.cpp`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from arc_lrms_oar import local_ids
from arc_lrms_oar.arex.userfiles import Owner
from arc_lrms_oar.errors import ControlDirError
from arc_lrms_oar.safe_files import open_regular, read_range

IN_LRMS = "INLRMS"
CANCELING = "CANCELING"

_LOCAL_LIMIT = 1 << 20
_STATUS_6 = re.compile(r"job\.(.+)\.status")
_STATUS_7 = re.compile(r"([^.]+)\.status")


class GridJob(NamedTuple):
    """A job of A-REX.

    `layout` is 6 or 7. `status_time` is when A-REX last changed the job's state, in seconds since
    1970. `local` is the content of the `.local` file, {} if that cannot be read. `owner` is the
    owner of that file, who is the job's user; None if there is none.
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
        """The OAR job ID, None if `.local` holds none."""
        return local_ids.oar_job_id(self.written_id)

    @property
    def written_id(self) -> str:
        """The local job ID in `.local`, of any form, "" if there is none."""
        return self.local.get("localid", "")

    @property
    def is_unsubmitted(self) -> bool:
        """Whether the submission of the job has failed and given the job up."""
        return local_ids.is_unsubmitted(self.written_id)

    @property
    def reported(self) -> bool:
        """Whether `lrms_done` exists, so that the job is A-REX's again."""
        return os.path.exists(self.file("lrms_done"))

    @property
    def session_dir(self) -> str:
        """The session directory, "" if it is not known or not an absolute path."""
        path = self.local.get("sessiondir", "")
        return path if path.startswith("/") and "\0" not in path else ""

    @property
    def vo(self) -> str:
        """The virtual organisation of the job's user, "" without one."""
        return self.local.get("voms", "").removeprefix("/").partition("/")[0]

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
    """Path of another control file of the job that has its GRAMi file at `grami`."""
    folder, name = os.path.split(grami)
    if name.startswith("job.") and name.endswith(".grami"):
        return os.path.join(folder, name[: -len("grami")] + kind)
    return os.path.join(folder, kind)


def grid_id_of(status_name: str) -> str | None:
    """The grid job ID in the name of a status file, None if the file has another name."""
    match = (_STATUS_6 if layout_of(status_name) == 6 else _STATUS_7).fullmatch(status_name)
    return match[1] if match else None


def has_lrms_done(control_dir: str, status_name: str) -> bool:
    """Whether the job with this status file has `lrms_done`, so that it is A-REX's again."""
    grid_id = grid_id_of(status_name)
    if grid_id is None:
        return False
    return os.path.exists(control_file(control_dir, grid_id, "lrms_done", layout_of(status_name)))


def layout_of(status_name: str) -> int:
    """The layout, 6 or 7, of the control files of the job with this status file."""
    return 6 if status_name.startswith("job.") else 7


def read_job(control_dir: str, status_name: str) -> GridJob | None:
    """The job that has its status file under this name in `processing`.

    None if it is neither INLRMS nor CANCELING, or has vanished.
    """
    return read_any_job(control_dir, "processing", status_name, (IN_LRMS, CANCELING))


def read_any_job(
    control_dir: str, folder: str, status_name: str, states: Sequence[str] = ()
) -> GridJob | None:
    """The job that has its status file under this name in `folder`.

    None if there is no such file, if it cannot be read, or if the job is in none of `states`
    (empty: any).
    """
    grid_id = grid_id_of(status_name)
    if grid_id is None:
        return None
    layout = layout_of(status_name)
    state, changed = _read_status(os.path.join(control_dir, folder, status_name))
    if not state or (states and state not in states):
        return None
    pairs, owner = _local_pairs(control_file(control_dir, grid_id, "local", layout))
    local = dict(pairs)
    if "voms" in local:
        # The VO of a job is that of its first FQAN, as in A-REX's accounting
        # (ARC 6.17 `grid-manager/accounting/AAR.cpp`).
        local["voms"] = next(value for key, value in pairs if key == "voms")
    return GridJob(grid_id, state, layout, control_dir, changed, local, owner)


def status_name(grid_id: str, layout: int) -> str:
    """The name of a job's status file, in the layout of ARC 6 or 7."""
    return f"job.{grid_id}.status" if layout == 6 else f"{grid_id}.status"


def _read_status(path: str) -> tuple[str, float]:
    try:
        descriptor = open_regular(path)
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


def read_local_lines(path: str) -> dict[str, list[str]]:
    """All values of each key of a `.local` file, in order; {} if it cannot be read."""
    found: dict[str, list[str]] = {}
    for key, value in _local_pairs(path)[0]:
        found.setdefault(key, []).append(value)
    return found


def _local_pairs(path: str) -> tuple[list[tuple[str, str]], Owner | None]:
    """The keys and values of a `.local` file in order, and its owner; ([], None) if unreadable."""
    try:
        text, owner = read_local_text(path, _LOCAL_LIMIT)
    except (OSError, ValueError):
        return [], None
    parts = (line.partition("=") for line in text.split("\n"))
    return [(key, value) for key, equals, value in parts if equals], owner


def read_local_text(path: str, limit: int) -> tuple[str, Owner]:
    """The first `limit` bytes of a `.local` file, and its owner; raises OSError.

    Only newlines end its lines: A-REX writes text of the user into it (jobname and others) and
    removes nothing but newlines from that.
    """
    descriptor = open_regular(path)
    try:
        status = os.fstat(descriptor)
        content = read_range(descriptor, 0, limit)
    finally:
        os.close(descriptor)
    return content.decode("utf-8", "surrogateescape"), Owner(status.st_uid, status.st_gid)


def owner_of(job: GridJob) -> Owner:
    """The job's user: the owner of the files that A-REX has given them in its own directory.

    Raises ControlDirError if none of these files exists.
    """
    for kind in ("grami", "local", "errors"):
        try:
            status = os.lstat(job.file(kind))
        except OSError:
            continue
        return Owner(status.st_uid, status.st_gid)
    raise ControlDirError(f"{job.grid_id}: its files are gone from {job.control_dir}")


def read_errors(job: GridJob, limit: int) -> bytes:
    """The last `limit` bytes of the job's `errors` file, b"" if it cannot be read."""
    return read_end(job, "errors", limit)


def read_end(job: GridJob, kind: str, limit: int) -> bytes:
    """The last `limit` bytes of a control file of the job, b"" if it cannot be read."""
    try:
        descriptor = open_regular(job.file(kind))
    except OSError:
        return b""
    try:
        size = os.fstat(descriptor).st_size
        return read_range(descriptor, max(0, size - limit), limit)
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def kick_argument(job: GridJob) -> str:
    """The last argument of gm-kick: ARC 6 takes a control file, ARC 7 the control directory."""
    return job.file("local") if job.layout == 6 else job.control_dir
