"""Translate: what would become of a job description, without any ARC or OAR at hand.

The story: read xRSL or GRAMi, do A-REX's part as A-REX does it, take the steps of a submission up
to oarsub, and tell of each job. Nothing is submitted and nothing written. Runtime environments that
are enabled on this machine run their stage 0, as they do at a submission.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from arc_lrms_oar.arex.config import find_config, load
from arc_lrms_oar.commands.submit import check_site, prepare
from arc_lrms_oar.errors import JobError, OarLrmsError
from arc_lrms_oar.identity import Identity
from arc_lrms_oar.job import grami, submit_journal
from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.settings import Settings

LANGUAGES = ("xrsl", "grami")
_LIMIT = 64 * 1024 * 1024
_GRAMI = re.compile(r"(?:\s*#[^\n]*\n)*\s*joboption_[A-Za-z0-9_]+=")
# Stand for what A-REX makes up for each job.
_SESSIONS = "/var/spool/arc/sessiondir"
_GRID_ID = "GRIDID"
_SCRIPT = "job.sh"
_FIELDS = (
    *("name", "executable", "arguments", "environment", "stdin", "stdout", "stderr", "queue"),
    *("cpu_time", "wall_time", "memory", "disk", "count", "count_per_node", "exclusive"),
    *("runtime_environments", "start_time", "priority", "project", "rerun"),
    *("input_files", "output_files"),
)


@dataclass(frozen=True)
class Translation:
    """One job: what the user asked for, the oarsub line, what has no effect and why, the script.

    In `description` what the user has not said is None; times are in seconds, memory and disk in
    MB. `ignored` are lines "what: reason".
    """

    description: dict[str, Any]
    oarsub: list[str]
    ignored: list[str]
    script: str


@dataclass(frozen=True)
class _Asked:
    """One job as its reader leaves it, with the GRAMi values that a backend would be given."""

    job: JobDescription
    description: dict[str, Any]
    values: grami.Values
    ignored: list[str]


def settings_for(config: str | None) -> Settings:
    """The settings in the file `config`, else those of this machine, else the defaults."""
    path = find_config(config)
    if config or os.access(path, os.R_OK):
        return load(path)
    return Settings()


def read_text(file: str) -> str:
    """The content of `file`, or of standard input for `-`; raises OarLrmsError."""
    try:
        if file == "-":
            raw = sys.stdin.buffer.read(_LIMIT + 1)
        else:
            with open(file, "rb") as stream:
                raw = stream.read(_LIMIT + 1)
    except OSError as error:
        raise OarLrmsError(f"{file}: cannot read the job description: {error.strerror}") from None
    if len(raw) > _LIMIT:
        raise OarLrmsError(f"{file}: the job description is larger than {_LIMIT >> 20} MB")
    return raw.decode("utf-8", "surrogateescape")


def translate(
    text: str,
    settings: Settings,
    queue: str | None = None,
    language: str | None = None,
    source: str = "job description",
) -> list[Translation]:
    """What becomes of each job in `text`, in `queue` whatever the job itself says of it.

    Without a `language` the text tells which it is. `source` names it in errors. Raises
    OarLrmsError, of which XrslError shows the place in the text.
    """
    check_site(settings)
    if language == "grami" or (language is None and _GRAMI.match(text)):
        asked = [_from_grami(text, source, queue)]
    else:
        asked = _from_xrsl(text, settings, queue)
    found = []
    for number, one in enumerate(asked, 1):
        try:
            found.append(_translation(one, settings, source))
        except JobError as error:
            which = f"job {number} of {len(asked)}: " if len(asked) > 1 else ""
            raise JobError(f"{source}: {which}{error}", error.details) from None
    return found


def _from_grami(text: str, source: str, queue: str | None) -> _Asked:
    values = grami.parse(text, source)
    if queue:
        values["joboption_queue"] = queue
    job = grami.describe(values, source)
    unsaid = {
        field
        for field, key in (("count", "count"), ("exclusive", "exclusivenode"))
        if not values.get(f"joboption_{key}")
    }
    return _Asked(job, _description(job, unsaid, None), values, [])


def _from_xrsl(text: str, settings: Settings, queue: str | None) -> list[_Asked]:
    from arc_lrms_oar.job import xrsl
    from arc_lrms_oar.job.xrsl.grami_values import Place, grami_values

    found = []
    jobs = xrsl.read(text)
    for number, read in enumerate(jobs, 1):
        ignored = list(read.ignored)
        if read.alternatives:
            ignored.append(
                f"{len(read.alternatives)} of {len(read.alternatives) + 1} alternatives: "
                "the client tries them where no CE takes the first, which is shown here"
            )
        asked = read.description._replace(queue=queue or read.description.queue)
        grid_id = _GRID_ID if len(jobs) == 1 else f"{_GRID_ID}{number}"
        place = Place(f"{_SESSIONS}/{grid_id}", settings.control_dir, grid_id)
        values = grami_values(replace(read, description=asked), place)
        if not asked.queue:
            ignored.append(_choose_queue(values, settings))
        description = _description(asked, read.unsaid, read.rerun)
        found.append(_Asked(asked, description, values, ignored))
    return found


def _choose_queue(values: grami.Values, settings: Settings) -> str:
    """Puts the CE's only queue into `values`, and says who chooses one where there are several."""
    if len(settings.queues) == 1:
        (name,) = settings.queues
        values["joboption_queue"] = name
        return f"queue: none is named, so A-REX takes {name}, the only one"
    return "queue: none is named, so A-REX takes its default or the first that the user may use"


def _translation(asked: _Asked, settings: Settings, source: str) -> Translation:
    values, missing = _with_known_environments(asked.values, settings)
    session_dir = values.get("joboption_directory", "")
    script = os.path.join(submit_journal.private_dir(session_dir), _SCRIPT)
    prepared = prepare(values, source, settings, script, time.time(), Identity())
    queue = prepared.job.queue or ""
    if queue and settings.queues and queue not in settings.queues:
        missing.append(f"queue {queue}: arc.conf has no such queue, so A-REX refuses the job")
    if settings.queue(queue).identity:
        missing.append("identity: its rules are left out, since nobody has sent this job")
    return Translation(
        asked.description,
        ["oarsub", *prepared.request.argv()],
        [*asked.ignored, *missing, *prepared.ignored],
        prepared.text,
    )


def _with_known_environments(
    values: grami.Values, settings: Settings
) -> tuple[grami.Values, list[str]]:
    """`values` without the runtime environments that this machine has not, and a line on each."""
    folder = os.path.join(settings.control_dir, "rte")
    kept = {k: v for k, v in values.items() if not re.match(r"joboption_runtime_\d", k)}
    missing = []
    number = place = 0
    while f"joboption_runtime_{number}" in values:
        name = values[f"joboption_runtime_{number}"]
        if _is_known(folder, name):
            for key, value in values.items():
                match = re.fullmatch(rf"joboption_runtime_{number}(_\d+)?", key)
                if match:
                    kept[f"joboption_runtime_{place}{match[1] or ''}"] = value
            place += 1
        else:
            missing.append(
                f"runtimeenvironment {name}: this machine has it not (under {folder}), so the line "
                "and the script are without it; a CE that has it not refuses the job"
            )
        number += 1
    return kept, missing


def _is_known(folder: str, name: str) -> bool:
    parts = name.split("/")
    if "\0" in name or any(part in ("", ".", "..") for part in parts):
        return False
    places = (os.path.join(folder, kind, *parts) for kind in ("enabled", "default"))
    return any(os.path.exists(place) for place in places)


def _description(job: JobDescription, unsaid: Collection[str], rerun: int | None) -> dict[str, Any]:
    values = {**job._asdict(), "rerun": rerun, **dict.fromkeys(unsaid)}
    values["executable"] = job.executable or None
    values["runtime_environments"] = [
        {"name": rte.name, "options": list(rte.options)} for rte in job.runtime_environments
    ]
    values["environment"] = [list(pair) for pair in job.environment]
    shown = {field: values[field] for field in _FIELDS}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in shown.items()}


def described(job: JobDescription) -> dict[str, Any]:
    """What a user has asked for in `job`, in the form that a Translation has it."""
    return _description(job, (), None)
