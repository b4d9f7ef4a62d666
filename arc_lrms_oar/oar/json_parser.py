"""Reads the JSON that OAR's commands print: text in, values out, for every dialect. Pure.

The state of jobs is read from JSON only: any user can forge a row of text with a job name that
holds newlines (docs/internals/oar.md#text-rows-can-be-forged).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from arc_lrms_oar.errors import OarAnswerError
from arc_lrms_oar.oar.job_record import Event, JobRecord

_ID = r"[1-9][0-9]{0,17}"
_NUMBER = r"[0-9]{1,18}"
# The start of a job in these states is a predicted one (docs/internals/oar3.md#predicted-start).
WAITING = ("Waiting", "toAckReservation", "Hold")
# At most this many lines that may begin the JSON are tried; a warning in brackets may, too.
_MOST_STARTS = 100
# No time or ID of OAR is larger, and Python's calendar takes no later time.
_LARGEST = 1 << 40
# An escape in JSON, or a pair of them; and, as a group, half a pair (a surrogate). OAR 3 prints
# these for bytes that are not UTF-8, and no file or terminal takes them.
_ESCAPE = (
    r"(?s)\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
# The summary of a request at the beginning of a message, "R=8,W=0:10:0,J=B…"; OAR 3 writes seconds.
_REQUEST = r"R=([0-9]{1,9})(?:,W=(?:([0-9]{1,7}):([0-9]{1,2}):)?([0-9]{1,9}))?,"
_WALL_TIME = r"\bwalltime=([0-9]{1,7})(?::([0-9]{1,2}))?(?::([0-9]{1,2}))?\b"
_RESOURCES_3 = r"(?:^|\s)-l\s+((?:\{[^}\"]*\}|[^\s{\"])+)"
# Seconds that OAR 3 adds to W: SCHEDULER_JOB_SECURITY_TIME as shipped.
_SECURITY_TIME = 60


def as_text(stdout: str) -> str:
    """The JSON with U+FFFD for each surrogate, so that its strings can be encoded."""
    if "\\ud" not in stdout and "\\uD" not in stdout:
        return stdout
    return re.sub(_ESCAPE, lambda found: "\\ufffd" if found[1] else found[0], stdout)


def document(stdout: str) -> Any:
    """The JSON that `stdout` holds, after any lines of warnings; raises OarAnswerError."""
    stdout = as_text(stdout)
    problem = f"oarstat printed no JSON: {stdout[:80]!r}"
    for start in islice(re.finditer(r"^[\[{]", stdout, re.M), _MOST_STARTS):
        try:
            found, end = json.JSONDecoder().raw_decode(stdout, start.start())
        except (ValueError, RecursionError) as error:
            problem = f"oarstat printed broken JSON: {error}"
            continue
        if not stdout[end:].strip():
            return found
        raise OarAnswerError("oarstat printed something else after its JSON")
    raise OarAnswerError(problem)


def states(stdout: str, asked: Iterable[int]) -> dict[int, str]:
    """OAR's states by job ID from `oarstat -s -J`; OAR does not know a job without one.

    An invalid row has the state "", from which nothing is concluded.
    """
    rows = document(stdout)
    if not isinstance(rows, dict):
        raise OarAnswerError("oarstat -s -J printed something else than an object")
    found = {}
    for job_id in asked:
        if str(job_id) in rows:
            word = rows[str(job_id)]
            found[job_id] = word if isinstance(word, str) else ""
    return found


def records_2(stdout: str) -> dict[int, JobRecord]:
    """Records by job ID from `oarstat -J [-f]` of OAR 2; invalid rows are skipped."""
    if not stdout.strip():
        return {}
    return _records(stdout, _record_2)


def records_3(stdout: str) -> dict[int, JobRecord]:
    """Records by job ID from `oarstat -J -f` of OAR 3, without events; invalid rows are skipped."""
    return _records(stdout, _record_3)


def _records(stdout: str, read: Any) -> dict[int, JobRecord]:
    rows = document(stdout)
    if not isinstance(rows, dict):
        raise OarAnswerError("oarstat -J printed something else than an object")
    found = {}
    for key, row in rows.items():
        if isinstance(row, dict) and re.fullmatch(_ID, key):
            record = read(int(key), row)
            if record is not None:
                found[int(key)] = record
    return found


def _record_2(job_id: int, row: dict[str, Any]) -> JobRecord | None:
    if _integer(row.get("Job_Id")) != job_id or not isinstance(row.get("state"), str):
        return None
    hosts = row.get("assigned_network_address")
    resources = ids_in(row.get("assigned_resources"))
    wanted, wall_time = requested(row.get("message"))
    return JobRecord(
        job_id=job_id,
        state=row["state"],
        exit_code=_integer(row.get("exit_code")),
        name=_text(row.get("name")),
        owner=_text(row.get("owner")),
        queue=_text(row.get("queue")),
        project=_text(row.get("project")),
        command=_text(row.get("command")),
        directory=_text(row.get("launchingDirectory")),
        message=_text(row.get("message")),
        submission_time=_moment(row.get("submissionTime")),
        start_time=_moment(row.get("startTime")),
        stop_time=_moment(row.get("stopTime")),
        wall_time=_moment(row.get("walltime")) or wall_time,
        wanted=wanted,
        cores=len(resources) or None,
        nodes=tuple(dict.fromkeys(map(str, hosts))) if isinstance(hosts, list) else (),
        resources=resources,
        reserved=ids_in(list(row["reserved_resources"])) if _holds(row) else (),
        events=tuple(_event_2(event) for event in _list(row.get("events")) if _is_event(event)),
        resubmitted_from=_moment(row.get("resubmit_job_id")),
        types=tuple(_text(word) for word in _list(row.get("types"))),
        cpuset=_text(row.get("cpuset_name")),
        scheduled_start=_expected(row, "scheduledStart", "startTime"),
        request=_text(row.get("initial_request")),
        resource_request=_text(row.get("wanted_resources")),
        condition=_text(row.get("properties")),
    )


def _expected(row: dict[str, Any], *keys: str) -> int | None:
    """The predicted start of a waiting job: the first of `keys` that holds one."""
    if row["state"] not in WAITING:
        return None
    return next((moment for key in keys if (moment := _moment(row.get(key)))), None)


def _holds(row: dict[str, Any]) -> bool:
    return isinstance(row.get("reserved_resources"), dict)


def ids_in(values: Any) -> tuple[int, ...]:
    """The IDs in a list, also as text: some databases have OAR print numbers as text."""
    return tuple([number for value in _list(values) if (number := _moment(value))])


def requested(message: Any) -> tuple[int | None, int | None]:
    """How many resources a job requests, and its W in seconds, as far as its message shows them.

    The W of OAR 3 includes its security time: see `_wall_time_3`.
    """
    match = re.match(_REQUEST, _text(message))
    if not match:
        return None, None
    hours, minutes, seconds = match[2] or 0, match[3] or 0, match[4]
    wall_time = int(hours) * 3600 + int(minutes) * 60 + int(seconds) if seconds else None
    return _moment(int(match[1])), wall_time


def _date_text(event: dict[str, Any]) -> str:
    return _text(event.get("date"))


def _is_event(event: Any) -> bool:
    return isinstance(event, dict) and isinstance(event.get("type"), str)


def _event_2(event: dict[str, Any]) -> Event:
    return Event(
        kind=event["type"],
        text=_text(event.get("description")),
        date=_moment(event.get("date")),
        number=_integer(event.get("event_id")) or 0,
    )


def _record_3(job_id: int, row: dict[str, Any]) -> JobRecord | None:
    if _integer(row.get("id")) != job_id or not isinstance(row.get("state"), str):
        return None
    wanted, with_security_time = requested(row.get("message"))
    request = _text(row.get("initial_request"))
    return JobRecord(
        job_id=job_id,
        state=row["state"],
        exit_code=_integer(row.get("exit_code")),
        name=_text(row.get("name")),
        owner=_text(row.get("user")),
        queue=_text(row.get("queue_name")),
        project=_text(row.get("project")),
        command=_text(row.get("command")),
        directory=_text(row.get("launching_directory")),
        message=_text(row.get("message")),
        submission_time=_moment(row.get("submission_time")),
        start_time=_moment(row.get("start_time")),
        stop_time=_moment(row.get("stop_time")),
        wall_time=_wall_time_3(request, with_security_time),
        wanted=wanted,
        resubmitted_from=_moment(row.get("resubmit_job_id")),
        cpuset=_text(row.get("cpuset_name")),
        scheduled_start=_expected(row, "start_time"),
        request=request,
        resource_request=_resource_request_3(request),
        condition=_text(row.get("properties")),
    )


def _resource_request_3(request: str) -> str:
    """The -l options of an oarsub line, in quotes as OAR 2 shows them.

    OAR 3 joins the arguments with blanks and without quotes.
    """
    return " ".join(f'-l "{found[1]}"' for found in re.finditer(_RESOURCES_3, request))


def _wall_time_3(request: str, with_security_time: int | None) -> int | None:
    """The wall time that was requested, in seconds: OAR 3 shows the effective one nowhere.

    The request is shown to the job's owner and root only, and has several with moldable requests.
    """
    found = {match[0]: match for match in re.finditer(_WALL_TIME, request)}
    if len(found) == 1:
        hours, minutes, seconds = (int(part or 0) for part in next(iter(found.values())).groups())
        return 3600 * hours + 60 * minutes + seconds or None
    return max(1, with_security_time - _SECURITY_TIME) if with_security_time else None


def events_3(stdout: str) -> dict[int, tuple[Event, ...]]:
    """Events by job ID from `oarstat -e -J` of OAR 3, in the order of their dates (local text)."""
    rows = document(stdout)
    if not isinstance(rows, dict):
        raise OarAnswerError("oarstat -e -J printed something else than an object")
    return {
        int(key): tuple(
            Event(
                event["type"],
                _text(event.get("description")),
                None,
                number,
                _text(event.get("date")),
            )
            for number, event in enumerate(sorted(filter(_is_event, events), key=_date_text))
        )
        for key, events in rows.items()
        if re.fullmatch(_ID, key) and isinstance(events, list)
    }


def with_events(
    ids: Sequence[int], states: Mapping[int, str], records: dict[int, JobRecord], stdout: str
) -> dict[int, JobRecord]:
    """Records of OAR 3 with the events in `stdout`; `states` are OAR's states by job ID.

    OAR 3 hides the record of a job deleted while it waited: it gets one of state and events only.
    """
    events = events_3(stdout)
    return {
        job_id: (records.get(job_id) or JobRecord(job_id, states[job_id]))._replace(
            events=events.get(job_id, ())
        )
        for job_id in ids
    }


def _integer(value: Any) -> int | None:
    """A whole number, also as text: some databases have OAR print numbers as text."""
    if type(value) is int:  # not a bool
        return value
    return int(value) if isinstance(value, str) and re.fullmatch(_NUMBER, value) else None


def _moment(value: Any) -> int | None:
    """A positive number; OAR writes 0 for a time that has not come and for no ID."""
    number = _integer(value)
    return number if number and 0 < number < _LARGEST else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
