"""Writes the job script: what the node runs, from the environment to the accounting.

Pure: values in, text out. The script is one function that bash has read to its end before it
runs any of it, so that nothing that happens to the file meanwhile can change it. Every value of
the user's stands in single quotes; none is ever expanded or evaluated, but for an executable that
begins with a variable, which ARC allows.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import NamedTuple

from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.job.runtime_env import RteScript
from arc_lrms_oar.job.script_parts import BODY
from arc_lrms_oar.job.submit_journal import PRIVATE_DIR
from arc_lrms_oar.version import __version__

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Bash would change its own behaviour, or refuse to set them: only the user's program gets these.
_PROGRAM_ONLY = re.compile(
    r"BASH.*|SHELLOPTS|IFS|ENV|POSIXLY_CORRECT|GLOBIGNORE|EXECIGNORE|TIMEFORMAT|UID|EUID|PPID"
    r"|FUNCNEST|FUNCNAME|RANDOM|SRANDOM|SECONDS|EPOCHSECONDS|EPOCHREALTIME|LINENO|GROUPS|DIRSTACK"
    r"|HISTCMD|PIPESTATUS|OPTIND|OPTERR|TMOUT|arc_oar_.*"
)
_VARIABLE_FIRST = re.compile(
    r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))(.*)", re.S
)
_VARIABLE = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})")


class NodePlan(NamedTuple):
    """What the site says about the node: paths on it and how to account there.

    `scratch_dir` is empty where jobs run in the session directory itself; it may hold variables
    that only the node knows. `checkpoint_signal` is the number of the signal that OAR sends before
    the walltime, 0 where it sends none. `runtime` are `RUNTIME_*` values that RTEs have set at
    submission.
    """

    gnu_time: str = "/usr/bin/time"
    nodename_command: str = ""
    scratch_dir: str = ""
    shared_scratch: str = ""
    move_tool: str = ""
    benchmark: str = "HEPSPEC:1.0"
    checkpoint_signal: int = 0
    runtime: Mapping[str, str] = MappingProxyType({})


def write(path: str, text: str) -> None:
    """Writes the job script as a file of its owner's alone (0700), whole or not at all.

    Waits for nobody: the user may have put a FIFO there.
    Raises JobError where that cannot be done; the text is for the grid user.
    """
    aside = path + ".new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(aside, flags, stat.S_IRWXU)
        with open(descriptor, "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            os.fchmod(descriptor, stat.S_IRWXU)
            os.fsync(descriptor)
        os.replace(aside, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(aside)
        raise JobError(
            f"the job script cannot be written to the session directory: {error.strerror}"
        ) from None


def quoted(text: str) -> str:
    """`text` as one word of a shell, whatever bytes it holds; raises JobError for a NUL."""
    if "\0" in text:
        raise JobError("a NUL byte cannot be part of an argument or of the environment")
    return "'" + text.replace("'", "'\\''") + "'"


def _array(name: str, words: Iterable[str]) -> str:
    return f"{name}=({' '.join(quoted(word) for word in words)})\n"


def _admin_path(text: str) -> str:
    """A path of the admin's in double quotes: variables stay alive, nothing else does."""
    out, position = [], 0
    for match in _VARIABLE.finditer(text):
        out += [re.sub(r'[\\"`$]', r"\\\g<0>", text[position : match.start()]), match[0]]
        position = match.end()
    out.append(re.sub(r'[\\"`$]', r"\\\g<0>", text[position:]))
    return '"' + "".join(out) + '"'


def build(job: JobDescription, rtes: list[RteScript], plan: NodePlan) -> str:
    """The text of the job script; bytes of the user's that are no UTF-8 are surrogate escapes.

    Raises JobError for a job that no shell can carry.
    """
    parts = [
        f"#!/bin/bash\n# Grid job {_comment(job.grid_id)}, by arc_lrms_oar {__version__}\n",
        *(_rte_function(index, rte) for index, rte in enumerate(rtes)),
        "arc_oar_main() {\numask 077\narc_oar_path=$PATH\n",
        _environment(job),
        _places(job, plan),
        _program(job),
        _outputs(job),
        _rte_stage(1, rtes),
        _rte_stage(2, rtes),
        BODY,
        '}\narc_oar_main "$@"\nexit\n',
    ]
    return "".join(parts)


def _comment(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]", "?", text)


def _rte_function(index: int, rte: RteScript) -> str:
    if not rte.text:
        return ""
    head = f"# Runtime environment {_comment(rte.name)}\narc_oar_rte_{index}() {{\n:\n"
    return f"{head}{rte.text}\n}}\n"


def _rte_stage(stage: int, rtes: list[RteScript]) -> str:
    """A function that calls the RTEs of one stage in order and names the one that fails."""
    lines = [f"arc_oar_stage_{stage}() {{\n:\n"]
    for index, rte in enumerate(rtes):
        if rte.text:
            words = " ".join([str(stage), *(quoted(option) for option in rte.options)])
            failed = quoted(f"Runtime environment {rte.name} failed in stage {stage}")
            lines.append(f"arc_oar_rte_{index} {words} || {{ arc_oar_say {failed}; return 1; }}\n")
    lines.append("}\n")
    if stage == 1:
        lines.append(f"arc_oar_rtes={quoted(''.join(rte.name + ';' for rte in rtes))}\n")
    return "".join(lines)


def _environment(job: JobDescription) -> str:
    lines, program_only = [], []
    for name, value in job.environment:
        if not name:
            raise JobError("an environment variable needs a name")
        if _IDENTIFIER.fullmatch(name) and not _PROGRAM_ONLY.fullmatch(name):
            lines.append(f"export {name}={quoted(value)}\n")
        else:
            program_only.append(f"{name}={value}")
    if program_only and "=" in job.executable:
        raise JobError(
            f"the executable {job.executable!r} has a '=' in its name, so that it cannot be given "
            f"the environment variable {program_only[0].partition('=')[0]!r}"
        )
    lines.append(_array("arc_oar_program_env", program_only))
    return "".join(lines)


def _places(job: JobDescription, plan: NodePlan) -> str:
    scratch = plan.runtime.get("RUNTIME_LOCAL_SCRATCH_DIR", plan.scratch_dir)
    values = {
        "arc_oar_grid_id": job.grid_id,
        "RUNTIME_JOB_DIR": job.session_dir,
        "RUNTIME_FRONTEND_JOB_DIR": job.session_dir,
        "RUNTIME_JOB_DIAG": job.session_dir + ".diag",
        "RUNTIME_JOB_STDIN": _stream(job, job.stdin),
        "RUNTIME_JOB_STDOUT": _stream(job, job.stdout),
        "RUNTIME_JOB_STDERR": _stream(job, job.stderr),
        "RUNTIME_FRONTEND_SEES_NODE": plan.shared_scratch,
        "RUNTIME_NODE_SEES_FRONTEND": "yes",
        "arc_oar_private": PRIVATE_DIR,
        "arc_oar_gnu_time": plan.gnu_time,
        "arc_oar_nodename": plan.nodename_command,
        "arc_oar_move_tool": "" if plan.move_tool == "mv" else plan.move_tool,
        "arc_oar_benchmark": plan.benchmark,
        "arc_oar_signal": str(plan.checkpoint_signal or ""),
    }
    lines = [f"{name}={quoted(value)}\n" for name, value in values.items()]
    lines.append(
        f"RUNTIME_LOCAL_SCRATCH_DIR=${{RUNTIME_LOCAL_SCRATCH_DIR:-{_admin_path(scratch)}}}\n"
    )
    if plan.runtime.get("RUNTIME_ENABLE_MULTICORE_SCRATCH"):
        lines.append("RUNTIME_ENABLE_MULTICORE_SCRATCH=yes\n")
    return "".join(lines)


def _stream(job: JobDescription, path: str | None) -> str:
    if not path:
        return "/dev/null"
    return path if path.startswith("/") else posixpath.join(job.session_dir, path)


def _program(job: JobDescription) -> str:
    variable = _VARIABLE_FIRST.fullmatch(job.executable)
    if variable:
        word = f'"${{{variable[1] or variable[2]}}}"{quoted(variable[3])}'
    else:
        word = quoted(job.executable if "/" in job.executable else "./" + job.executable)
    arguments = _array("arc_oar_arguments", job.arguments)
    return f"arc_oar_executable() {{ arc_oar_program={word}; }}\n{arguments}"


def _outputs(job: JobDescription) -> str:
    """Names to keep on a scratch directory; a list in a file of the user's is an '@name'."""
    names = [name.lstrip("/") for name in job.output_files]
    keep_all = any(name in ("", ".", "./") for name in names)
    lists = [name[1:] for name in names if name.startswith("@")]
    kept = [posixpath.normpath(name) for name in names if name and not name.startswith("@")]
    return (
        f"arc_oar_keep_all={'yes' if keep_all else ''}\n"
        + _array("arc_oar_outputs", kept)
        + _array("arc_oar_output_lists", lists)
    )
