"""Translate: show what a job description becomes, without ARC or OAR.

Reads xRSL or GRAMi, does A-REX's part, and takes the steps of a submission up to oarsub. Nothing is
submitted or written. Runtime environments that are enabled on this machine run their stage 0, as in
a submission.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

from arc_lrms_oar.arex.config import edited_config, load
from arc_lrms_oar.commands.prepare import check_site, prepare, without_postponement
from arc_lrms_oar.errors import JobError, OarLrmsError
from arc_lrms_oar.identity import Identity
from arc_lrms_oar.job import grami, submit_journal
from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.job.request import OarRequest
from arc_lrms_oar.oar.dialect import dialect_of
from arc_lrms_oar.settings import Settings

LANGUAGES = ("xrsl", "grami")
_LIMIT = 64 * 1024 * 1024
_GRAMI = re.compile(r"(?:\s*#[^\n]*\n)*\s*joboption_[A-Za-z0-9_]+=")
# Placeholders for what A-REX chooses for each job.
_SESSIONS = "/var/spool/arc/sessiondir"
_GRID_ID = "GRIDID"
_SCRIPT = "job.sh"
# What becomes of exclusiveexecution without countpernode: with count, and without.
_LOST = (
    "exclusiveexecution: A-REX loses it without countpernode, so the nodes may be shared",
    "exclusiveexecution: A-REX refuses a job that has it without count and countpernode "
    "(500 emies:adl parsing error)",
)
_CLIENT_CHOOSES = "queue: not set; the client may choose one, else A-REX uses"
_FIELDS = (
    *("name", "executable", "arguments", "environment", "stdin", "stdout", "stderr", "queue"),
    *("cpu_time", "wall_time", "memory", "disk", "count", "count_per_node", "exclusive"),
    *("runtime_environments", "start_time", "priority", "project", "rerun"),
    *("input_files", "output_files"),
)


@dataclass(frozen=True)
class Translation:
    """One job: its description, the oarsub command, attributes without effect, the job script.

    In `description`, attributes that the user has not set are None; times are in seconds, memory
    and disk in MB. `ignored` are lines "attribute: reason", and so are `refused`: for these the CE
    of the configuration refuses the job. `assumed` are lines about what the client or A-REX may
    choose otherwise.
    """

    description: dict[str, Any]
    oarsub: list[str]
    ignored: list[str]
    script: str
    refused: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Asked:
    """One job from its reader, with the GRAMi values that a backend would get."""

    job: JobDescription
    description: dict[str, Any]
    values: grami.Values
    ignored: list[str]
    refused: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)


def settings_for(config: str | None) -> Settings:
    """Return the settings of the file `config`, else of the arc.conf that an admin edits.

    On a machine without one they are the defaults.
    """
    path = edited_config(config)
    if config or os.access(path, os.R_OK):
        return load(path)
    return Settings()


def read_text(file: str) -> str:
    """Read `file`, or standard input for `-`; raises OarLrmsError."""
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
    """Translate each job in `text`.

    Args:
        queue: overrides the queue that the job names.
        language: one of LANGUAGES; by default it is detected from the text. ADL is not read.
        source: the name of the text in errors.

    Raises OarLrmsError; an XrslError shows the position in the text.
    """
    check_site(settings)
    if text.lstrip().startswith("<"):
        raise OarLrmsError(f"{source}: this is XML, perhaps ADL; only xRSL and GRAMi are read")
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
    unset = {
        field
        for field, key in (("count", "count"), ("exclusive", "exclusivenode"))
        if not values.get(f"joboption_{key}")
    }
    return _Asked(job, _description(job, unset, None), values, [])


def _from_xrsl(text: str, settings: Settings, queue: str | None) -> list[_Asked]:
    from arc_lrms_oar.job import xrsl
    from arc_lrms_oar.job.xrsl.grami_values import JobPaths, grami_values

    found = []
    jobs = xrsl.read(text)
    for number, read in enumerate(jobs, 1):
        ignored = list(read.ignored)
        if read.alternatives:
            ignored.append(
                f"{len(read.alternatives)} of {len(read.alternatives) + 1} alternatives: "
                "the client tries them if no CE accepts the first, which is shown here"
            )
        asked = read.description._replace(queue=queue or read.description.queue)
        grid_id = _GRID_ID if len(jobs) == 1 else f"{_GRID_ID}{number}"
        paths = JobPaths(f"{_SESSIONS}/{grid_id}", settings.control_dir, grid_id)
        values = grami_values(replace(read, description=asked), paths)
        refused: list[str] = []
        if asked.exclusive and not asked.count_per_node:
            lines = refused if "count" in read.unset else ignored
            lines.append(_LOST["count" in read.unset])
        assumed = [] if asked.queue else [_choose_queue(values, settings)]
        description = _description(asked, read.unset, read.rerun)
        found.append(_Asked(asked, description, values, ignored, refused, assumed))
    return found


def _choose_queue(values: grami.Values, settings: Settings) -> str:
    """Set the CE's default or only queue in `values`; returns a line that says who chooses it."""
    name, why = settings.default_queue, "the default in [lrms] lrms"
    if not name and len(settings.queues) == 1:
        (name,), why = settings.queues, "the only one"
    if not name:
        return f"{_CLIENT_CHOOSES} the first that the user may use"
    values["joboption_queue"] = name
    return f"{_CLIENT_CHOOSES} {name}, {why}"


def _translation(asked: _Asked, settings: Settings, source: str) -> Translation:
    values, missing = _with_known_environments(asked.values, settings)
    refused = [*asked.refused]
    ignored = [*asked.ignored]
    # Without a configuration no CE is meant.
    (refused if settings.config_file else ignored).extend(missing)
    session_dir = values.get("joboption_directory", "")
    script = os.path.join(submit_journal.private_dir(session_dir), _SCRIPT)
    prepared = prepare(values, source, settings, script, time.time(), Identity())
    queue = prepared.job.queue or ""
    if queue and settings.queues and queue not in settings.queues:
        refused.append(f"queue {queue}: not in arc.conf, so A-REX refuses the job")
    if settings.queue(queue).identity:
        ignored.append("identity: its rules are not applied, because this job has no grid user")
    request, changed = _as_oar_takes_it(prepared.request, settings.dialect)
    return Translation(
        asked.description,
        ["oarsub", *request.argv()],
        [*ignored, *prepared.ignored, *changed],
        prepared.text,
        refused,
        asked.assumed,
    )


def _as_oar_takes_it(request: OarRequest, dialect: str) -> tuple[OarRequest, list[str]]:
    """The request, and lines about its job types that OAR 3 does not have.

    With the dialect `auto`, OAR is not asked for its version: the request stays, and the lines
    apply to OAR 3 only.
    """
    lines: list[str] = []
    if dialect != "auto":
        request, lines = without_postponement(request, lambda: dialect_of(dialect))
    refused = dialect_of("3" if dialect == "auto" else dialect).refused_types(request.types)
    return request, [*lines, *(f"job type {word}: OAR 3 refuses it" for word in refused)]


def _with_known_environments(
    values: grami.Values, settings: Settings
) -> tuple[grami.Values, list[str]]:
    """Remove the runtime environments that do not exist here; returns a line about each as well."""
    folder = os.path.join(settings.control_dir, "rte")
    kept = {k: v for k, v in values.items() if not re.match(r"joboption_runtime_\d", k)}
    missing = []
    number = kept_number = 0
    while f"joboption_runtime_{number}" in values:
        name = values[f"joboption_runtime_{number}"]
        if _is_known(folder, name):
            for key, value in values.items():
                match = re.fullmatch(rf"joboption_runtime_{number}(_\d+)?", key)
                if match:
                    kept[f"joboption_runtime_{kept_number}{match[1] or ''}"] = value
            kept_number += 1
        else:
            missing.append(
                f"runtimeenvironment {name}: not enabled on this machine (under {folder}), so the "
                "command and the script are without it; a CE without it refuses the job"
            )
        number += 1
    return kept, missing


def _is_known(folder: str, name: str) -> bool:
    parts = name.split("/")
    if "\0" in name or any(part in ("", ".", "..") for part in parts):
        return False
    paths = (os.path.join(folder, kind, *parts) for kind in ("enabled", "default"))
    return any(os.path.exists(path) for path in paths)


def _description(job: JobDescription, unset: Collection[str], rerun: int | None) -> dict[str, Any]:
    values = {**job._asdict(), "rerun": rerun, **dict.fromkeys(unset)}
    values["executable"] = job.executable or None
    values["runtime_environments"] = [
        {"name": rte.name, "options": list(rte.options)} for rte in job.runtime_environments
    ]
    values["environment"] = [list(pair) for pair in job.environment]
    shown = {field: values[field] for field in _FIELDS}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in shown.items()}


def described(job: JobDescription) -> dict[str, Any]:
    """Return the attributes of `job` in the form of `Translation.description`."""
    return _description(job, (), None)
