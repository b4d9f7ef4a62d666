"""The demo where the testbed cannot run: submit, scan and query with the stand-in for OAR.

Commands, job script and program are the real ones. A-REX is replaced by a control directory with
one job, OAR by the executables of `standin`, which run the job as the calling user.

The description is read with two regular expressions and not with the package's xRSL parser, since
the demo must run where pyparsing is not installed. They cover attributes with plain values only,
which is all that demo.xrsl has.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from standin import Standin

from .messages import BedError
from .state_table import print_state_changes

CHECKOUT = Path(__file__).resolve().parent.parent.parent
GRID_ID = "demo1234567890"
_ATTRIBUTE = re.compile(r'\(\s*(\w+)\s*=\s*((?:(?:"(?:[^"]|"")*"|\w+)\s*)+)\)')
_WORD = re.compile(r'"((?:[^"]|"")*)"|(\w+)')


def demonstrate(description: str, reason: str) -> int:
    """Run the job of an xRSL description with plain values; returns the exit status."""
    print(
        f"This is a STAND-IN for OAR, without A-REX: {reason}.\n"
        "For the real ones run: sudo testbed/demo   (root, on Debian or a machine with apt-get)\n"
    )
    print(f"The job description:\n\n{description}")
    with (
        tempfile.TemporaryDirectory(prefix="arc-oar-demo-") as folder,
        Standin.create(Path(folder) / "oar", "2.5.9") as oar,
    ):
        oar.set("delay", 0.5)
        return _Site(Path(folder), oar).run(_read(description))


def _read(description: str) -> dict[str, list[str]]:
    return {
        name.lower(): [quoted.replace('""', '"') or bare for quoted, bare in _WORD.findall(words)]
        for name, words in _ATTRIBUTE.findall(description)
    }


class _Site:
    """A control directory with one job, in the layout of A-REX 6."""

    def __init__(self, folder: Path, oar: Standin) -> None:
        self.oar = oar
        self.conf = folder / "arc.conf"
        self.control = folder / "control"
        self.session = folder / "sessions" / GRID_ID
        for path in (self.control / "processing", self.session):
            path.mkdir(parents=True)
        self.conf.write_text(
            f"[arex]\ncontroldir={self.control}\n[lrms]\nlrms=OAR\n[custom:oar]\nbin_path={oar.bin}\n"
        )

    def run(self, job: dict[str, list[str]]) -> int:
        grami = self._file("grami")
        grami.write_text(self._grami(job))
        for path in (Path(f"{self.session}.diag"), Path(f"{self.session}.comment")):
            path.touch(mode=0o600)
        self._verb("submit", str(grami))
        local_id = grami.read_text().rpartition("joboption_jobid=")[2].strip()
        self._file("local").write_text(f"localid={local_id}\nsessiondir={self.session}\n")
        (self.control / "processing" / f"job.{GRID_ID}.status").write_text("INLRMS\n")
        if not print_state_changes(lambda: self._states(int(local_id)), "FINISHED"):
            raise BedError("the job has not ended", self._file("errors").read_text())
        print(f"\nlrms_done: {self._file('lrms_done').read_text()}")
        print(f"out.txt:\n{(self.session / 'out.txt').read_text()}")
        print(f"Accounting:\n{Path(f'{self.session}.diag').read_text()}")
        print(f"python3 -m arc_lrms_oar query {local_id}:")
        print(self._verb("query", local_id))
        return 0

    def _file(self, kind: str) -> Path:
        return self.control / f"job.{GRID_ID}.{kind}"

    def _grami(self, job: dict[str, list[str]]) -> str:
        values = {
            "directory": str(self.session),
            "controldir": str(self.control),
            "gridid": GRID_ID,
            "stdin": "/dev/null",
            "stdout": f"{self.session}/{job['stdout'][0]}",
            "stderr": f"{self.session}/{job['stderr'][0]}",
            "count": job["count"][0],
            "countpernode": job["countpernode"][0],
            "walltime": str(60 * int(job["walltime"][0].split()[0])),
            "jobname": job["jobname"][0],
            "queue": "default",
        }
        for number, word in enumerate([*job["executable"], *job["arguments"]]):
            values[f"arg_{number}"] = word
        return "".join(
            "joboption_{}='{}'\n".format(name, value.replace("'", "'\\''"))
            for name, value in values.items()
        )

    def _states(self, local_id: int) -> tuple[str, str]:
        self._verb("scan", str(self.control))
        arc = "FINISHED" if self._file("lrms_done").exists() else "INLRMS"
        return arc, str(self.oar.job(local_id)["state"])

    def _verb(self, verb: str, *arguments: str) -> str:
        command = [sys.executable, "-m", "arc_lrms_oar", verb, "--config", str(self.conf)]
        path = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        done = subprocess.run(
            [*command, *arguments], env=path, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise BedError(f"{verb} exited with status {done.returncode}", done.stderr)
        return done.stdout
