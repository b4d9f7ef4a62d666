"""Run a load through a bed's A-REX by its REST interface, and read the control directory.

Independent of the batch system behind A-REX.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from bed import GRIDUSER, Bed, BedError
from bed.arcconf import CONTROLDIR, DEFAULT_TEMPLATE
from bed.grid import xrsl
from bed.layout import CHECKOUT_INSIDE
from load_judge import GridJob
from load_plan import Runnable

# The testbed's setting, shorter than ARC's default so that tests wait less.
_SHORT_WAKEUP = "wakeupperiod = 5\n"
# Seconds; A-REX writes the accounting record of a job after its last state.
_ACCOUNTING_TIMEOUT = 60.0
# Executed inside the bed: SQLite cannot open the database by the host's path into the bed.
_ACCOUNTS = """
import glob, json, sqlite3, sys
(path,) = glob.glob(sys.argv[1] + "/accounting*.db")
database = sqlite3.connect(path, timeout=60)
rows = database.execute("SELECT JobID, ExitCode FROM AAR WHERE EndTime > 0")
print(json.dumps(rows.fetchall()))
"""


def unfinished(bed: Bed) -> bool:
    """Return whether the bed's A-REX has jobs that have not ended."""
    places = [bed.path(f"{CONTROLDIR}/{name}") for name in ("accepting", "processing")]
    return any(place.exists() and any(place.iterdir()) for place in places)


class ARex:
    """A bed's A-REX, restarted with `lrms` as its batch system and ARC's own wake-up period.

    `options` are lines for the block `[custom:oar]`.
    """

    def __init__(self, bed: Bed, lrms: str, options: str = "") -> None:
        self.bed = bed
        self.control = Path()
        self._client: subprocess.Popen[str] | None = None
        self.restart(lrms, options)

    def restart(self, lrms: str, options: str = "") -> None:
        """Restart A-REX with another configuration."""
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as template:
            text = DEFAULT_TEMPLATE.read_text().replace(_SHORT_WAKEUP, "")
            template.write(text.replace("lrms = OAR", f"lrms = {lrms}") + options)
            template.flush()
            self.bed.reconf(Path(template.name))
        self.control = self.bed.path(CONTROLDIR)

    def submit(self, jobs: Sequence[Runnable]) -> list[str]:
        """Submit jobs and return their grid job IDs."""
        descriptions = [xrsl(*job.command, walltime="3 hours") for job in jobs]
        return [str(name) for name in self._rest(new=descriptions)]

    def kill(self, names: Sequence[str]) -> list[bool]:
        """Kill jobs and return whether A-REX accepted each request."""
        return [bool(accepted) for accepted in self._rest(kill=list(names))]

    def ended(self) -> set[str]:
        """Return the grid job IDs of all jobs in state FINISHED."""
        return set(self.finished())

    def finished(self) -> dict[str, Path]:
        """Return the status file of each FINISHED job; ARC 6 prefixes its name with `job.`."""
        found = {}
        for path in (self.control / "finished").iterdir():
            named = re.fullmatch(r"(?:job\.)?(\w+)\.status", path.name)
            if named:
                found[named[1]] = path
        return found

    def jobs(self, names: Sequence[str]) -> list[GridJob]:
        """Return these jobs, once all that were in the LRMS have an accounting record."""
        local_ids = {name: self.local_id(name) for name in names}
        wanted = {name for name, local_id in local_ids.items() if local_id}
        deadline = time.monotonic() + _ACCOUNTING_TIMEOUT
        accounts = self._accounts()
        while not wanted <= set(accounts) and time.monotonic() < deadline:
            time.sleep(1)
            accounts = self._accounts()
        finished = self.finished()
        return [
            GridJob(
                self._state(name, finished),
                self.read(name, "failed").strip(),
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

    def in_lrms(self, names: Sequence[str]) -> int:
        """Return how many of these jobs are INLRMS."""
        return sum(self._state(name, {}) == "INLRMS" for name in names)

    def finished_at(self, name: str) -> float | None:
        """Return when the job became FINISHED (seconds since 1970), None if it is not."""
        for path in (f"job.{name}.status", f"{name}.status"):
            with suppress(OSError):
                return (self.control / "finished" / path).stat().st_mtime
        return None

    def local_id(self, name: str) -> str:
        """Return the job ID in the batch system, "" if the job has none."""
        found = re.search(r"^localid=(.*)$", self.read(name, "local"), re.M)
        return found[1] if found else ""

    def read(self, name: str, kind: str) -> str:
        """Return the text of a control file of the job, "" if it does not exist."""
        with suppress(OSError):
            return self.path(name, kind).read_text(errors="replace")
        return ""

    def path(self, name: str, kind: str) -> Path:
        """Return the path of a control file of the job."""
        if (self.control / "jobs").is_dir():
            parts = (name[:3], name[3:6], name[6:9], name[9:])
            return self.control.joinpath("jobs", *parts, kind)
        return self.control / f"job.{name}.{kind}"

    def _accounts(self) -> dict[str, int]:
        """Return the exit code in each completed accounting record, by grid job ID."""
        argv = ["python3", "-c", _ACCOUNTS, f"{CONTROLDIR}/accounting"]
        return dict(json.loads(self.bed.run(argv).stdout))

    def close(self) -> None:
        """End the client process that submits and kills the jobs."""
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
            raise BedError("A-REX's REST interface refused a request; the reason is above")
        return json.loads(answer)
