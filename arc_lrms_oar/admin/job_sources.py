"""All that the sources know of one job: A-REX's control files, the user's own, and OAR.

It only reads, and it may be that each of the sources has nothing: A-REX deletes a job's files some
time after its end, OAR may not answer, and the caller may not be the one who may read them.
"""

from __future__ import annotations

import calendar
import os
import re
import stat
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from arc_lrms_oar.arex import controldir
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.diag import LIMIT, Diag
from arc_lrms_oar.arex.job_listing import ENDED, EveryJob, failure_of, user_of
from arc_lrms_oar.commands.query import UNKNOWN
from arc_lrms_oar.errors import ControlDirError, GramiError, OarLrmsError, OarUnavailable
from arc_lrms_oar.job import grami
from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import Event, JobRecord
from arc_lrms_oar.oar.states import State, state_of
from arc_lrms_oar.scan.report import read_diag
from arc_lrms_oar.settings import Settings

_LEAST_BEGINNING = 4
_ERRORS_LIMIT = 1 << 20
_CHANGE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8})Z (.*)")
_LOGGED = re.compile(r"\[([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8})\] \[[^]]*\] \[[A-Z]+\] (.*)")


class Moment(NamedTuple):
    """Something that happened: seconds since 1970, who says so, and what."""

    when: float
    who: str
    what: str


@dataclass(frozen=True)
class Story:
    """What is known of a job; None and "" stand for what no source tells.

    `oar_state` is OAR's word, "unknown" where OAR does not know the job, "" where it did not
    answer, of which `oar_trouble` is the reason.
    """

    control_dir: str
    job: GridJob | None
    local_id: int | None
    oar_state: str = ""
    oar_trouble: str = ""
    record: JobRecord | None = None
    user: str = ""
    description: JobDescription | None = None
    description_trouble: str = ""
    diag: Diag = field(default_factory=Diag)
    done: str = ""
    failure: str = ""
    moments: tuple[Moment, ...] = ()

    @property
    def over(self) -> bool:
        """Whether it is over for A-REX."""
        return self.job is not None and self.job.state in ENDED


def tell(settings: Settings, client: OarClient, text: str) -> Story:
    """The story of the job that `text` stands for: grid ID, its beginning, URL, or OAR id.

    Raises OarLrmsError where there is no such job, or more than one.
    """
    every = EveryJob(settings.control_dir)
    job = find(every, text)
    local_id = job.local_id if job is not None else int(text)
    state, record, trouble = _ask(client, local_id)
    if job is None:
        if trouble or state == UNKNOWN:
            heard = f"OAR could not be asked: {trouble}" if trouble else "OAR does not know it"
            raise OarLrmsError(f"{_nobody(every, text)}, and {heard}")
        moments = _of_oar(record)
        return Story(
            settings.control_dir, None, local_id, state, "", record, moments=_in_order(moments)
        )
    description, why_not = _description(job)
    diag = _diag(job)
    moments = [*_of_arex(job), *_of_oar(record), *_of_script(job, diag, record)]
    return Story(
        control_dir=settings.control_dir,
        job=job,
        local_id=local_id,
        oar_state=state,
        oar_trouble=trouble,
        record=record,
        user=user_of(job),
        description=description,
        description_trouble=why_not,
        diag=diag,
        done=controldir.read_end(job, "lrms_done", _ERRORS_LIMIT).decode("utf-8", "replace"),
        failure=failure_of(job),
        moments=_in_order(moments),
    )


def _in_order(moments: Iterable[Moment]) -> tuple[Moment, ...]:
    """By time; of one second each source's own order is kept."""
    return tuple(sorted(moments, key=lambda moment: moment.when))


def find(every: EveryJob, text: str) -> GridJob | None:
    """The grid job that `text` stands for; None for an OAR id that no grid job has.

    Raises OarLrmsError where no or more than one grid ID begins so.
    """
    word = text.rstrip("/").rpartition("/")[2]
    jobs = every.look()
    for job in jobs:
        if job.grid_id == word:
            return job
    if re.fullmatch(r"[1-9][0-9]{0,17}", text):
        same = [job for job in jobs if job.local_id == int(text)]
        return max(same, key=lambda job: job.status_time, default=None)
    begins = [job for job in jobs if job.grid_id.startswith(word)]
    if len(word) < _LEAST_BEGINNING or not begins:
        raise OarLrmsError(_nobody(every, text))
    if len(begins) > 1:
        raise OarLrmsError(f"{text}: {len(begins)} grid IDs begin so; give more of it")
    return begins[0]


def _nobody(every: EveryJob, text: str) -> str:
    hidden = f" ({every.unreadable} jobs there are other users')" if every.unreadable else ""
    return f"{text}: no grid job in {every.control_dir} has this grid ID or OAR id{hidden}"


def _ask(client: OarClient, local_id: int | None) -> tuple[str, JobRecord | None, str]:
    """OAR's word for the job's state, its record, and why OAR was not heard."""
    if local_id is None:
        return "", None, ""
    try:
        states = client.states([local_id])
        record = client.records(states).get(local_id)
    except OarUnavailable as error:
        return "", None, str(error)
    return states.get(local_id, UNKNOWN), record, ""


def _description(job: GridJob) -> tuple[JobDescription | None, str]:
    try:
        return grami.read(job.file("grami")), ""
    except GramiError as error:
        return None, str(error)


def _diag(job: GridJob) -> Diag:
    """A-REX's diag of a job that is over, else what the job script has noted so far."""
    content = controldir.read_end(job, "diag", LIMIT)
    if content or not job.session_dir:
        return Diag.parse(content)
    try:
        return read_diag(job)
    except (ControlDirError, OSError):
        return Diag()


def _of_arex(job: GridJob) -> list[Moment]:
    """A-REX's changes of state and the log of our scripts, both in the job's `errors` file."""
    moments = []
    text = controldir.read_errors(job, _ERRORS_LIMIT).decode("utf-8", "replace")
    for line in text.splitlines():
        change, logged = _CHANGE.match(line), _LOGGED.match(line)
        when = None
        if change:
            when = _time(change[1], "%Y-%m-%dT%H:%M:%S", utc=True)
        elif logged:
            when = _time(logged[1], "%Y-%m-%d %H:%M:%S", utc=False)
        match = change or logged
        if match and when is not None:
            words = match[2].removeprefix(f"{job.grid_id}: ").replace("Job state change ", "")
            what = re.sub(r" {2,}Reason: ", ": ", words)
            moments.append(Moment(when, "A-REX", what))
    return moments or [Moment(job.status_time, "A-REX", job.state)]


def _of_oar(record: JobRecord | None) -> list[Moment]:
    if record is None:
        return []
    moments = [(record.submission_time, "submitted")]
    state = state_of(record.state)
    if record.scheduled_start is None:
        where = f" on {' '.join(record.nodes)}" if record.nodes else ""
        moments.append((record.start_time, f"started{where}"))
    if state is not None and (state.ended or state is State.FINISHING):
        code = "no exit code" if record.exit_code is None else f"exit_code {record.exit_code}"
        moments.append((record.stop_time, f"ended: {record.state}, {code}"))
    moments += [
        (date_of(event), f"{event.kind}: {event.text}")
        for event in sorted(record.events, key=lambda event: event.number)
    ]
    return [Moment(float(when), "OAR", what) for when, what in moments if when is not None]


def date_of(event: Event) -> int | None:
    """When the event was, s since 1970; OAR 3's local time is taken to be that of here."""
    if event.date is not None or not event.when:
        return event.date
    moment = _time(event.when[:19], "%Y-%m-%d %H:%M:%S", utc=False)
    return None if moment is None else int(moment)


def _of_script(job: GridJob, diag: Diag, record: JobRecord | None) -> list[Moment]:
    """What the job script has noted; once it is over OAR's times stand there instead."""
    if job.state in ENDED and record is not None:
        return []
    who = "script"
    moments = []
    for key, what in (("lrmsstarttime", "began"), ("lrmsendtime", "ended")):
        when = _time(diag.values.get(key, ""), "%Y%m%d%H%M%SZ", utc=True)
        if when is not None:
            moments.append(Moment(when, who, what))
    return moments


def _time(text: str, form: str, *, utc: bool) -> float | None:
    try:
        parts = time.strptime(text, form)
        return float(calendar.timegm(parts)) if utc else time.mktime(parts)
    except (ValueError, OverflowError):
        return None


def files_of(job: GridJob) -> list[tuple[str, str]]:
    """The job's files with what is to be said of each: size and time, or that it is missing."""
    session = job.session_dir
    paths = [job.file(kind) for kind in ("local", "grami", "errors", "diag")]
    told = [job.file(kind) for kind in ("failed", "lrms_done") if os.path.exists(job.file(kind))]
    users = [session, f"{session}.diag", f"{session}.comment"] if session else []
    return [(path, _seen(path, job.state in ENDED)) for path in [*paths, *told, *users]]


def _seen(path: str, over: bool) -> str:
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return "missing; A-REX takes files away at a job's end and after it" if over else "missing"
    except OSError as error:
        return f"cannot be looked at: {error.strerror}"
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(status.st_mtime))
    what = "directory" if stat.S_ISDIR(status.st_mode) else f"{status.st_size} bytes"
    return f"{what}, {when}"
