"""Run commands of the real OAR and record what they print: the calls of one scenario."""

from __future__ import annotations

import json
import shlex
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..bed import Bed
from ..layout import write_atomically
from ..messages import BedError
from ..processes import wait_until
from ..suites import GRIDUSER

DIRECTORY = f"/home/{GRIDUSER}/record"
HOOKS = "/var/lib/oar/record"
CONFIGURATION = "/etc/oar/oar.conf"
ENDED = ("Terminated", "Error")
TIMEOUT = 240.0
MAX_AGE = 0.4

_STATES = "select job_id, state from jobs where job_id >= {}"
_EVENT = "select event_id from event_logs where job_id = {} and type = '{}'"
_SUCCESSOR = "select job_id from jobs where resubmit_job_id = {}"


@dataclass
class Call:
    """One command and its output; `code` is its exit status, 128 + n for signal n."""

    step: str
    command: str
    user: str
    date: str
    code: int
    stdout: str
    stderr: str


def sql(bed: Bed, query: str) -> list[list[str]]:
    """Return rows of OAR's database, used for waiting; they are not recorded."""
    done = bed.run(["psql", "-d", "oar", "-Atc", query], user="postgres", cwd="/", timeout=30)
    return [line.split("|") for line in done.stdout.splitlines()]


class JobStates:
    """The states of all jobs since `first`, read at once for all waiting scenarios."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._states: dict[int, str] = {}
        self.first = int(sql(bed, "select coalesce(max(job_id), 0) + 1 from jobs")[0][0])

    def state(self, job_id: int) -> str:
        with self._lock:
            if time.monotonic() - self._read_at > MAX_AGE:
                rows = sql(self._bed, _STATES.format(self.first))
                self._states = {int(row[0]): row[1] for row in rows}
                self._read_at = time.monotonic()
            return self._states.get(job_id, "")

    def alive(self, ids: Sequence[int]) -> list[int]:
        return [job_id for job_id in ids if self.state(job_id) not in (*ENDED, "")]


@dataclass
class Recorder:
    """Records the calls of one scenario; `how` describes for people how it is brought about."""

    bed: Bed
    job_states: JobStates
    scenario: str
    how: str
    progress: Callable[[str], None]
    calls: list[Call] = field(default_factory=list)
    jobs: list[int] = field(default_factory=list)

    def call(
        self,
        step: str,
        argv: Sequence[str],
        user: str = GRIDUSER,
        env: Mapping[str, str] | None = None,
        limit: float | None = None,
    ) -> Call:
        """Run a command and record it. With `limit`, root kills it after so many seconds.

        OAR's commands are setuid, so that a timeout of an ordinary user could not end them.
        """
        if limit is None:
            who: str | None = user
            whole = list(argv)
            environment = dict(env or {})
        else:
            who = None
            become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
            whole = ["timeout", "-s", "KILL", f"{limit:g}", *become, *argv]
            environment = {"USER": user, "LOGNAME": user, "HOME": f"/home/{user}", **(env or {})}
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        cwd = DIRECTORY if user == GRIDUSER else None
        done = self.bed.run_bytes(whole, who, None, environment, check=False, cwd=cwd)
        prefix = [f"{name}={value}" for name, value in (env or {}).items()]
        repeated = sum(call.step.partition("#")[0] == step for call in self.calls)
        made = Call(
            step=f"{step}#{repeated + 1}" if repeated else step,
            command=" ".join([*map(_quoted, prefix), shlex.join(argv)]),
            user=user,
            date=date,
            code=done.returncode if done.returncode >= 0 else 128 - done.returncode,
            stdout=done.stdout.decode("utf-8", "surrogateescape"),
            stderr=done.stderr.decode("utf-8", "surrogateescape"),
        )
        if limit is not None:
            made.command += f"  # killed by root if it did not end within {limit:g} s"
        self.calls.append(made)
        return made

    def submit(self, *argv: str, step: str = "oarsub", user: str = GRIDUSER) -> int:
        """Run oarsub and record it; returns the ID of the last job; BedError without one."""
        made = self.call(step, ["oarsub", *argv], user)
        lines = [x for x in made.stdout.splitlines() if x.startswith("OAR_JOB_ID=")]
        if made.code or not lines:
            raise BedError(f"{made.command} submitted no job: {made.stdout} {made.stderr}")
        ids = [int(line.partition("=")[2]) for line in lines]
        self.jobs += ids
        return ids[-1]

    def snapshot(self, stage: str, *ids: int) -> None:
        """Record OAR's present answers about jobs, with the commands that scan uses."""
        words = [word for job_id in ids for word in ("-j", str(job_id))]
        where = f"state IN ('Terminated','Error') AND (job_id IN ({','.join(map(str, ids))}))"
        self.call(f"{stage}.oarstat-ended", ["oarstat", "--format", "2", "--sql", where])
        self.call(f"{stage}.oarstat-s-J", ["oarstat", "-s", "-J", *words])
        self.call(f"{stage}.oarstat-J-f", ["oarstat", "--format", "2", "-J", "-f", *words])

    def reach(self, job_id: int, *states: str, timeout: float = TIMEOUT) -> str:
        """Wait until the job is in one of `states` and return the state; BedError."""
        if not wait_until(lambda: self.job_states.state(job_id) in states, timeout):
            found = self.job_states.state(job_id)
            raise BedError(f"job {job_id} is {found}, not {' or '.join(states)}, after {timeout}s")
        return self.job_states.state(job_id)

    def end(self, *ids: int, stage: str = "final") -> None:
        """Wait until the jobs have ended and record a snapshot of them."""
        for job_id in ids:
            self.reach(job_id, *ENDED)
        self.snapshot(stage, *ids)

    def successor(self, job_id: int, timeout: float = 10.0) -> int | None:
        """Return the job ID of the resubmitted job, None if there is none within `timeout`."""
        query = _SUCCESSOR.format(job_id)
        if not wait_until(lambda: bool(sql(self.bed, query)), timeout):
            return None
        self.jobs.append(int(sql(self.bed, query)[0][0]))
        return self.jobs[-1]

    def event(self, job_id: int, kind: str, timeout: float = 60.0) -> None:
        """Wait until OAR has written an event of this type for the job; BedError."""
        query = _EVENT.format(job_id, kind)
        if not wait_until(lambda: bool(sql(self.bed, query)), timeout):
            raise BedError(f"job {job_id} has no event {kind} after {timeout}s")

    def hook(self, kind: str, job_id: int, shell: str) -> None:
        """Have a hook (`record.HOOK_KINDS`) run this shell text for one job."""
        self.bed.path(f"{HOOKS}/{kind}.{job_id}").write_text(shell + "\n")

    def root(self, step: str, *argv: str) -> Call:
        """Run a command as root and record it."""
        return self.call(step, argv, user="root")

    def save(self, directory: Path) -> Path:
        """Write the recording; returns its file."""
        made = f"testbed/record on Debian {self.bed.suite.name}"
        content = {"how": self.how, "made": made, "calls": [asdict(call) for call in self.calls]}
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{self.scenario}.json"
        write_atomically(path, json.dumps(content, indent=1) + "\n")
        return path


def _quoted(assignment: str) -> str:
    name, _, value = assignment.partition("=")
    return f"{name}={shlex.quote(value)}"
