"""The stand-in as a test sees it: create one, set its knobs, look at its calls and jobs.

Must not: answer for a command; the commands read the same state by themselves.
"""

from __future__ import annotations

import atexit
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import processes, texts
from .dialect import dialect
from .install import install_code, write_command
from .resources import default_nodes, nodes_to_resources
from .resubmission import resubmit
from .schema import ENDED_STATES, EXTRA_COLUMNS
from .store import Store
from .synthetic import add_rows

_JSON_COLUMNS = {"x_types": "types", "x_resources": "resources", "x_dependencies": "dependencies"}


@dataclass(frozen=True)
class Call:
    """One invocation of a command. argv[0] is its bare name; rc is None until it has ended."""

    argv: list[str]
    cwd: str
    env: dict[str, str]
    uid: int
    gid: int
    pid: int
    rc: int | None

    @property
    def command(self) -> str:
        return self.argv[0]


class Standin:
    """One fake OAR in one directory. Close it, or use it in a `with`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.bin = directory / "bin"
        self.state = directory / "state.db"
        self._store = Store(self.state)
        self._closed = False
        self.owner = "griduser"
        self.version: str = self._store.knob("version")
        atexit.register(self.close)

    @classmethod
    def create(
        cls,
        directory: Path,
        version: str = "2.5.9",
        *,
        nodes: Sequence[Mapping[str, int | str]] | None = None,
        first_id: int = 1,
        python: str | None = None,
    ) -> Standin:
        """Make the directory with everything in it; `python` runs the commands (default: this)."""
        facts = dialect(version)
        directory = Path(directory).absolute()
        for name in ("bin", "run", "lib/standin"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        for path in (directory, directory / "run"):
            path.chmod(0o777)  # whoever calls writes here, as OAR's setuid wrappers do
        install_code(directory / "lib" / "standin")
        commands = ["oarsub", "oarstat", "oardel", "oarhold", "oarresume", "oarnodes"]
        commands.append("oarqueue" if facts.major == 3 else "oarnotify")
        for command in commands:
            write_command(directory, command, python)
        store = Store.create(directory / "state.db", version, first_id)
        store.set_resources(nodes_to_resources(default_nodes() if nodes is None else nodes))
        policy = (
            "kamelot"
            if facts.major == 3
            else ("oar_sched_gantt_with_timesharing_and_fairsharing_and_quotas")
        )
        store.many(
            "INSERT INTO queues (name, priority, policy) VALUES (?, ?, ?)",
            [("default", 2, policy), ("admin", 10, policy), ("besteffort", 0, policy)],
        )
        store.close()
        return cls(directory)

    def __enter__(self) -> Standin:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # what the commands were asked

    def calls(self, command: str | None = None) -> list[Call]:
        """Every invocation in order, or those of one command."""
        found = [
            Call(
                argv=json.loads(row["argv"]),
                cwd=json.loads(row["cwd"]),
                env=json.loads(row["env"]),
                uid=row["uid"],
                gid=row["gid"],
                pid=row["pid"],
                rc=row["rc"],
            )
            for row in self._store.rows("SELECT * FROM calls ORDER BY call_id")
        ]
        return [c for c in found if command in (None, c.command)]

    # knobs

    def set(self, knob: str, value: Any = True) -> None:
        """Set a knob; README.md lists them. Several commands: a list of "COMMAND…" values."""
        self._store.set_knob(knob, value)

    def clear(self, knob: str) -> None:
        self._store.clear_knob(knob)

    def set_nodes(self, nodes: Sequence[Mapping[str, int | str]]) -> None:
        """Replace the nodes: host, cores, mem, state and any property, see resources.py."""
        self._store.set_resources(nodes_to_resources(nodes))

    def set_queue(self, name: str, *, priority: int = 3, state: str = "Active") -> None:
        """Add a queue or change one."""
        policy = self._store.value("SELECT policy FROM queues")
        self._store.execute(
            "INSERT OR REPLACE INTO queues VALUES (?, ?, ?, ?)", (name, priority, policy, state)
        )

    # jobs

    def jobs(self, where: str = "1") -> list[dict[str, Any]]:
        """All rows by id, with OAR's column names; types, resources and dependencies as lists."""
        return [
            _public(row)
            for row in self._store.rows(f"SELECT * FROM jobs WHERE {where} ORDER BY job_id")
        ]

    def job(self, job_id: int) -> dict[str, Any]:
        """One row with its events and the states it went through."""
        row = self._store.job(job_id)
        if row is None:
            raise KeyError(job_id)
        return {
            **_public(row),
            "events": self._store.events([job_id]).get(job_id, []),
            "states": [
                r["state"]
                for r in self._store.rows(
                    "SELECT state FROM state_log WHERE job_id = ? ORDER BY rowid", (job_id,)
                )
            ],
        }

    def update(self, job_id: int, **columns: Any) -> None:
        """Put a row into any shape, possible or not. A state that is set so stays."""
        manual = {"x_manual": 1} if "state" in columns else {}
        with self._store.writing():
            self._store.update_job(job_id, {**manual, **_private(columns)})

    def add_event(self, job_id: int, type: str, description: str, date: int | None = None) -> int:
        return self._store.add_event(job_id, type, description, date)

    def add_jobs(
        self,
        n: int,
        state: str = "Running",
        owner: str = "",
        first_id: int | None = None,
        **columns: Any,
    ) -> list[int]:
        """Rows without a process, fast, of `owner` (default: `self.owner`).

        A column may be a function of the id.
        """
        with self._store.writing():
            return add_rows(self._store, n, first_id, state, owner or self.owner, _private(columns))

    def reset(self) -> None:
        """Forget all jobs, events, calls and knobs. Not while a job runs."""
        with self._store.writing():
            for table in ("jobs", "events", "state_log", "calls"):
                self._store.execute(f"DELETE FROM {table}")
            self._store.execute("DELETE FROM knobs WHERE name != 'version'")

    def resubmit(
        self, old_id: int, event_text_style: int = 1, *, linked: bool = True, event: bool = True
    ) -> int:
        """What OAR does after node trouble: the old job in Error, a new one in its place."""
        text = texts.resubmission(event_text_style, old_id, "{new}")
        with self._store.writing():
            old = self._store.job(old_id)
            if old is None:
                raise KeyError(old_id)
            if old["state"] not in ENDED_STATES:
                self._store.update_job(old_id, {"state": "Error", "stop_time": int(time.time())})
            return resubmit(self._store, old, text if event else None, linked=linked)

    # stepping

    def wait(self, job_id: int, timeout: float = 60.0) -> dict[str, Any]:
        """The job's row once it has ended; TimeoutError with the runner's log if it does not."""
        return self.wait_for(job_id, ENDED_STATES, timeout)

    def wait_for(
        self, job_id: int, states: str | Sequence[str], timeout: float = 60.0
    ) -> dict[str, Any]:
        """The job's row once it is in one of these states."""
        wanted = (states,) if isinstance(states, str) else tuple(states)
        limit = time.monotonic() + timeout
        while (job := self.job(job_id))["state"] not in wanted:
            if time.monotonic() > limit:
                raise TimeoutError(
                    f"job {job_id} is {job['state']} after {timeout} s, not"
                    f" {' or '.join(wanted)}; runner says: {self.runner_log() or 'nothing'}"
                )
            time.sleep(0.01)
        return job

    def run_next(self) -> int | None:
        """With autorun=0: let the oldest job that waits for it go its way."""
        found = self._store.value(
            "SELECT MIN(job_id) FROM jobs WHERE state = 'Waiting' AND x_steps = 0"
        )
        if found is not None:
            self._store.update_job(found, {"x_steps": None})
        return None if found is None else int(found)

    def step(self, job_id: int, timeout: float = 60.0) -> str:
        """With autorun=0: one transition, and the state that it led to."""
        before = self.job(job_id)["state"]
        self._store.execute(
            "UPDATE jobs SET x_steps = COALESCE(x_steps, 0) + 1 WHERE job_id = ?", (job_id,)
        )
        limit = time.monotonic() + timeout
        while (state := str(self.job(job_id)["state"])) == before:
            if time.monotonic() > limit:
                raise TimeoutError(f"job {job_id} stays {before}: {self.runner_log()}")
            time.sleep(0.01)
        return state

    def runner_log(self) -> str:
        """What went wrong in a runner; empty in a good test."""
        log = self.directory / "runner.log"
        return log.read_text() if log.exists() else ""

    # the end

    def release(self) -> None:
        """Let go of it without ending anything."""
        atexit.unregister(self.close)
        self._store.close()

    def close(self) -> None:
        """End every process that this stand-in or its jobs started. The files stay."""
        if self._closed:
            return
        self._closed = True
        for row in self._store.rows("SELECT * FROM processes"):
            processes.kill(row["pid"], row["pid_start"])
        for row in self._store.rows("SELECT pid, pid_start FROM calls WHERE rc IS NULL"):
            processes.kill(row["pid"], row["pid_start"])
        for row in self._store.rows("SELECT * FROM jobs WHERE x_pid IS NOT NULL"):
            processes.kill_job(self._store, row["job_id"], row["x_pid"], row["x_pid_start"])
        self.release()


def _public(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(row)
    for column, name in _JSON_COLUMNS.items():
        shown[name] = json.loads(shown.pop(column))
    return shown


def _private(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Friendly names back to columns: walltime, uid, types, resources and so on."""
    found = {}
    for name, value in columns.items():
        column = f"x_{name}" if f"x_{name}" in EXTRA_COLUMNS else name
        listed = column in _JSON_COLUMNS and not isinstance(value, str) and not callable(value)
        found[column] = json.dumps(value) if listed else value
    return found
