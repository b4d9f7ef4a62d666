"""Runtime environments (RTEs) at submission: find those of a job and run their stage 0.

An RTE is a shell script that A-REX's administrator has enabled under CONTROLDIR/rte.
`share/rte_stage0.sh` runs its stage 0 here, as the mapped user, with argument 0. Stage 0 may change
any `joboption_*`, also the list of RTEs, and some variables of ARC's backends. Stages 1 and 2 run
on the node. docs/internals/rte-contract.md lists everything that an RTE may use.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
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
# The variables of A-REX's own environment that RTEs get (ARC 6.17
# `src/services/a-rex/grid-manager/run/RunParallel.cpp`), and those of every process.
_INHERITED = (
    *("ARC_LOCATION", "TMPDIR", "TZ", "USER", "LOGNAME"),
    *("X509_USER_PROXY", "X509_USER_CERT", "X509_USER_KEY", "X509_CERT_DIR", "X509_VOMS_DIR"),
)
_ID = "GRID_GLOBAL_JOBID="


class Stage0(NamedTuple):
    """The result of stage 0.

    `values` are the `joboption_*` that the RTEs leave; `joboption_args` is among them only if an
    RTE has changed the command. `variables` are RUNTIME_*, ACCOUNTING_WN_INSTANCE, and GNU_TIME and
    NODENAME if an RTE has changed them; empty for a job without RTEs.
    """

    values: Values
    variables: Mapping[str, str]


def run_stage_0(
    values: Values, settings: Settings, path: str, config: Callable[[], Mapping[str, str]]
) -> Stage0:
    """Run stage 0 of all RTEs of the job with the GRAMi `values` of the file at `path`.

    `config` returns ARC's CONFIG_* variables. No process is started for a job without RTEs.
    Messages of the RTEs go to stderr, or into the error's details. Raises JobError, with a text for
    the grid user, for an RTE that is missing, fails, or uses what a job in OAR does not have.
    """
    values = {name: value for name, value in values.items() if name != "joboption_args"}
    rte_dir = os.path.join(settings.control_dir, "rte")
    values = _with_defaults(values, rte_dir)
    if "joboption_runtime_0" not in values:
        return Stage0(values, {})
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
            {
                **_environment(settings, config()),
                **{k: v for k, v in values.items() if k.startswith("joboption_")},
                "GRAMI_FILE": path,
                "ARC_OAR_RTE_DIR": rte_dir,
            },
        )
    except TimeoutError:
        raise JobError(
            f"the runtime environments ran for more than {_TIMEOUT} s at submission"
        ) from None
    except OSError as error:
        raise JobError(f"the runtime environments cannot be run: {error.strerror}") from None
    messages = finished.stderr[-_MESSAGES:].decode("utf-8", "replace")
    try:
        left = _variables(finished.stdout)
    except JobError as error:
        raise JobError(str(error), messages) from None
    if messages:
        complain(messages.removesuffix("\n"))
    return _result(values, left)


def _with_defaults(values: Values, rte_dir: str) -> Values:
    """Return `values` with the RTEs added that the administrator has made default for every job."""
    names: list[str] = []
    while f"joboption_runtime_{len(names)}" in values:
        names.append(values[f"joboption_runtime_{len(names)}"])
    extended = dict(values)
    for name in _default_names(os.path.join(rte_dir, "default")):
        if name not in names:
            extended[f"joboption_runtime_{len(names)}"] = name
            names.append(name)
    return extended


def _default_names(folder: str) -> list[str]:
    names = []
    for directory, _, files in os.walk(folder, followlinks=False):
        for file in files:
            path = os.path.join(directory, file)
            if os.path.exists(path):
                names.append(os.path.relpath(path, folder))
    return sorted(names)


def _is_plain(name: str) -> bool:
    parts = name.split("/")
    return all(part not in ("", ".", "..") for part in parts) and "\0" not in name


def _environment(settings: Settings, config: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for stage 0; nothing else of the CE's environment reaches an RTE."""
    return {
        "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "HOME": os.environ.get("HOME", "/"),
        "LANG": "C.UTF-8",
        **{name: os.environ[name] for name in _INHERITED if name in os.environ},
        **config,
        "ARC_CONFIG": settings.config_file,
        "CONFIG_controldir": settings.control_dir,
        "CONFIG_scratchdir": settings.scratch_dir,
        "CONFIG_shared_scratch": settings.shared_scratch,
        "CONFIG_shared_filesystem": "yes" if settings.shared_filesystem else "no",
        "CONFIG_gnu_time": settings.gnu_time,
    }


def _variables(answer: bytes) -> dict[str, str]:
    verdict, *rest = answer[:_LIMIT].decode("utf-8", "surrogateescape").split("\0")
    if verdict == "missing":
        raise JobError(f"the runtime environment {rest[0]} is not enabled at this site")
    if verdict == "failed":
        raise JobError(
            f"the runtime environment {rest[0]} refused the job at submission (exit code {rest[1]})"
        )
    if verdict == "refused":
        raise JobError(f"the runtime environment {rest[0]} cannot be used with OAR: {rest[1]}")
    if verdict == "ended":
        raise JobError(
            f"the runtime environment {rest[0]} ended the submission (exit code {rest[1]}); "
            "see the job's errors file"
        )
    if verdict != "done":
        raise JobError("a runtime environment ended the submission; see the job's errors file")
    return dict(entry.partition("=")[::2] for entry in rest if entry)


def _result(values: Values, left: Mapping[str, str]) -> Stage0:
    kept = {k: v for k, v in values.items() if not k.startswith("joboption_")}
    kept.update((k, v) for k, v in left.items() if k.startswith("joboption_"))
    _restore_grid_id(values, kept)
    return Stage0(kept, {k: v for k, v in left.items() if not k.startswith("joboption_")})


def _restore_grid_id(before: Values, after: Values) -> None:
    """Add GRID_GLOBAL_JOBID again if an RTE has overwritten its entry of the environment."""
    entry = next((v for k, v in before.items() if _is_grid_id(k, v)), None)
    if entry is None or any(_is_grid_id(k, v) for k, v in after.items()):
        return
    number = 0
    while f"joboption_env_{number}" in after:
        number += 1
    after[f"joboption_env_{number}"] = entry


def _is_grid_id(name: str, value: str) -> bool:
    return name.startswith("joboption_env_") and value.startswith(_ID)
