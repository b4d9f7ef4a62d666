"""Runtime environments (RTEs) at submission: find them, run their stage 0, read their texts.

An RTE is a shell script that A-REX's administrator has enabled under CONTROLDIR/rte. Stage 0 runs
it here, as the mapped user, with argument 0; it may change any `joboption_*`, also the list of
RTEs. Stages 1 and 2 run on the node: `job.script` puts the text of the RTE into the job script.

Source of the contract: ARC 6.17 `src/services/a-rex/lrms/submit_common.sh`.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from arc_lrms_oar import process
from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job.grami import Values
from arc_lrms_oar.job.shell import shared
from arc_lrms_oar.log import complain
from arc_lrms_oar.settings import Settings

_TIMEOUT = 300
_LIMIT = 16 * 1024 * 1024
_MESSAGES = 16 * 1024


class RteScript(NamedTuple):
    """One RTE in the job script; `text` begins with its parameters file."""

    name: str
    options: tuple[str, ...]
    text: str


def with_defaults(values: Values, rte_dir: str) -> Values:
    """Return `values` with the RTEs added that the administrator has made default for every job."""
    known: list[str] = []
    while f"joboption_runtime_{len(known)}" in values:
        known.append(values[f"joboption_runtime_{len(known)}"])
    extended = dict(values)
    for name in _default_names(os.path.join(rte_dir, "default")):
        if name not in known:
            extended[f"joboption_runtime_{len(known)}"] = name
            known.append(name)
    return extended


def _default_names(folder: str) -> list[str]:
    names = []
    for place, _, files in os.walk(folder, followlinks=False):
        for file in files:
            path = os.path.join(place, file)
            if os.path.exists(path):
                names.append(os.path.relpath(path, folder))
    return sorted(names)


def run_stage_0(values: Values, settings: Settings) -> Values:
    """Run stage 0 of all RTEs of the job and return the values as they leave them.

    No process is started for a job without RTEs. Messages of the RTEs go to stderr, or into the
    error's details. Raises JobError, with a text for the grid user, for an RTE that is missing or
    fails.
    """
    rte_dir = os.path.join(settings.control_dir, "rte")
    values = with_defaults(values, rte_dir)
    if "joboption_runtime_0" not in values:
        return values
    for name in (v for k, v in values.items() if re.fullmatch(r"joboption_runtime_\d+", k)):
        if not _is_plain(name):
            raise JobError(f"{name!r} is not the name of a runtime environment")
    if any("\0" in value for value in values.values()):
        raise JobError("a NUL byte cannot be part of an argument or of the environment")
    stage_0 = shared("rte_stage0.sh")
    try:
        finished = process.run(
            ["/bin/bash", "-c", stage_0, "arc-oar-stage-0"],
            _TIMEOUT,
            _environment(values, settings, rte_dir),
        )
    except TimeoutError:
        raise JobError(
            f"the runtime environments ran for more than {_TIMEOUT} s at submission"
        ) from None
    except OSError as error:
        raise JobError(f"the runtime environments cannot be run: {error.strerror}") from None
    messages = finished.stderr[-_MESSAGES:].decode("utf-8", "replace")
    try:
        left = _left_behind(values, finished.stdout)
    except JobError as error:
        raise JobError(str(error), messages) from None
    if messages:
        complain(messages.removesuffix("\n"))
    return left


def _is_plain(name: str) -> bool:
    parts = name.split("/")
    return all(part not in ("", ".", "..") for part in parts) and "\0" not in name


def _environment(values: Values, settings: Settings, rte_dir: str) -> dict[str, str]:
    """Return the variables that ARC's own backends set before stage 0, without the CE's others."""
    environment = {
        "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        "ARC_CONFIG": settings.config_file,
        "ARC_OAR_RTE": rte_dir,
        "CONFIG_controldir": settings.control_dir,
        "RUNTIME_NODE_SEES_FRONTEND": "yes",
        "RUNTIME_LOCAL_SCRATCH_DIR": settings.scratch_dir,
        "RUNTIME_FRONTEND_SEES_NODE": settings.shared_scratch,
        "joboption_lrms": "OAR",
    }
    environment.update((k, v) for k, v in values.items() if k.startswith("joboption_"))
    for name in ("X509_USER_PROXY", "TMPDIR"):
        if name in os.environ:
            environment[name] = os.environ[name]
    return environment


def _left_behind(values: Values, answer: bytes) -> Values:
    verdict, *rest = answer[:_LIMIT].decode("utf-8", "surrogateescape").split("\0")
    if verdict == "missing":
        raise JobError(f"the runtime environment {rest[0]} is not enabled at this site")
    if verdict == "failed":
        raise JobError(
            f"the runtime environment {rest[0]} refused the job at submission (exit code {rest[1]})"
        )
    if verdict != "done":
        raise JobError("a runtime environment ended the submission; see the job's errors file")
    kept = {k: v for k, v in values.items() if not k.startswith("joboption_")}
    kept.update(entry.partition("=")[::2] for entry in rest if entry)
    return kept


def node_scripts(
    environments: tuple[tuple[str, tuple[str, ...]], ...], control_dir: str
) -> list[RteScript]:
    """Return the texts of RTEs for the node, each below the text of its parameters file.

    `environments` is (name, options) in order. Raises JobError for one that does not exist.
    """
    scripts = []
    for name, options in environments:
        text = None
        for folder in ("enabled", "default"):
            if text is None:
                text = _content(os.path.join(control_dir, "rte", folder, name))
        if text is None:
            raise JobError(f"the runtime environment {name} is not enabled at this site")
        if text:
            text = (_content(os.path.join(control_dir, "rte", "params", name)) or "") + text
        scripts.append(RteScript(name, options, text))
    return scripts


def _content(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            text = file.read(_LIMIT)
    except FileNotFoundError:
        return None
    except OSError as error:
        complain(f"cannot read {path}: {error.strerror}")
        return None
    return text + "\n" if text and not text.endswith("\n") else text
