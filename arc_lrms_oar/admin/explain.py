"""Explain: the story of one job from every source, as one page for an admin."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable

from arc_lrms_oar.admin.advice import advice
from arc_lrms_oar.admin.job_sources import Story, date_of, files_of, tell
from arc_lrms_oar.admin.job_table import plain
from arc_lrms_oar.commands.query import UNKNOWN
from arc_lrms_oar.commands.translate import described
from arc_lrms_oar.commands.translate_output import description_text
from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job.request import make_request
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.outcome import CAUSE_OF, Verdict, verdict, verdict_of_lost
from arc_lrms_oar.oar.states import has_ended
from arc_lrms_oar.settings import Settings

_SCRIPT = "(the job script)"


def explain(settings: Settings, client: OarClient, text: str) -> str:
    """The page on the job that `text` stands for; raises OarLrmsError where there is none."""
    story = tell(settings, client, text)
    end = end_of(story)
    sections = (
        ("", _head(story)),
        ("What the user asked for", _description(story)),
        ("What OAR was asked", _request(settings, story)),
        ("What happened", _moments(story)),
        ("How it ended", _end(story, end)),
        ("Files", _files(story)),
        ("What to do", [advice(story, end)]),
    )
    return "\n\n".join(
        "\n".join([*([title] if title else []), *(f"  {plain(line)}".rstrip() for line in lines)])
        for title, lines in sections
        if lines
    )


def end_of(story: Story) -> Verdict | None:
    """How the job has ended as far as OAR, or else its own script, tells; None where it lives."""
    if story.record is not None and has_ended(story.oar_state):
        return verdict(story.record, story.diag.values)
    if story.oar_state == UNKNOWN and not story.over and story.diag.complete:
        return verdict_of_lost(story.diag.values)
    return None


def _table(rows: Iterable[tuple[str, str]]) -> list[str]:
    shown = [(name, text) for name, text in rows if text]
    width = max((len(name) for name, _ in shown), default=0)
    return [f"{name.ljust(width)}  {text}" for name, text in shown]


def _head(story: Story) -> list[str]:
    job = story.job
    if story.oar_trouble:
        oar = f"could not be asked: {story.oar_trouble}"
    elif story.oar_state == UNKNOWN:
        oar = "does not know this job"
    else:
        oar = story.oar_state
    record = story.record
    rows = [("OAR job", str(story.local_id or "none")), ("OAR", oar)]
    if job is None:
        rows.append(("A-REX", f"no job of {story.control_dir} has this OAR id"))
        rows.append(("user", record.owner if record else ""))
        return _table(rows)
    return _table(
        [
            ("grid job", job.grid_id),
            *rows,
            ("A-REX", f"{job.state} since {_when(job.status_time)}"),
            ("user", f"{story.user} {job.local.get('subject', '')}".strip()),
            ("name", job.local.get("jobname", "")),
            ("queue", job.local.get("queue", "")),
            ("nodes", " ".join(record.nodes) if record else " ".join(story.diag.nodes)),
            ("why it waits", record.message if record and record.scheduled_start else ""),
            (
                "expected start",
                _when(record.scheduled_start) if record and record.scheduled_start else "",
            ),
        ]
    )


def _description(story: Story) -> list[str]:
    if story.description is not None:
        return [line[2:] for line in description_text(described(story.description)).splitlines()]
    return [f"not known: {story.description_trouble}"] if story.description_trouble else []


def _request(settings: Settings, story: Story) -> list[str]:
    if story.record is not None and story.record.request:
        return [story.record.request]
    job = story.description
    if job is None:
        return []
    try:
        request = make_request(job, settings.queue(job.queue or ""), _SCRIPT, time.time())
    except JobError as error:
        return [f"not known: {error}"]
    return [
        shlex.join(["oarsub", *request.argv()]),
        "(OAR does not tell; this follows from the description and arc.conf as they are today, "
        "without runtime environments)",
    ]


def _moments(story: Story) -> list[str]:
    lines = [f"{_when(when)}  {who.ljust(6)}  {what}" for when, who, what in story.moments]
    if story.record is not None:
        lines += [
            f"{'at a time not told'.ljust(19)}  OAR     {event.kind}: {event.text}"
            for event in story.record.events
            if date_of(event) is None
        ]
    return lines


def _end(story: Story, end: Verdict | None) -> list[str]:
    record = story.record
    told = " ".join(story.done.split())
    failure = story.failure
    if not failure and story.over:
        failure = "the job succeeded"
    rows = [
        ("verdict", f"{end.code} {end.reason} ({end.kind})" if end is not None else ""),
        ("told to A-REX", told),
        ("A-REX says", failure),
    ]
    if end is not None and record is not None:
        code = "none" if record.exit_code is None else str(record.exit_code)
        why = f"OAR's state is {record.state}, its exit_code (a wait status) {code}"
        deciding = [
            event.kind
            for event in record.events
            if event.kind in CAUSE_OF and CAUSE_OF[event.kind][1].kind == end.kind
        ]
        if deciding:
            why += f"; of its events {', '.join(dict.fromkeys(deciding))} decides"
        rows.insert(1, ("because", why))
    values = story.diag.values
    used = [
        f"{name} {values[key]}"
        for key, name in (
            ("walltime", "wall"),
            ("usertime", "user"),
            ("kerneltime", "kernel"),
            ("maxresidentmemory", "memory"),
        )
        if key in values
    ]
    return _table([*rows, ("used", ", ".join(used))])


def _files(story: Story) -> list[str]:
    return [] if story.job is None else _table(files_of(story.job))


def _when(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
