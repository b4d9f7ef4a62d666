"""Build the job script, which OAR runs on the node, and write it into the session directory.

`build` is pure. The script is `arc_oar_job`, which assigns the values of one job, the runtime
environments as functions, and the shell files of `share/`. bash reads all of it before it runs
any, so a later change to the file has no effect. Values of the user are in single quotes and are
never expanded or evaluated, except for an executable that begins with a variable, which ARC allows.
"""

from __future__ import annotations

import posixpath
import re
import stat
from collections.abc import Sequence
from typing import NamedTuple

from arc_lrms_oar.errors import JobError
from arc_lrms_oar.files import atomic_write
from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.job.rte_scripts import RteScript
from arc_lrms_oar.job.shell import array, assignment, comment, quoted, shared, with_variables
from arc_lrms_oar.job.submit_journal import PRIVATE_DIR
from arc_lrms_oar.version import __version__

_HIDDEN = "(not shown)"
_SHELL_FILES = ("job_scratch.sh", "job_usage.sh", "job_program.sh", "job_script.sh")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Bash would change its own behaviour or refuse to set these: only the user's program gets them.
_PROGRAM_ONLY = re.compile(
    r"BASH.*|SHELLOPTS|IFS|ENV|POSIXLY_CORRECT|GLOBIGNORE|EXECIGNORE|TIMEFORMAT|UID|EUID|PPID"
    r"|FUNCNEST|FUNCNAME|RANDOM|SRANDOM|SECONDS|EPOCHSECONDS|EPOCHREALTIME|LINENO|GROUPS|DIRSTACK"
    r"|HISTCMD|PIPESTATUS|OPTIND|OPTERR|TMOUT|arc_oar_.*"
    # The script itself uses these, so that a value of the user would change it.
    r"|RESULT|GNU_TIME|JOB_ACCOUNTING|ACCOUNTING_.*|(cpuacct|memory)_cgroup"
    r"|runtimeenvironments|script"
)
_VARIABLE_FIRST = re.compile(
    r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))(.*)", re.S
)


class NodePlan(NamedTuple):
    """The site's settings for the node: paths on it and how to account there.

    `scratch_dir` is empty where jobs run in the session directory itself; it may hold variables
    that only the node can expand. `multicore_scratch` also uses it for a job on several nodes.
    `checkpoint_signal` is the number of the signal that OAR sends before the end of the wall time,
    0 for none. `usage_interval` is the longest time between two samples of the watcher, in seconds,
    0 for no watcher. `instance` is the container image or the like for the accounting. `command`
    is set if a runtime environment has replaced the user's command: a bash command with its
    arguments, which the node expands.
    """

    gnu_time: str = "/usr/bin/time"
    nodename_command: str = ""
    scratch_dir: str = ""
    shared_scratch: str = ""
    move_tool: str = ""
    benchmark: str = "HEPSPEC:1.0"
    multicore_scratch: bool = False
    checkpoint_signal: int = 0
    usage_interval: int = 0
    instance: str = ""
    command: str = ""


def write(path: str, text: str) -> None:
    """Write the job script atomically, readable and executable by its owner alone (0700).

    Never blocks, also where the user has put a FIFO at the path. Raises JobError, with a text for
    the grid user, where the file cannot be written.
    """
    try:
        atomic_write(path, text.encode("utf-8", "surrogateescape"), stat.S_IRWXU, sync=True)
    except OSError as error:
        raise JobError(
            f"the job script cannot be written to the session directory: {error.strerror}"
        ) from None


def build(job: JobDescription, rtes: Sequence[RteScript], plan: NodePlan) -> str:
    """Return the text of the job script; bytes that are not UTF-8 are surrogate escapes.

    Raises JobError for a job that bash cannot carry.
    """
    return "".join(
        [
            f"#!/bin/bash\n# Grid job {comment(job.grid_id)}, by arc_lrms_oar {__version__}\n",
            *(_rte_function(index, rte) for index, rte in enumerate(rtes)),
            "arc_oar_job() {\n",
            _environment(job),
            _paths(job, plan),
            _program(job),
            _outputs(job),
            _rte_arrays(rtes),
            "}\n",
            *(shared(name) for name in _SHELL_FILES),
        ]
    )


def build_shown(job: JobDescription, rtes: Sequence[RteScript], plan: NodePlan) -> str:
    """Return the text of the job script without the user's arguments and environment.

    Both may hold secrets, and the text is for logs.
    """
    environment = tuple((name, _HIDDEN) for name, _ in job.environment)
    hidden = job._replace(environment=environment, arguments=(_HIDDEN,) * len(job.arguments))
    return build(hidden, rtes, plan._replace(command=_HIDDEN if plan.command else ""))


def _rte_function(index: int, rte: RteScript) -> str:
    if not rte.text:
        return ""
    head = f"# Runtime environment {comment(rte.name)}\nRTE_function_{index}() {{\n:\n"
    return f"{head}{rte.text}\n}}\n"


def _rte_arrays(rtes: Sequence[RteScript]) -> str:
    return array("arc_oar_rte_names", (rte.name for rte in rtes)) + "".join(
        array(f"arc_oar_rte_options_{index}", rte.options) for index, rte in enumerate(rtes)
    )


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
    lines.append(array("arc_oar_program_env", program_only))
    return "".join(lines)


def _paths(job: JobDescription, plan: NodePlan) -> str:
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
        "RUNTIME_LOCAL_SCRATCH_MOVE_TOOL": plan.move_tool or "mv",
        "RUNTIME_ENABLE_MULTICORE_SCRATCH": "yes" if plan.multicore_scratch else "",
        "GNU_TIME": plan.gnu_time,
        "ACCOUNTING_WN_INSTANCE": plan.instance,
        "arc_oar_nodename": plan.nodename_command,
        "arc_oar_benchmark": plan.benchmark,
        "arc_oar_signal": str(plan.checkpoint_signal or ""),
        "arc_oar_usage_interval": str(plan.usage_interval),
        "arc_oar_command": plan.command,
    }
    lines = [assignment(name, value) for name, value in values.items()]
    scratch = with_variables(plan.scratch_dir)
    lines.append(f"RUNTIME_LOCAL_SCRATCH_DIR=${{RUNTIME_LOCAL_SCRATCH_DIR:-{scratch}}}\n")
    return "".join(lines)


def _stream(job: JobDescription, path: str | None) -> str:
    if not path:
        return "/dev/null"
    return path if path.startswith("/") else posixpath.join(job.session_dir, path)


def _program(job: JobDescription) -> str:
    variable = _VARIABLE_FIRST.fullmatch(job.executable)
    if variable:
        name, path = variable[1] or variable[2], variable[3]
    else:
        name, path = "", job.executable if "/" in job.executable else "./" + job.executable
    return (
        assignment("arc_oar_program_variable", name)
        + assignment("arc_oar_program_path", path)
        + array("arc_oar_arguments", job.arguments)
    )


def _outputs(job: JobDescription) -> str:
    """Names to keep of a scratch directory; "@NAME" is a file of the user with further names."""
    names = [name.lstrip("/") for name in job.output_files]
    keep_all = any(name in ("", ".", "./") for name in names)
    lists = [name[1:] for name in names if name.startswith("@")]
    kept = [posixpath.normpath(name) for name in names if name and not name.startswith("@")]
    return (
        f"arc_oar_keep_all={'yes' if keep_all else ''}\n"
        + array("arc_oar_outputs", kept)
        + array("arc_oar_output_lists", lists)
    )
