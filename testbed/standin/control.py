"""The stand-in's Python API for tests: create it, set its knobs, read its calls and jobs.

The commands run as processes of their own; they and this class share the database only.
"""

from __future__ import annotations

import atexit
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import processes, wording
from .database import Database
from .install import create_directory
from .recorded_calls import Call, read_calls
from .resources import nodes_to_resources
from .resubmission import resubmit
from .schema import ENDED_STATES, EXTRA_COLUMNS
from .synthetic import add_rows

_JSON_COLUMNS = {"x_types": "types", "x_resources": "resources", "x_dependencies": "dependencies"}


class Standin:
    """A stand-in OAR in its own directory. Close it, or use it in a `with` statement."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.bin = directory / "bin"
        self.state = directory / "state.db"
        self._db = Database(self.state)
        self._closed = False
        self.owner = "griduser"
        self.version: str = self._db.knob("version")
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
        """Create a stand-in in `directory`.

        Args:
            version: 2.5.9, 2.6.1 or 3.0.2.
            nodes: Keys cores (default 2) and any property; default: 4 nodes of 2 cores.
            first_id: Job ID of the first job.
            python: Interpreter of the commands; default: this one, if every user can run it.
        """
        directory = Path(directory).absolute()
        create_directory(directory, version, nodes, first_id, python)
        return cls(directory)

    def __enter__(self) -> Standin:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # recorded calls

    def calls(self, command: str | None = None) -> list[Call]:
        """Return all calls in order, or those of one command."""
        return [call for call in read_calls(self._db) if command in (None, call.command)]

    # knobs

    def set(self, knob: str, value: Any = True) -> None:
        """Set a knob of README.md. For several commands give a list of "COMMAND…" values."""
        self._db.set_knob(knob, value)

    def clear(self, knob: str) -> None:
        self._db.clear_knob(knob)

    def set_nodes(self, nodes: Sequence[Mapping[str, int | str]]) -> None:
        """Replace the nodes; keys: cores (default 2), host, mem, state and any other property."""
        self._db.set_resources(nodes_to_resources(nodes))

    def set_queue(self, name: str, *, priority: int = 3, state: str = "Active") -> None:
        """Add a queue or change one."""
        policy = self._db.value("SELECT policy FROM queues")
        self._db.execute(
            "INSERT OR REPLACE INTO queues VALUES (?, ?, ?, ?)", (name, priority, policy, state)
        )

    # jobs

    def jobs(self, where: str = "1") -> list[dict[str, Any]]:
        """Return all jobs in order, keyed by OAR's columns; JSON columns are lists."""
        return [
            _public(row)
            for row in self._db.rows(f"SELECT * FROM jobs WHERE {where} ORDER BY job_id")
        ]

    def job(self, job_id: int) -> dict[str, Any]:
        """Return one job with its events and all its states so far; KeyError if it is unknown."""
        row = self._db.job(job_id)
        if row is None:
            raise KeyError(job_id)
        return {
            **_public(row),
            "events": self._db.events([job_id]).get(job_id, []),
            "states": [
                r["state"]
                for r in self._db.rows(
                    "SELECT state FROM state_log WHERE job_id = ? ORDER BY rowid", (job_id,)
                )
            ],
        }

    def update(self, job_id: int, **columns: Any) -> None:
        """Set columns of a job to any values. The runner keeps a state that is set here."""
        manual = {"x_manual": 1} if "state" in columns else {}
        with self._db.writing():
            self._db.update_job(job_id, {**manual, **_private(columns)})

    def add_event(self, job_id: int, type: str, description: str, date: int | None = None) -> int:
        return self._db.add_event(job_id, type, description, date)

    def add_jobs(
        self,
        n: int,
        state: str = "Running",
        owner: str = "",
        first_id: int | None = None,
        **columns: Any,
    ) -> list[int]:
        """Insert `n` jobs without processes; returns their job IDs.

        They belong to `owner` (default: `self.owner`). A column may be a function of the job ID.
        """
        with self._db.writing():
            return add_rows(self._db, n, first_id, state, owner or self.owner, _private(columns))

    def reset(self) -> None:
        """Delete all jobs, events, calls and knobs; must not be called while a job runs."""
        with self._db.writing():
            for table in ("jobs", "events", "state_log", "calls"):
                self._db.execute(f"DELETE FROM {table}")
            self._db.execute("DELETE FROM knobs WHERE name != 'version'")

    def resubmit(
        self, old_id: int, event_text_style: int = 1, *, linked: bool = True, event: bool = True
    ) -> int:
        """Resubmit a job as OAR does after a node failure; returns the job ID of the successor."""
        text = wording.resubmission_text(event_text_style, old_id, "{new}")
        with self._db.writing():
            old = self._db.job(old_id)
            if old is None:
                raise KeyError(old_id)
            if old["state"] not in ENDED_STATES:
                self._db.update_job(old_id, {"state": "Error", "stop_time": int(time.time())})
            return resubmit(self._db, old, text if event else None, linked=linked)

    # stepping

    def wait(self, job_id: int, timeout: float = 60.0) -> dict[str, Any]:
        """Wait until the job has ended and return it; TimeoutError with the runner's log."""
        return self.wait_for(job_id, ENDED_STATES, timeout)

    def wait_for(
        self, job_id: int, states: str | Sequence[str], timeout: float = 60.0
    ) -> dict[str, Any]:
        """Wait until the job is in one of these states and return it; TimeoutError."""
        wanted = (states,) if isinstance(states, str) else tuple(states)
        limit = time.monotonic() + timeout
        while (job := self.job(job_id))["state"] not in wanted:
            if time.monotonic() > limit:
                raise TimeoutError(
                    f"job {job_id} is {job['state']} after {timeout} s, not"
                    f" {' or '.join(wanted)}; log of the runner: {self.runner_log() or 'empty'}"
                )
            time.sleep(0.01)
        return job

    def run_next(self) -> int | None:
        """With autorun=0: run the oldest waiting job without further steps; returns its job ID."""
        found = self._db.value(
            "SELECT MIN(job_id) FROM jobs WHERE state = 'Waiting' AND x_steps = 0"
        )
        if found is not None:
            self._db.update_job(found, {"x_steps": None})
        return None if found is None else int(found)

    def step(self, job_id: int, timeout: float = 60.0) -> str:
        """With autorun=0: allow one transition and return the new state."""
        before = self.job(job_id)["state"]
        self._db.execute(
            "UPDATE jobs SET x_steps = COALESCE(x_steps, 0) + 1 WHERE job_id = ?", (job_id,)
        )
        limit = time.monotonic() + timeout
        while (state := str(self.job(job_id)["state"])) == before:
            if time.monotonic() > limit:
                raise TimeoutError(f"job {job_id} is still {before}: {self.runner_log()}")
            time.sleep(0.01)
        return state

    def runner_log(self) -> str:
        """Return the tracebacks of the runners; empty in a good test."""
        log = self.directory / "runner.log"
        return log.read_text() if log.exists() else ""

    # closing

    def release(self) -> None:
        """Close the database without ending any process."""
        atexit.unregister(self.close)
        self._db.close()

    def close(self) -> None:
        """End every process that this stand-in or its jobs started. The files remain."""
        if self._closed:
            return
        self._closed = True
        for row in self._db.rows("SELECT * FROM processes"):
            processes.kill(row["pid"], row["pid_start"])
        for row in self._db.rows("SELECT pid, pid_start FROM calls WHERE rc IS NULL"):
            processes.kill(row["pid"], row["pid_start"])
        for row in self._db.rows("SELECT * FROM jobs WHERE x_pid IS NOT NULL"):
            processes.kill_job(self._db, row["job_id"], row["x_pid"], row["x_pid_start"])
        self.release()


def _public(row: Mapping[str, Any]) -> dict[str, Any]:
    shown = dict(row)
    for column, name in _JSON_COLUMNS.items():
        shown[name] = json.loads(shown.pop(column))
    return shown


def _private(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return the database columns of the public names walltime, uid, types and so on."""
    found = {}
    for name, value in columns.items():
        column = f"x_{name}" if f"x_{name}" in EXTRA_COLUMNS else name
        listed = column in _JSON_COLUMNS and not isinstance(value, str) and not callable(value)
        found[column] = json.dumps(value) if listed else value
    return found
