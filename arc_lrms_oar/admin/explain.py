"""The command `explain`: shows everything known about one job on one page."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections.abc import Iterable
from typing import Any

from arc_lrms_oar.admin.advice import advice
from arc_lrms_oar.admin.job_facts import JobFacts, collect_facts, job_files
from arc_lrms_oar.admin.job_timeline import event_time
from arc_lrms_oar.admin.oarsub_line import pastable
from arc_lrms_oar.commands.translate import described
from arc_lrms_oar.commands.translate_output import description_text
from arc_lrms_oar.console import printable
from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job.request import make_request
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.deletion import pending_deletion, requesting_user
from arc_lrms_oar.oar.outcome import (
    Outcome,
    cause_events,
    outcome_of,
    outcome_of_lost,
    with_memory_kills,
)
from arc_lrms_oar.oar.states import UNKNOWN, has_ended
from arc_lrms_oar.settings import Settings

_SCRIPT = "JOB_SCRIPT"
# How A-REX records what scan wrote to lrms_done (docs/internals/arc.md#lrms_done).
_LRMS_ERROR = r"LRMS error: \((-?[0-9]{1,9})\) (.*)"


def explain(settings: Settings, client: OarClient, text: str, as_json: bool = False) -> str:
    """The page on the job that `text` identifies (see `collect_facts`), or the same as JSON.

    Raises:
        OarLrmsError: no job, or more than one, matches `text`.
    """
    facts = collect_facts(settings, client, text)
    end = final_outcome(facts)
    if as_json:
        return json.dumps(_as_object(settings, facts, end), indent=2)
    sections = (
        ("", _head(facts)),
        ("What the user requested", _description(facts)),
        ("What was requested from OAR", _request(settings, facts)),
        ("What happened", _timeline(facts)),
        ("How it ended", _end(facts, end)),
        ("Files", [] if facts.job is None else _table(job_files(facts.job))),
        ("What to do", [advice(facts, end)]),
    )
    return "\n\n".join(
        "\n".join(
            [
                *([title] if title else []),
                *(f"  {printable(line)}".rstrip() for line in lines),
            ]
        )
        for title, lines in sections
        if lines
    )


def _as_object(settings: Settings, facts: JobFacts, end: Outcome | None) -> dict[str, Any]:
    """What the page says, for programs: times in seconds since 1970, None for what is not known."""
    job, record = facts.job, facts.record
    return {
        "grid_job_id": job.grid_id if job else None,
        "job_id": facts.job_id,
        "arex_state": job.state if job else None,
        "since": job.status_time if job else None,
        "state": facts.state,
        "oar_error": facts.oar_error,
        "user": facts.user or (record.owner if record else ""),
        "queue": job.local.get("queue", "") if job else "",
        "name": job.local.get("jobname", "") if job else "",
        "dn": job.local.get("subject", "") if job else "",
        "vo": job.vo if job else "",
        "nodes": list(record.nodes if record else facts.diag.nodes),
        "description": described(facts.description) if facts.description else None,
        "oarsub": next(iter(_request(settings, facts)), None),
        "events": [entry._asdict() for entry in facts.timeline],
        "waiting": facts.waiting._asdict() if facts.waiting else None,
        "exit_code": end.code if end else None,
        "reason": end.reason if end else None,
        "cause": end.cause.label if end else None,
        "failure": facts.failure,
        "accounting": facts.diag.values,
        "files": dict(job_files(job)) if job else {},
        "advice": advice(facts, end),
    }


def final_outcome(facts: JobFacts) -> Outcome | None:
    """How the job ended, from OAR or else from its own script; None if it has not ended.

    After scan has reported the job, its code and reason are repeated.
    """
    if facts.record is not None and has_ended(facts.state):
        end = with_memory_kills(outcome_of(facts.record), facts.diag.out_of_memory)
        reported = re.match(_LRMS_ERROR, facts.failure) if facts.finished else None
        return end._replace(code=int(reported[1]), reason=reported[2]) if reported else end
    if facts.state == UNKNOWN and not facts.finished and facts.diag.complete:
        return outcome_of_lost(facts.diag.values)
    return None


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    shown = [(name, text) for name, text in rows if text]
    width = max((len(name) for name, _ in shown), default=0)
    return [f"{name.ljust(width)}  {text}" for name, text in shown]


def _head(facts: JobFacts) -> list[str]:
    job, record = facts.job, facts.record
    if facts.oar_error:
        state = f"OAR is unavailable: {facts.oar_error}"
    elif facts.state == UNKNOWN:
        state = "unknown: OAR does not know this job"
    else:
        state = facts.state
    rows = [("job ID", str(facts.job_id or "none")), ("state", state)]
    if job is None:
        no_job = f"none: no job in {facts.control_dir} has this job ID"
        hidden = f"not known: {facts.unreadable} jobs of other users are not readable"
        rows.append(("A-REX state", hidden if facts.unreadable else no_job))
        rows.append(("user", record.owner if record else ""))
        return _table([*rows, *_waiting(facts)])
    return _table(
        [
            ("grid job ID", job.grid_id),
            *rows,
            ("A-REX state", f"{job.state} since {_local_time(job.status_time)}"),
            ("user", f"{facts.user} {job.local.get('subject', '')}".strip()),
            ("name", job.local.get("jobname", "")),
            ("queue", job.local.get("queue", "")),
            ("nodes", " ".join(record.nodes) if record else " ".join(facts.diag.nodes)),
            *_waiting(facts),
        ]
    )


def _waiting(facts: JobFacts) -> list[tuple[str, str]]:
    """Why the job waits, and a deletion that OAR has not done yet."""
    record = facts.record
    if record is None:
        return []
    rows = []
    if facts.waiting is not None:
        start = record.scheduled_start
        rows += [
            ("why it waits", facts.waiting.reason),
            ("OAR's message", record.message),
            ("expected start", _local_time(start) if start else ""),
        ]
    deletion = pending_deletion(record)
    if deletion is not None:
        user = requesting_user(deletion)
        when = event_time(deletion)
        text = (
            f"requested{f' by {user}' if user else ''}{f' at {_local_time(when)}' if when else ''}"
        )
        rows.append(("deletion", f"{text}, not done yet"))
    return rows


def _description(facts: JobFacts) -> list[str]:
    if facts.description is not None:
        return [line[2:] for line in description_text(described(facts.description)).splitlines()]
    return [f"not known: {facts.description_error}"] if facts.description_error else []


def _request(settings: Settings, facts: JobFacts) -> list[str]:
    """The oarsub line that OAR recorded, or the one that would be used now."""
    if facts.record is not None and facts.record.request:
        return [pastable(facts.record.request)]
    job = facts.description
    if job is None:
        return []
    try:
        request = make_request(job, settings.queue(job.queue or ""), _SCRIPT, time.time())
    except JobError as error:
        return [f"not known: {error}"]
    return [
        shlex.join(["oarsub", *request.argv()]),
        "(not recorded by OAR; derived from the description and today's arc.conf, without runtime "
        "environments)",
    ]


def _timeline(facts: JobFacts) -> list[str]:
    lines = [f"{_local_time(when)}  {who.ljust(6)}  {what}" for when, who, what in facts.timeline]
    if facts.record is not None:
        lines += [
            f"{'(time not recorded)'.ljust(19)}  OAR     {event.kind}: {event.text}"
            for event in facts.record.events
            if event_time(event) is None
        ]
    return lines


def _end(facts: JobFacts, end: Outcome | None) -> list[str]:
    record = facts.record
    arex_result = facts.failure or ("the job succeeded" if facts.finished else "")
    rows = []
    if end is not None:
        rows += [("exit code", str(end.code)), ("reason", f"{end.reason} ({end.cause.label})")]
    if end is not None and record is not None:
        status = "none" if record.exit_code is None else str(record.exit_code)
        because = f"OAR's state is {record.state}, the recorded wait status is {status}"
        deciding = [event.kind for event in cause_events(record) if event.kind in end.cause.events]
        if deciding:
            because += f", the deciding event is {', '.join(dict.fromkeys(deciding))}"
        rows.append(("because", because))
    rows += [
        ("lrms_done", " ".join(facts.lrms_done.split())),
        ("A-REX reports", arex_result),
    ]
    values = facts.diag.values
    used = [
        f"{name} {values[key]}"
        for key, name in (
            ("walltime", "wall time"),
            ("usertime", "user CPU time"),
            ("kerneltime", "kernel CPU time"),
            ("maxresidentmemory", "memory"),
        )
        if key in values
    ]
    return _table([*rows, ("used", ", ".join(used))])


def _local_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
