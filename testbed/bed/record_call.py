"""Runs commands of the real OAR and keeps what they print: the calls of one scenario.

Must not know which scenarios there are, nor judge what the commands say.
"""

from __future__ import annotations

import json
import shlex
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .bed import Bed
from .layout import write_atomically
from .processes import wait_until
from .report import BedError
from .suites import GRIDUSER

DIRECTORY = f"/home/{GRIDUSER}/record"
HOOKS = "/var/lib/oar/record"
ENDED = ("Terminated", "Error")
PATIENCE = 240.0
FRESH = 0.4

_STATES = "select job_id, state from jobs where job_id >= {}"
_FOLLOWER = "select job_id from jobs where resubmit_job_id = {}"


@dataclass
class Call:
    """One command with all that it answered; `code` is its exit code, 128 + n for signal n."""

    step: str
    command: str
    user: str
    date: str
    code: int
    stdout: str
    stderr: str


def sql(bed: Bed, query: str) -> list[list[str]]:
    """Rows straight from OAR's database, for waiting only: this is no recording."""
    done = bed.run(["psql", "-d", "oar", "-Atc", query], user="postgres", cwd="/", timeout=30)
    return [line.split("|") for line in done.stdout.splitlines()]


class Watch:
    """The states of all jobs since `first`, read once for all scenarios that wait."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._states: dict[int, str] = {}
        self.first = int(sql(bed, "select coalesce(max(job_id), 0) + 1 from jobs")[0][0])

    def state(self, job_id: int) -> str:
        with self._lock:
            if time.monotonic() - self._read_at > FRESH:
                rows = sql(self._bed, _STATES.format(self.first))
                self._states = {int(row[0]): row[1] for row in rows}
                self._read_at = time.monotonic()
            return self._states.get(job_id, "")

    def alive(self, ids: Sequence[int]) -> list[int]:
        return [job_id for job_id in ids if self.state(job_id) not in (*ENDED, "")]


@dataclass
class Recorder:
    """The calls of one scenario; `how` says for people how the situation was brought about."""

    bed: Bed
    watch: Watch
    scenario: str
    how: str
    say: Callable[[str], None]
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
        """Run a command and keep it. With `limit` root kills it after so many seconds.

        OAR's commands are setuid: an ordinary user's time-out could not end them.
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
        again = sum(call.step.partition("#")[0] == step for call in self.calls)
        made = Call(
            step=f"{step}#{again + 1}" if again else step,
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
        """Run oarsub and keep it; gives the id of the (last) job, which must be there."""
        made = self.call(step, ["oarsub", *argv], user)
        lines = [x for x in made.stdout.splitlines() if x.startswith("OAR_JOB_ID=")]
        if made.code or not lines:
            raise BedError(f"{made.command} made no job: {made.stdout} {made.stderr}")
        ids = [int(line.partition("=")[2]) for line in lines]
        self.jobs += ids
        return ids[-1]

    def snapshot(self, stage: str, *ids: int) -> None:
        """What OAR says of jobs at this moment, by the commands of which scan makes use."""
        words = [word for job_id in ids for word in ("-j", str(job_id))]
        where = f"state IN ('Terminated','Error') AND (job_id IN ({','.join(map(str, ids))}))"
        self.call(f"{stage}.oarstat-ended", ["oarstat", "--format", "2", "--sql", where])
        self.call(f"{stage}.oarstat-s-J", ["oarstat", "-s", "-J", *words])
        self.call(f"{stage}.oarstat-J-f", ["oarstat", "--format", "2", "-J", "-f", *words])

    def reach(self, job_id: int, *states: str, patience: float = PATIENCE) -> str:
        """Wait until the job is in one of `states`, and give it."""
        if not wait_until(lambda: self.watch.state(job_id) in states, patience):
            found = self.watch.state(job_id)
            raise BedError(f"job {job_id} is {found}, not {' or '.join(states)}, after {patience}s")
        return self.watch.state(job_id)

    def end(self, *ids: int, stage: str = "final") -> None:
        """Wait until the jobs have ended, and take a snapshot of them."""
        for job_id in ids:
            self.reach(job_id, *ENDED)
        self.snapshot(stage, *ids)

    def follow(self, job_id: int, patience: float = 10.0) -> int | None:
        """The id under which OAR has submitted the job again, None where it has not."""
        query = _FOLLOWER.format(job_id)
        if not wait_until(lambda: bool(sql(self.bed, query)), patience):
            return None
        self.jobs.append(int(sql(self.bed, query)[0][0]))
        return self.jobs[-1]

    def hook(self, kind: str, job_id: int, shell: str) -> None:
        """Let one of `record.HOOK_KINDS` run this shell text for one job."""
        self.bed.path(f"{HOOKS}/{kind}.{job_id}").write_text(shell + "\n")

    def root(self, step: str, *argv: str) -> Call:
        return self.call(step, argv, user="root")

    def save(self, directory: Path) -> Path:
        """Write the recording; gives its file."""
        made = f"testbed/record on Debian {self.bed.suite.name}"
        content = {"how": self.how, "made": made, "calls": [asdict(call) for call in self.calls]}
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / f"{self.scenario}.json"
        write_atomically(path, json.dumps(content, indent=1) + "\n")
        return path


def _quoted(assignment: str) -> str:
    name, _, value = assignment.partition("=")
    return f"{name}={shlex.quote(value)}"
