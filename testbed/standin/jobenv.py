"""What OAR gives to a job: environment, node file, resource file, and the process itself.

Must not: change a job's state. Facts: OAR/Tools.pm (the variables), oarexec (the files, the umask)
and oardodo (HOME, USER, LOGNAME, SHELL) of OAR 2.5 and 2.6.
"""

from __future__ import annotations

import json
import os
import pwd
import signal
import time
from contextlib import suppress

from .processes import node_file
from .resources import format_walltime
from .schema import SYSTEM_PROPERTIES
from .store import Store

TYPE_CHECKING = False  # typing's own costs each command three milliseconds
if TYPE_CHECKING:
    from .store import Row

# What a child tells its runner through the pipe when it cannot even start.
WORKING_DIRECTORY, OUTPUT_FILES = "1", "2"


def file_name(job: Row, which: str) -> str:
    """The job's stdout or stderr file with its id put in."""
    return str(job[f"{which}_file"]).replace("%jobid%", str(job["job_id"]))


def environment(store: Store, job: Row) -> dict[str, str]:
    """Nothing of the submitter's own environment reaches a job."""
    try:
        user = pwd.getpwuid(job["x_uid"])
        home, shell = user.pw_dir, user.pw_shell or "/bin/sh"
    except KeyError:  # a container's user without an account; the real OAR would refuse him
        home, shell = "/", "/bin/sh"
    files = node_file(store, job["job_id"])
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


def write_files(store: Store, job: Row) -> None:
    """The node file has one line a core, sorted; the resource file one line of properties each."""
    chosen = set(json.loads(job["x_resources"]))
    rows = [r for r in store.resources() if r["resource_id"] in chosen]
    path = node_file(store, job["job_id"])
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as nodes:
        nodes.writelines(sorted(f"{row['network_address']}\n" for row in rows))
    with open(path + "_resources", "w", encoding="utf-8") as properties:
        properties.writelines(property_line(row) + "\n" for row in rows)


def remove_files(store: Store, job_id: int) -> None:
    path = node_file(store, job_id)
    for name in (path, path + "_resources"):
        with suppress(FileNotFoundError):
            os.unlink(name)


def property_line(row: Row) -> str:
    """The line of `oarstat -p` and of the resource file."""
    shown = (f" {k} = '{'' if v is None else v}' " for k, v in row.items())
    return ",".join(s for k, s in zip(row, shown) if k not in SYSTEM_PROPERTIES)


def start(store: Store, job: Row) -> tuple[int, int]:
    """Start the job's command as this user. The process id, and a pipe that tells of trouble."""
    write_files(store, job)
    trouble, tell = os.pipe()  # closed by the exec
    env = environment(store, job)
    pid = os.fork()
    if pid == 0:
        try:
            os.close(trouble)
            _become_job(job, env, tell)
        finally:
            os._exit(255)
    os.close(tell)
    return pid, trouble


def _become_job(job: Row, env: dict[str, str], tell: int) -> None:
    os.setsid()
    os.umask(0o022)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python; a job must not inherit that
        signal.signal(ignored, signal.SIG_DFL)
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        os.chdir(job["launching_directory"])
    except OSError:
        os.write(tell, WORKING_DIRECTORY.encode())
        os._exit(1)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        out = os.open(file_name(job, "stdout"), flags, 0o666)
        err = os.open(file_name(job, "stderr"), flags, 0o666)
    except OSError:
        os.write(tell, OUTPUT_FILES.encode())
        os._exit(2)
    for source, target in ((null, 0), (out, 1), (err, 2)):
        os.dup2(source, target)
    command = str(job["command"] or "")
    os.execve(env["SHELL"], [env["SHELL"], "-c", command], env)


def note_in_stderr(job: Row, text: str) -> None:
    """The line that oarexec appends to the user's stderr file when it ends a job."""
    stamp = time.strftime("%F %T")
    with suppress(OSError):
        path = os.path.join(job["launching_directory"], file_name(job, "stderr"))
        with open(path, "a", encoding="utf-8") as log:
            log.write(f"## OAR [{stamp}] {text} ##\n")
