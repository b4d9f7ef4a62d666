"""The process of a job with its environment, node file and resource file.

Sources, in OAR 2.5 and 2.6: OAR/Tools.pm (variables), oarexec (files, umask), oardodo (HOME, USER,
LOGNAME, SHELL). The state of a job is not changed here.
"""

from __future__ import annotations

import json
import os
import pwd
import signal
import time
from contextlib import suppress

from .database import Database
from .processes import node_file
from .resources import format_walltime
from .schema import SYSTEM_PROPERTIES

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
if TYPE_CHECKING:
    from .database import Row

# Written to the failure pipe by a child that cannot start its command.
WORKING_DIRECTORY, OUTPUT_FILES = "1", "2"


def file_name(job: Row, which: str) -> str:
    """Return the job's stdout or stderr file with its job ID filled in."""
    return str(job[f"{which}_file"]).replace("%jobid%", str(job["job_id"]))


def environment(db: Database, job: Row) -> dict[str, str]:
    """Return the environment of a job; nothing of the submitter's environment is passed on."""
    try:
        user = pwd.getpwuid(job["x_uid"])
        home, shell = user.pw_dir, user.pw_shell or "/bin/sh"
    except KeyError:  # a user without an account, as in containers; the real OAR would refuse them
        home, shell = "/", "/bin/sh"
    files = node_file(db, job["job_id"])
    job_id, directory = str(job["job_id"]), job["launching_directory"]
    index, array = str(job["array_index"]), str(job["array_id"])
    return {
        "HOME": home,
        "USER": job["job_user"],
        "LOGNAME": job["job_user"],
        "SHELL": shell,
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
        "TERM": "unknown",
        "BASH_ENV": "~oar/.batch_job_bashrc",
        "SHLVL": "0",
        "SUDO_COMMAND": "OAR",
        "OAR_STDOUT": file_name(job, "stdout"),
        "OAR_STDERR": file_name(job, "stderr"),
        "OAR_FILE_NODES": files,
        "OAR_NODEFILE": files,
        "OAR_NODE_FILE": files,
        "OAR_RESOURCE_FILE": files,
        "OAR_RESOURCE_PROPERTIES_FILE": files + "_resources",
        "OAR_JOBID": job_id,
        "OAR_JOB_ID": job_id,
        "OAR_ARRAYID": array,
        "OAR_ARRAY_ID": array,
        "OAR_ARRAYINDEX": index,
        "OAR_ARRAY_INDEX": index,
        "OAR_USER": job["job_user"],
        "OAR_WORKDIR": directory,
        "OAR_O_WORKDIR": directory,
        "OAR_WORKING_DIRECTORY": directory,
        "OAR_JOB_NAME": job["job_name"] or "",
        "OAR_PROJECT_NAME": job["project"],
        "OAR_JOB_WALLTIME": format_walltime(job["x_walltime"] or 0),
        "OAR_JOB_WALLTIME_SECONDS": str(job["x_walltime"] or 0),
    }


def write_files(db: Database, job: Row) -> None:
    """Write the node file (one line per core, sorted) and the resource file (its properties)."""
    chosen = set(json.loads(job["x_resources"]))
    rows = [r for r in db.resources() if r["resource_id"] in chosen]
    path = node_file(db, job["job_id"])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as nodes:
        nodes.writelines(sorted(f"{row['network_address']}\n" for row in rows))
    with open(path + "_resources", "w", encoding="utf-8") as properties:
        properties.writelines(property_line(row) + "\n" for row in rows)


def remove_files(db: Database, job_id: int) -> None:
    path = node_file(db, job_id)
    for name in (path, path + "_resources"):
        with suppress(FileNotFoundError):
            os.unlink(name)


def property_line(row: Row) -> str:
    """Return the line of a resource in `oarstat -p` and in the resource file."""
    shown = (f" {k} = '{'' if v is None else v}' " for k, v in row.items())
    return ",".join(s for k, s in zip(row, shown) if k not in SYSTEM_PROPERTIES)


def start(db: Database, job: Row) -> tuple[int, int]:
    """Start the job's command as this user; returns its process ID and the failure pipe."""
    write_files(db, job)
    failure, report = os.pipe()  # closed by the exec
    env = environment(db, job)
    pid = os.fork()
    if pid == 0:
        try:
            os.close(failure)
            _become_job(job, env, report)
        finally:
            os._exit(255)
    os.close(report)
    return pid, failure


def _become_job(job: Row, env: dict[str, str], report: int) -> None:
    os.setsid()
    os.umask(0o022)
    # Python ignores these signals; a job must not inherit that.
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        os.chdir(job["launching_directory"])
    except OSError:
        os.write(report, WORKING_DIRECTORY.encode())
        os._exit(1)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        out = os.open(file_name(job, "stdout"), flags, 0o666)
        err = os.open(file_name(job, "stderr"), flags, 0o666)
    except OSError:
        os.write(report, OUTPUT_FILES.encode())
        os._exit(2)
    for source, target in ((null, 0), (out, 1), (err, 2)):
        os.dup2(source, target)
    command = str(job["command"] or "")
    os.execve(env["SHELL"], [env["SHELL"], "-c", command], env)


def note_in_stderr(job: Row, text: str) -> None:
    """Append the line that oarexec writes to the user's stderr file when it ends a job."""
    stamp = time.strftime("%F %T")
    with suppress(OSError):
        path = os.path.join(job["launching_directory"], file_name(job, "stderr"))
        with open(path, "a", encoding="utf-8") as log:
            log.write(f"## OAR [{stamp}] {text} ##\n")
