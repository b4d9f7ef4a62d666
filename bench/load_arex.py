"""A load into a bed's A-REX, through its REST interface, and what A-REX has of it afterwards.

Must not know which batch system is behind it.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bed import GRIDUSER, Bed, BedError
from bed.arcconf import CONTROLDIR, DEFAULT_TEMPLATE
from bed.grid import xrsl
from bed.layout import CHECKOUT_INSIDE
from load_judge import GridJob
from load_plan import Planned

# The testbed has A-REX look at its jobs more often than a site would; tests wait for that.
_HURRY = "wakeupperiod = 5\n"
# A-REX writes the accounting of a job a little later than its last state.
_ACCOUNTING_PATIENCE = 60.0
# Run inside: SQLite does not find a database through the host's way into the bed.
_ACCOUNTS = """
import glob, json, sqlite3, sys
(path,) = glob.glob(sys.argv[1] + "/accounting*.db")
rows = sqlite3.connect(path).execute("SELECT JobID, ExitCode FROM AAR WHERE EndTime > 0")
print(json.dumps(rows.fetchall()))
"""


def unfinished(bed: Bed) -> bool:
    """Whether the bed's A-REX has jobs to work on."""
    places = [bed.path(f"{CONTROLDIR}/{name}") for name in ("accepting", "processing")]
    return any(place.exists() and any(place.iterdir()) for place in places)


class ARex:
    """A bed's A-REX, restarted with `lrms` as its batch system."""

    def __init__(self, bed: Bed, lrms: str) -> None:
        self.bed = bed
        self.control = Path()
        self._client: subprocess.Popen[str] | None = None
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as template:
            text = DEFAULT_TEMPLATE.read_text().replace(_HURRY, "")
            template.write(text.replace("lrms = OAR", f"lrms = {lrms}"))
            template.flush()
            bed.reconf(Path(template.name))
        self.control = bed.path(CONTROLDIR)

    def submit(self, jobs: Sequence[Planned]) -> list[str]:
        """The grid IDs of these jobs."""
        descriptions = [xrsl(*job.command, walltime="3 hours") for job in jobs]
        return [str(name) for name in self._rest(new=descriptions)]

    def kill(self, names: Sequence[str]) -> list[bool]:
        """Whether A-REX took each kill."""
        return [bool(taken) for taken in self._rest(kill=list(names))]

    def ended(self) -> set[str]:
        """The grid IDs of all jobs that are FINISHED."""
        return set(self.finished())

    def finished(self) -> dict[str, Path]:
        """The status file of each job that is FINISHED; ARC 6 puts `job.` before its name."""
        found = {}
        for path in (self.control / "finished").iterdir():
            named = re.fullmatch(r"(?:job\.)?(\w+)\.status", path.name)
            if named:
                found[named[1]] = path
        return found

    def jobs(self, names: Sequence[str]) -> list[GridJob]:
        """What A-REX has of these jobs, once it has accounted for all that were in the LRMS."""
        local_ids = {name: self._local_id(name) for name in names}
        wanted = {name for name, local_id in local_ids.items() if local_id}
        deadline = time.monotonic() + _ACCOUNTING_PATIENCE
        accounts = self._accounts()
        while not wanted <= set(accounts) and time.monotonic() < deadline:
            time.sleep(1)
            accounts = self._accounts()
        finished = self.finished()
        return [
            GridJob(
                self._state(name, finished),
                self._read(name, "failed").strip(),
                local_ids[name],
                accounts.get(name),
            )
            for name in names
        ]

    def _state(self, name: str, finished: dict[str, Path]) -> str:
        places = [self.control / "processing" / f"{word}{name}.status" for word in ("job.", "")]
        for path in [finished[name]] if name in finished else places:
            if path.exists():
                return path.read_text().strip()
        return ""

    def _local_id(self, name: str) -> str:
        found = re.search(r"^localid=(.*)$", self._read(name, "local"), re.M)
        return found[1] if found else ""

    def _read(self, name: str, kind: str) -> str:
        six = self.control / f"job.{name}.{kind}"
        seven = self.control / "jobs" / name[:3] / name[3:6] / name[6:9] / name[9:] / kind
        for path in (six, seven):
            if path.exists():
                return path.read_text(errors="replace")
        return ""

    def _accounts(self) -> dict[str, int]:
        """The exit code in each finished accounting record, by grid ID."""
        argv = ["python3", "-c", _ACCOUNTS, f"{CONTROLDIR}/accounting"]
        return dict(json.loads(self.bed.run(argv).stdout))

    def close(self) -> None:
        """Ends the client that has submitted and killed the jobs."""
        if self._client is not None:
            self._client.communicate()

    def _rest(self, **asked: list[str]) -> Any:
        if self._client is None:
            argv = ["python3", f"{CHECKOUT_INSIDE}/bench/load_rest.py"]
            command, environment = self.bed.inside.command(argv, user=GRIDUSER)
            pipe = subprocess.PIPE
            self._client = subprocess.Popen(
                command, env=environment, stdin=pipe, stdout=pipe, text=True, bufsize=1
            )
        client = self._client
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(json.dumps(asked) + "\n")
        answer = client.stdout.readline()
        if not answer:
            raise BedError("A-REX's REST interface did not take what was asked; see above")
        return json.loads(answer)
