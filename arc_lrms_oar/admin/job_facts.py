"""Collects everything known about one job from A-REX's control files, the user's files and OAR.

Read-only. Every source may be empty: A-REX deletes a job's files some time after its end, OAR may
be unavailable, and the caller may lack permission to read the files.
"""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass, field

from arc_lrms_oar.admin.job_lookup import find_job, not_found
from arc_lrms_oar.admin.job_timeline import ERRORS_LIMIT, TimelineEntry, job_timeline, oar_timeline
from arc_lrms_oar.arex import controldir
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.diag import LIMIT, Diag
from arc_lrms_oar.arex.job_listing import ENDED, JobListing, failure_of, user_of
from arc_lrms_oar.errors import ControlDirError, GramiError, OarLrmsError, OarUnavailable
from arc_lrms_oar.info.site_state import read_site_state
from arc_lrms_oar.job import grami
from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.states import UNKNOWN, state_of
from arc_lrms_oar.oar.waiting import WAITING, SiteState, WaitReason, why_waiting
from arc_lrms_oar.scan.report import read_diag
from arc_lrms_oar.settings import Settings


@dataclass(frozen=True)
class JobFacts:
    """What is known about one job. None and "" mean that no source has the value.

    `state` is OAR's state, "unknown" if OAR has no such job, or "" if OAR is unavailable; then
    `oar_error` says why. `job` is None for an OAR job that no grid job of this CE has, of those
    that the caller may read; `unreadable` is the number of the others.
    """

    control_dir: str
    job: GridJob | None
    job_id: int | None
    state: str = ""
    oar_error: str = ""
    record: JobRecord | None = None
    user: str = ""
    description: JobDescription | None = None
    description_error: str = ""
    diag: Diag = field(default_factory=Diag)
    lrms_done: str = ""
    failure: str = ""
    timeline: tuple[TimelineEntry, ...] = ()
    waiting: WaitReason | None = None
    unreadable: int = 0

    @property
    def finished(self) -> bool:
        """Whether A-REX has finished with the job."""
        return self.job is not None and self.job.state in ENDED


def collect_facts(settings: Settings, client: OarClient, text: str) -> JobFacts:
    """Collect what is known about one job.

    Args:
        settings: the options of arc.conf.
        client: the connection to OAR.
        text: a grid job ID, the first characters of one, a URL or path that holds one, or a job ID
            of OAR.

    Returns:
        The facts, with an empty value for each source that has none.

    Raises:
        OarLrmsError: no job, or more than one, matches `text`.
    """
    every = JobListing(settings.control_dir)
    job, job_id = find_job(every, text)
    state, record, error = _ask_oar(client, job_id)
    if job is None:
        if error or state == UNKNOWN:
            reason = f"OAR is unavailable: {error}" if error else "OAR does not know it either"
            raise OarLrmsError(f"{not_found(every, text)}; {reason}")
        return JobFacts(
            control_dir=settings.control_dir,
            job=None,
            job_id=job_id,
            state=state,
            record=record,
            timeline=oar_timeline(record),
            waiting=_why_waiting(settings, client, record, None),
            unreadable=every.unreadable,
        )
    description, description_error = _description(job)
    diag = _diag(job)
    return JobFacts(
        control_dir=settings.control_dir,
        job=job,
        job_id=job_id,
        state=state,
        oar_error=error,
        record=record,
        user=user_of(job),
        description=description,
        description_error=description_error,
        diag=diag,
        lrms_done=controldir.read_end(job, "lrms_done", ERRORS_LIMIT).decode("utf-8", "replace"),
        failure=failure_of(job),
        timeline=job_timeline(job, diag, record),
        waiting=_why_waiting(settings, client, record, description),
    )


def _ask_oar(client: OarClient, job_id: int | None) -> tuple[str, JobRecord | None, str]:
    """The job's state in OAR, its record, and why OAR is unavailable ("" if it is not)."""
    if job_id is None:
        return "", None, ""
    try:
        states = client.states([job_id])
        records = client.with_resources(list(client.records(states).values()))
    except OarUnavailable as error:
        return "", None, str(error)
    record = next((record for record in records if record.job_id == job_id), None)
    return states.get(job_id, UNKNOWN), record, ""


def _why_waiting(
    settings: Settings,
    client: OarClient,
    record: JobRecord | None,
    description: JobDescription | None,
) -> WaitReason | None:
    if record is None or state_of(record.state) not in WAITING:
        return None
    try:
        site = read_site_state(settings, client, time.time())
    except OarUnavailable:
        site = SiteState()
    cores = description.count if description is not None else None
    return why_waiting(record, cores or record.wanted, site)


def _description(job: GridJob) -> tuple[JobDescription | None, str]:
    try:
        return grami.read(job.file("grami")), ""
    except GramiError as error:
        return None, str(error)


def _diag(job: GridJob) -> Diag:
    """The job's diag in the control directory or, before A-REX has it, the job script's."""
    content = controldir.read_end(job, "diag", LIMIT)
    if content or not job.session_dir:
        return Diag.parse(content)
    try:
        return read_diag(job)
    except (ControlDirError, OSError):
        return Diag()


def job_files(job: GridJob) -> list[tuple[str, str]]:
    """The paths of the job's files, each with its size and time, or "missing"."""
    session = job.session_dir
    paths = [job.file(kind) for kind in ("local", "grami", "errors", "diag")]
    paths += [job.file(kind) for kind in ("failed", "lrms_done") if os.path.exists(job.file(kind))]
    if session:
        paths += [session, f"{session}.diag", f"{session}.comment"]
    return [(path, _file_status(path, job.state in ENDED)) for path in paths]


def _file_status(path: str, finished: bool) -> str:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return "missing (A-REX removes files when a job has ended)" if finished else "missing"
    except OSError as error:
        return f"not readable: {error.strerror}"
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(status.st_mtime))
    kind = "directory" if stat.S_ISDIR(status.st_mode) else f"{status.st_size} bytes"
    return f"{kind}, {when}"
