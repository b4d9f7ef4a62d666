"""The testbed as grid users and admins use it, for tests and the demo: submit, cancel, inspect."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from .arcconf import CONTROLDIR, SESSIONDIR
from .bed import Bed

USER = "griduser"
# Seconds after which a wait has failed. A busy machine needs minutes for what takes seconds.
_LONG = 400
ENDPOINT = "https://localhost:8443/arex"
# In the folder accounting of the control directory.
ACCOUNTING_DB = "accounting_v2.db"


def rsl_string(text: str) -> str:
    """Return `text` as an xRSL string, with quotes doubled."""
    return '"' + text.replace('"', '""') + '"'


def xrsl(executable: str, *arguments: str, extra: str = "", **attributes: str) -> str:
    """Return an xRSL description; `extra` is appended literally."""
    words = {"stdout": "out.txt", "stderr": "err.txt", "walltime": "5 minutes", **attributes}
    lines = [f"(executable={rsl_string(executable)})"]
    if arguments:
        lines.append(f"(arguments={' '.join(rsl_string(word) for word in arguments)})")
    lines += [f"({name}={rsl_string(value)})" for name, value in words.items() if value]
    return "&" + "".join(lines) + extra


def shell(script: str, extra: str = "", **attributes: str) -> str:
    """Return the xRSL description of a job that runs a shell script."""
    return xrsl("/bin/sh", "-c", script, extra=extra, **attributes)


class Grid:
    """The testbed as its grid users use it; `control`, `sessions`: directories of A-REX inside."""

    owner = USER
    control = CONTROLDIR
    sessions = SESSIONDIR
    helper_log = "/var/log/arc/job.helper.errors"

    def __init__(self, bed: Bed) -> None:
        self.bed = bed

    def submit(self, description: str, files: Mapping[str, str] | None = None) -> Job:
        """Run arcsub as the mapped user, through REST; `files` are put beside the description."""
        folder = self.user("mktemp", "-d").strip()
        if self.bed.suite.rest_wants_queue and "(queue=" not in description:
            description += '(queue="default")'
        for name, text in {"job.xrsl": description, **(files or {})}.items():
            self.bed.run(["tee", f"{folder}/{name}"], user=USER, input=text)
        arcsub = ["arcsub", "-C", ENDPOINT, "-T", "arcrest", "-Q", "NONE", "job.xrsl"]
        done = self.bed.run(arcsub, user=USER, cwd=folder, check=False)
        output = done.stdout + done.stderr
        url = re.search(r"Job submitted with jobid: (\S+)", output)
        if not url:
            raise AssertionError(f"arcsub did not submit the job:\n{output}")
        return Job(self, url[1], folder)

    def submit_all(self, jobs: Iterable[tuple[str, Mapping[str, str]]]) -> list[Job]:
        """Submit many descriptions, four at a time; returns the jobs in order."""
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda job: self.submit(*job), jobs))

    def user(self, *argv: str, **more: Any) -> str:
        """Run a command as the grid user; returns its output."""
        return self.bed.run(list(argv), user=self.owner, **more).stdout

    def root(self, *argv: str, **more: Any) -> str:
        """Run a command as root; returns its output."""
        return self.bed.run(list(argv), **more).stdout

    def read(self, path: str) -> str:
        """Return the text of a file inside, "" if it does not exist.

        Read from the host, since a waiting test reads several files twice a second.
        """
        try:
            return self.bed.path(path).read_bytes().decode("utf-8", "surrogateescape")
        except OSError:
            return ""


@dataclass
class Job:
    """One grid job."""

    grid: Grid
    url: str
    folder: str

    @property
    def grid_id(self) -> str:
        return self.url.rstrip("/").rpartition("/")[2]

    @property
    def session_dir(self) -> str:
        return f"{self.grid.sessions}/{self.grid_id}"

    def control(self, kind: str) -> str:
        """Return the text of a control file (ARC 6 or 7), "" if it does not exist."""
        return next(filter(None, map(self.grid.read, self.control_paths(kind))), "")

    def control_paths(self, kind: str) -> tuple[str, str]:
        """Return the paths that a control file has in ARC 6 and in ARC 7."""
        control, name = self.grid.control, self.grid_id
        arc7 = f"{control}/jobs/{name[:3]}/{name[3:6]}/{name[6:9]}/{name[9:]}/{kind}"
        return f"{control}/job.{name}.{kind}", arc7

    def state(self) -> str:
        """Return A-REX's internal state of the job."""
        name = self.grid_id
        for folder in ("processing", "finished", "accepting", "restarting"):
            for status in (f"job.{name}.status", f"{name}.status"):
                text = self.grid.read(f"{self.grid.control}/{folder}/{status}").strip()
                if text:
                    return text[8:] if text.startswith("PENDING:") else text
        return ""

    def wait_until(self, what: Callable[[], Any], why: str, seconds: float = _LONG) -> Any:
        """Poll until `what()` is true and return its value; AssertionError after `seconds`.

        The longer an answer needs, the less often it is asked for: OAR's commands need CPU time.
        """
        deadline = time.monotonic() + seconds
        while (asked := time.monotonic()) < deadline:
            found = what()
            if found:
                return found
            time.sleep(min(max(0.5, 4 * (time.monotonic() - asked)), 5))
        raise AssertionError(
            f"{self.grid_id}: not {why} after {seconds:.0f} s\n{self.diagnostics()}"
        )

    def wait(self, state: str = "FINISHED", seconds: float = _LONG) -> None:
        """Wait until A-REX's state of the job is `state`."""
        self.wait_until(lambda: self.state() == state, state, seconds)

    def wait_running(self, seconds: float = _LONG) -> int:
        """Wait until the job is Running in OAR; returns its OAR job ID."""
        self.wait("INLRMS", seconds)
        self.wait_until(lambda: self.oar_state() == "Running", "running in OAR", seconds)
        return self.oar_id()

    def local(self) -> dict[str, str]:
        lines = self.control("local").splitlines()
        return dict(line.partition("=")[::2] for line in lines)

    def oar_id(self) -> int:
        return int(self.local()["localid"])

    def oar_state(self) -> str:
        known = json.loads(self.grid.root("oarstat", "-s", "-J", "-j", str(self.oar_id())) or "{}")
        return str(known.get(str(self.oar_id()), ""))

    def oar_jobs(self) -> list[dict[str, Any]]:
        """Return every OAR job of this grid job, also ended ones."""
        where = f"job_name LIKE '%{self.grid_id}'"
        output = self.grid.root("oarstat", "--format", "2", "-J", "-f", "--sql", where)
        return list(json.loads(output).values()) if output.strip() else []

    def diag(self) -> dict[str, list[str]]:
        """Return A-REX's diag file: all values by lower-case key."""
        found: dict[str, list[str]] = {}
        for line in self.control("diag").splitlines():
            key, _, value = line.partition("=")
            found.setdefault(key.lower(), []).append(value)
        return found

    def accounting(self) -> str:
        """Return A-REX's accounting record as arcctl prints it, "" before there is one."""
        known = self.grid.bed.suite.arcctl_finds_accounting
        options = () if known else ("--database-file", ACCOUNTING_DB)
        argv = ["arcctl", "accounting", *options, "job", "info", self.grid_id]
        return self.grid.bed.run(argv, check=False).stdout.strip()

    def failure(self) -> str:
        """Return A-REX's reason for the failure of the job, "" if it has not failed."""
        return self.control("failed").strip()

    def output(self, name: str) -> str:
        """Return a file of the session directory."""
        return self.grid.read(f"{self.session_dir}/{name}")

    def fetch(self) -> bool:
        """Run arcget in the folder of the description; False if the output is not available yet."""
        done = self.grid.bed.run(
            ["arcget", "-k", "-f", self.url], user=USER, cwd=self.folder, check=False
        )
        return "successfully retrieved: 1" in done.stdout

    def private_files(self) -> str:
        """Return what is left of the package's own directory in the session directory."""
        return self.grid.bed.run(["find", f"{self.session_dir}/.arc_oar"], check=False).stdout

    def diagnostics(self) -> str:
        """Return control files, OAR jobs and the log of scan, for the message of a failed test."""
        oar = json.dumps(self.oar_jobs(), indent=1)[:3000] if self.local().get("localid") else ""
        scan = self.grid.read(self.grid.helper_log)[-2000:]
        kinds = ("errors", "failed", "diag", "local")
        return "\n".join([*(f"--- {k}\n{self.control(k)}" for k in kinds), oar, "--- scan", scan])
