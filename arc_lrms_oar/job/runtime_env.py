"""Runtime environments (RTEs) at the time of submission: where they stand, and their stage 0.

An RTE is a shell script that A-REX's admin has enabled under CONTROLDIR/rte. Stage 0 runs it here,
as the mapped user, with argument 0; it may change any `joboption_*`, the list of RTEs included.
Stages 1 and 2 run on the node: `job.script` puts the text of the RTE into the job script.

Source of the contract: ARC 6.17 `src/services/a-rex/lrms/submit_common.sh`.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job.grami import Values
from arc_lrms_oar.log import complain
from arc_lrms_oar.settings import Settings

_TIMEOUT = 300
_LIMIT = 16 * 1024 * 1024
_MESSAGES = 16 * 1024

# Sources each RTE in turn and prints the variables it left behind. RTEs may append others to the
# list while it runs. Descriptor 3 carries the answer, so that what an RTE prints is only a message.
_STAGE_0 = r"""
exec 3>&1 1>&2
index=0
while name="joboption_runtime_$index"; [ -n "${!name+set}" ]; do
    arc_oar_file="$ARC_OAR_RTE/enabled/${!name}"
    [ -e "$arc_oar_file" ] || arc_oar_file="$ARC_OAR_RTE/default/${!name}"
    if [ ! -e "$arc_oar_file" ]; then
        printf 'missing\0%s\0' "${!name}" >&3
        exit 0
    fi
    arc_oar_options=()
    option=1
    while name="joboption_runtime_${index}_$option"; [ -n "${!name+set}" ]; do
        arc_oar_options+=("${!name}")
        option=$((option + 1))
    done
    name="joboption_runtime_$index"
    arc_oar_name="${!name}"
    arc_oar_index=$index
    if [ -s "$arc_oar_file" ]; then
        [ ! -e "$ARC_OAR_RTE/params/$arc_oar_name" ] || . "$ARC_OAR_RTE/params/$arc_oar_name"
        . "$arc_oar_file" 0 "${arc_oar_options[@]}"
        arc_oar_status=$?
        if [ $arc_oar_status -ne 0 ]; then
            printf 'failed\0%s\0%s\0' "$arc_oar_name" "$arc_oar_status" >&3
            exit 0
        fi
    fi
    index=$((arc_oar_index + 1))
done
printf 'done\0' >&3
for name in "${!joboption_@}" "${!RUNTIME_@}"; do
    printf '%s=%s\0' "$name" "${!name}" >&3
done
"""


class RteScript(NamedTuple):
    """One RTE as it goes into the job script: its text (with its parameters before it)."""

    name: str
    options: tuple[str, ...]
    text: str


def with_defaults(values: Values, rte_dir: str) -> Values:
    """`values` with the RTEs added that the admin has made default for every job."""
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
    """Runs stage 0 of all RTEs of the job and gives the values as they left them.

    Where the job has none, no process is started. Messages of the RTEs go to stderr, or
    into the error's details. Raises JobError, with a text for the grid user, for an RTE that is
    missing or fails.
    """
    rte_dir = os.path.join(settings.control_dir, "rte")
    values = with_defaults(values, rte_dir)
    if "joboption_runtime_0" not in values:
        return values
    for name in (v for k, v in values.items() if re.fullmatch(r"joboption_runtime_\d+", k)):
        if not _is_plain(name):
            raise JobError(f"the runtime environment name {name!r} is not one")
    if any("\0" in value for value in values.values()):
        raise JobError("a NUL byte cannot be part of an argument or of the environment")
    # A job without RTEs does without it; it takes 4 ms to load.
    import subprocess

    try:
        finished = subprocess.run(
            ["/bin/bash", "-c", _STAGE_0, "arc-oar-stage-0"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=_environment(values, settings, rte_dir),
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise JobError(f"the runtime environments took over {_TIMEOUT} s at submission") from None
    except OSError as error:
        raise JobError(f"the runtime environments cannot be run: {error.strerror}") from None
    said = finished.stderr[-_MESSAGES:].decode("utf-8", "replace")
    try:
        left = _left_behind(values, finished.stdout)
    except JobError as error:
        raise JobError(str(error), said) from None
    if said:
        complain(said.removesuffix("\n"))
    return left


def _is_plain(name: str) -> bool:
    parts = name.split("/")
    return all(part not in ("", ".", "..") for part in parts) and "\0" not in name


def _environment(values: Values, settings: Settings, rte_dir: str) -> dict[str, str]:
    """What ARC's own backends have set when an RTE's stage 0 runs, and nothing of the CE's."""
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
    """The texts of RTEs for the node, each with its parameters file before it.

    `environments` is (name, options) in order. Raises JobError for one that is not there.
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
