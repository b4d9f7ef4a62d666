"""A computing element in a directory: arc.conf, control directory and session directories.

The files have the format that A-REX writes (ARC 6.17 and 7.0). It is implemented here a second
time, from ARC's source and without the package, so that tests compare two independent readings.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GRID_ID = "4J2NDm97woAoPSAtDmVmuSEmABFKDmABFKDmZgFKDmABFKDmQCOyTo"
NOBODY = 65534


def shell_value(text: str) -> str:
    """Quote a value as A-REX's `value_for_shell` does."""
    return "'" + text.replace("'", "'\\''") + "'"


@dataclass
class JobFiles:
    """The files of one job."""

    ce: Ce
    grid_id: str

    @property
    def session(self) -> Path:
        return self.ce.sessions / self.grid_id

    @property
    def status(self) -> Path:
        name = f"job.{self.grid_id}.status" if self.ce.layout == 6 else f"{self.grid_id}.status"
        return self.ce.control / "processing" / name

    def file(self, kind: str) -> Path:
        """Return the path of a file of the control directory: grami, local, errors, lrms_done, …"""
        if self.ce.layout == 6:
            return self.ce.control / f"job.{self.grid_id}.{kind}"
        first, second, third = self.grid_id[:3], self.grid_id[3:6], self.grid_id[6:9]
        return self.ce.control / "jobs" / first / second / third / self.grid_id[9:] / kind

    @property
    def diag(self) -> Path:
        return Path(f"{self.session}.diag")

    @property
    def comment(self) -> Path:
        return Path(f"{self.session}.comment")

    def done(self) -> str | None:
        """Return the content of lrms_done, None if the job has not been reported."""
        path = self.file("lrms_done")
        return path.read_text() if path.exists() else None

    def errors(self) -> str:
        return self.file("errors").read_text(errors="replace")

    def accounting(self) -> dict[str, list[str]]:
        """Return the diag as A-REX reads it: the values of each key, keys in lower case."""
        found: dict[str, list[str]] = {}
        for line in self.diag.read_text().splitlines():
            key, _, value = line.partition("=")
            found.setdefault(key.lower(), []).append(value)
        return found

    def local_id(self) -> str:
        """Return the local job ID as A-REX reads it: from the first such line of the GRAMi file."""
        for line in self.file("grami").read_text(errors="surrogateescape").split("\n"):
            if line.startswith("joboption_jobid="):
                return line.partition("=")[2].strip("'")
        return ""


@dataclass
class Ce:
    """The directories and arc.conf of a CE.

    `layout`: 6 or 7, for the control directory of that ARC. `owner`: uid and gid of the mapped
    user; None: the user that runs the tests.
    """

    place: Path
    layout: int = 6
    owner: int | None = None
    blocks: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in (self.control / "processing", self.sessions):
            path.mkdir(parents=True)
        self.configure()

    @property
    def control(self) -> Path:
        return self.place / "control"

    @property
    def sessions(self) -> Path:
        return self.place / "sessions"

    @property
    def conf(self) -> Path:
        return self.place / "arc.conf"

    def configure(self, **blocks: str) -> None:
        """Write arc.conf. `custom_oar="a = b"` and the like add lines to that block."""
        names = {"custom_oar": "custom:oar", "queue": "queue:default"}
        self.blocks.update(blocks)
        text = {
            "arex": f"controldir={self.control}\nsessiondir={self.sessions}",
            "lrms": "lrms=OAR",
            "queue": "",
            "custom_oar": "",
        }
        text.update({key: f"{text.get(key, '')}\n{more}" for key, more in self.blocks.items()})
        self.conf.write_text("".join(f"[{names.get(k, k)}]\n{v}\n\n" for k, v in text.items()))

    def rte(self, name: str, text: str, *, folder: str = "enabled", params: str = "") -> None:
        """Enable a runtime environment by a symbolic link in the control directory, as arcctl."""
        source = self.place / "rtes" / name
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text)
        link = self.control / "rte" / folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(source)
        if params:
            path = self.control / "rte" / "params" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(params)

    def job(self, grid_id: str = GRID_ID, **options: Any) -> JobFiles:
        """Create a job as it is when A-REX calls the submit script; `options`: see `grami_text`."""
        job = JobFiles(self, grid_id)
        job.session.mkdir(mode=0o700)
        job.file("grami").parent.mkdir(parents=True, exist_ok=True)
        grami = grami_text(job.session, self.control, grid_id, **options)
        job.file("grami").write_bytes(grami.encode("utf-8", "surrogateescape"))
        job.file("local").write_text(f"globalid={grid_id}\nlrms=OAR\nqueue=default\n")
        for path in (job.file("errors"), job.diag, job.comment):
            path.touch(mode=0o600)
        self.give(job.session, job.file("grami"), job.file("local"), job.file("errors"))
        self.give(job.diag, job.comment)
        job.status.write_text("SUBMIT\n")
        return job

    def in_lrms(
        self, grid_id: str, local_id: int | str, state: str = "INLRMS", **options: Any
    ) -> JobFiles:
        """Create a job as it is after a successful submission."""
        job = self.job(grid_id, **options)
        self.accepted(job, local_id, state)
        return job

    def accepted(self, job: JobFiles, local_id: int | str, state: str = "INLRMS") -> None:
        """Write what A-REX writes after a successful submission."""
        job.file("local").write_text(
            f"globalid={job.grid_id}\nheadhost=localhost\nlrms=OAR\nqueue=default\n"
            f"localid={local_id}\nargs=/bin/sh -c true \nargscode=0\nsubject=/O=Test/CN=User\n"
            f"jobname=some name\nsessiondir={job.session}\npriority=50\n"
        )
        job.status.write_text(f"{state}\n")

    @property
    def user(self) -> str:
        """Return the name of the mapped user."""
        return pwd.getpwuid(os.geteuid() if self.owner is None else self.owner).pw_name

    def give(self, *paths: Path) -> None:
        """Make the mapped user the owner of these paths."""
        if self.owner is not None:
            for path in paths:
                os.lchown(path, self.owner, self.owner)


def grami_text(
    session: Path,
    control: Path,
    grid_id: str,
    *,
    executable: str = "/bin/true",
    arguments: Iterable[str] = (),
    stdin: str = "",
    stdout: str = "",
    stderr: str = "",
    environment: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    rtes: Iterable[tuple[str, ...]] = (),
    outputs: Iterable[str] = (),
    inputs: Iterable[str] = (),
    name: str = "some name",
    queue: str = "default",
    **plain: object,
) -> str:
    """Return a GRAMi file as A-REX 6.17 writes it (`JobDescriptionHandler::write_grami`).

    File names are relative to the session directory. `plain`: unquoted values such as walltime=60.
    """
    pairs = list(environment.items() if isinstance(environment, Mapping) else environment)
    values = [(f"arg_{i}", shell_value(w)) for i, w in enumerate([executable, *arguments])]
    if "arg_code" in plain:
        values.append(("arg_code", str(plain.pop("arg_code"))))
    values.append(("stdin", shell_value(f"{session}/{stdin}" if stdin else "/dev/null")))
    values.append(("stdout", shell_value(f"{session}/{stdout}" if stdout else "/dev/null")))
    values.append(("stderr", shell_value(f"{session}/{stderr}" if stderr else "/dev/null")))
    values += [(f"env_{i}", shell_value(f"{k}={v}")) for i, (k, v) in enumerate(pairs)]
    values.append((f"env_{len(pairs)}", "GRID_GLOBAL_JOBID=" + shell_value(grid_id)))
    asked = {"cputime": "", "walltime": "", "memory": "", "virtualmemory": "", "disk": ""}
    asked.update(count="1", starttime="", priority="50")
    asked.update({key: str(value) for key, value in plain.items()})
    values += asked.items()
    for index, (rte, *options) in enumerate(rtes):
        values.append((f"runtime_{index}", shell_value(rte)))
        values += [(f"runtime_{index}_{n}", shell_value(o)) for n, o in enumerate(options, 1)]
    values += [("jobname", shell_value(name)), ("queue", shell_value(queue))]
    values.append(("gridid", shell_value(grid_id)))
    values += [(f"inputfile_{i}", shell_value(p)) for i, p in enumerate(inputs)]
    values += [(f"outputfile_{i}", shell_value(p)) for i, p in enumerate(outputs)]
    head = f"joboption_directory='{session}'\njoboption_controldir='{control}'\n"
    return head + "".join(f"joboption_{key}={value}\n" for key, value in values)
