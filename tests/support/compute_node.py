"""Run a job script as OAR does on a compute node: with bash and a node file, without OAR."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arc_lrms_oar.arex.diag import Diag
from arc_lrms_oar.job import grami, script
from arc_lrms_oar.job.rte_scripts import RteScript
from support.ce import GRID_ID, Ce, JobFiles, grami_text

PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass
class ScriptRun:
    """One run of a job script.

    `code`: its exit status. `comment`: its own stdout and stderr. `diag`: the job's diag file,
    parsed and as text.
    """

    code: int
    comment: str
    session: Path
    diag: Diag
    raw_diag: str

    def text(self, name: str) -> str:
        """Return the content of a file of the session directory."""
        return (self.session / name).read_text(errors="surrogateescape")

    def names(self) -> list[str]:
        """Return the relative paths of all files of the session directory, sorted."""
        found = (p for p in self.session.rglob("*") if not p.is_dir())
        return sorted(str(p.relative_to(self.session)) for p in found)


@dataclass
class Node:
    """A job of a CE on its compute node. Tests set the public attributes before `run`."""

    ce: Ce
    files: JobFiles
    nodes: Sequence[str] = ("node1",)
    rtes: Sequence[RteScript] = ()
    plan: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, ce: Ce) -> Node:
        return cls(ce, ce.job())

    @property
    def node_file(self) -> Path:
        return self.ce.place / "node file"

    @property
    def path(self) -> Path:
        return self.files.session / ".arc_oar" / "job-1.sh"

    def write(self, **options: Any) -> None:
        """Write the job script of a job with these options, see `ce.grami_text`."""
        text = grami_text(self.files.session, self.ce.control, GRID_ID, **options)
        job = grami.describe(grami.parse(text, "grami"), "grami")
        self.path.parent.mkdir(exist_ok=True)
        plan = script.NodePlan(**self.plan)
        script.write(str(self.path), script.build(job, list(self.rtes), plan))

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Write the node file; return arguments and environment of the job script."""
        self.node_file.write_text("".join(f"{node}\n" for node in self.nodes))
        environment = {"PATH": PATH, "OAR_NODE_FILE": str(self.node_file), **self.environment}
        return [str(self.path)], environment

    def start(self) -> subprocess.Popen[bytes]:
        """Start the job script in a session of its own."""
        argv, environment = self.command()
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=self.files.session,
            start_new_session=True,
        )

    def ended(self, child: subprocess.Popen[bytes], timeout: float = 30) -> ScriptRun:
        """Wait for a started job script."""
        try:
            said, _ = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        raw = self.files.diag.read_bytes()
        return ScriptRun(
            child.returncode,
            said.decode(errors="replace"),
            self.files.session,
            Diag.parse(raw),
            raw.decode(errors="replace"),
        )

    def run(self, **options: Any) -> ScriptRun:
        """Write the job script and run it to its end."""
        self.write(**options)
        return self.ended(self.start())

    def shell(self, text: str, *arguments: str, **options: Any) -> ScriptRun:
        """Run a job with the command line `/bin/sh -c TEXT`."""
        return self.run(executable="/bin/sh", arguments=["-c", text, *arguments], **options)
