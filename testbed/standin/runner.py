"""The stand-in's server: one process per user that schedules, launches, watches and kills jobs.

A user's first oarsub or oardel starts the runner. It ends when none of the user's jobs is left,
when the database was deleted, or by Standin.close(). It handles its own user's jobs only; rows
without a process are handled by any runner. It prints nothing.
"""

from __future__ import annotations

import json
import os
import time
import traceback

from . import job_process, processes, wording
from .database import Database
from .dialect import dialect
from .resubmission import fail_launch, resubmit_idempotent
from .scheduler import schedule
from .schema import ENDED_STATES

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
if TYPE_CHECKING:
    from typing import Any

    from .database import Row

POLL = 0.02
_ENDED = "('" + "','".join(ENDED_STATES) + "')"
_START_FAILURES = {
    job_process.WORKING_DIRECTORY: wording.working_directory_event,
    job_process.OUTPUT_FILES: wording.output_files_event,
}
# Deletion requests that have reached the server.
_DELETED = ("asked", "done")
_KILLED_DIRECTLY = ("Waiting", "Hold", "toAckReservation")


def ensure_runner(db: Database) -> None:
    """Start this user's runner unless it is running. Returns in the calling process only."""
    if _runner(db):
        return
    path = db.path
    db.close()
    if not processes.detach():
        db.open()
    else:
        try:
            Runner(path).run()
        except BaseException:  # tests read this file; a runner has no stderr
            with open(os.path.join(os.path.dirname(path), "runner.log"), "a") as log:
                traceback.print_exc(file=log)
        finally:
            os._exit(0)


def _runner(db: Database) -> bool:
    found = db.rows("SELECT * FROM processes WHERE role = 'runner' AND uid = ?", (os.geteuid(),))
    return any(processes.alive(row["pid"], row["pid_start"]) for row in found)


class Runner:
    """Takes each job through its states, at most one transition per cycle."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._db = Database(path)
        self._uid = os.geteuid()
        self._dialect = dialect(self._db.knob("version"))
        self._knobs: dict[str, Any] = {}
        self._state_since: dict[int, tuple[str, float]] = {}
        self._pipes: dict[int, int] = {}
        self._pids: dict[int, int] = {}
        self._outcome: dict[int, str] = {}  # killed, WORKING_DIRECTORY, OUTPUT_FILES

    def run(self) -> None:
        with self._db.writing():
            if _runner(self._db):
                return
            processes.register(self._db, "runner")
        while os.path.exists(self._path):
            self._knobs = self._db.knobs()
            if not self._knobs.get("server_down"):
                self._cycle()
                if self._finished():
                    return
            time.sleep(POLL)
        for pid in self._pids.values():  # the database was deleted: end all jobs
            processes.kill(pid, processes.start_time(pid), group=True)

    def _finished(self) -> bool:
        mine = f"SELECT 1 FROM jobs WHERE x_uid = ? AND x_manual = 0 AND state NOT IN {_ENDED}"
        asked = "SELECT 1 FROM jobs WHERE x_frag = 'asked' AND (x_uid IS NULL OR x_uid = ?)"
        if self._outcome or self._db.value(f"{mine} UNION {asked}", (self._uid, self._uid)):
            return False
        with self._db.writing():
            if self._db.value(f"{mine} UNION {asked}", (self._uid, self._uid)):
                return False
            self._db.execute("DELETE FROM processes WHERE pid = ?", (os.getpid(),))
        return True

    def _cycle(self) -> None:
        for job in self._db.rows(
            "SELECT * FROM jobs WHERE x_frag = 'asked' AND (x_uid IS NULL OR x_uid = ?)",
            (self._uid,),
        ):
            self._delete(job)
        extra = ",".join(str(i) for i in self._outcome)
        for job in self._db.rows(
            f"SELECT * FROM jobs WHERE (x_uid = ? AND x_manual = 0 AND state NOT IN {_ENDED}"
            " AND state != 'Hold')"
            f" OR job_id IN ({extra}) ORDER BY job_id",
            (self._uid,),
        ):
            if self._due(job):
                self._advance(job)

    def _due(self, job: Row) -> bool:
        """Return whether the job has been in its state for the configured delay."""
        state, since = self._state_since.get(job["job_id"], ("", 0.0))
        if state != job["state"]:
            self._state_since[job["job_id"]] = (job["state"], since := time.monotonic())
        delay = self._knobs.get(f"delay_{job['state']}", self._knobs.get("delay", 0.05))
        return job["state"] == "Running" or time.monotonic() - since >= float(delay)

    def _advance(self, job: Row) -> None:
        state = job["state"]
        may_step = job["x_steps"] is None or job["x_steps"] > 0
        if state == "Running" and (
            may_step or job["x_frag"] in _DELETED or job["job_id"] in self._outcome
        ):
            self._watch(job)
        elif may_step:
            if state == "Waiting":
                schedule(self._db, self._dialect, job)
            elif state == "toLaunch":
                self._step(job, state="Launching")
            elif state == "Launching":
                self._launch(job)
            elif state in ("Finishing", "toError"):
                self._finish(job)

    def _step(self, job: Row, **columns: Any) -> None:
        with self._db.writing():
            self._db.change_state(job, **columns)

    # launching, running

    def _launch(self, job: Row) -> None:
        failure = self._knobs.get("launch_error")
        if failure:
            with self._db.writing():
                fail_launch(self._db, self._dialect, job, str(failure))
            return
        pid, pipe = job_process.start(self._db, job)
        with self._db.writing():
            self._db.change_state(
                job, state="Running", x_pid=pid, x_pid_start=processes.start_time(pid)
            )
        self._pipes[job["job_id"]], self._pids[job["job_id"]] = pipe, pid

    def _watch(self, job: Row) -> None:
        job_id, pid = job["job_id"], job["x_pid"]
        if pid is None or job_id not in self._pipes:
            self._end(job, None)  # a row without a process is being deleted
            return
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            word = os.read(self._pipes[job_id], 1).decode()
            os.close(self._pipes.pop(job_id))
            del self._pids[job_id]
            if word and job_id not in self._outcome:
                self._outcome[job_id] = word
            processes.kill_job(self._db, job_id, None, None)
            self._end(job, None if job_id in self._outcome else status)
            return
        if job["x_frag"] in _DELETED or job_id in self._outcome:
            return
        limit = (job["x_walltime"] or 0) * float(self._knobs.get("walltime_factor", 1))
        if time.monotonic() - self._state_since[job_id][1] > limit:
            now = int(time.time())
            user = wording.system_user(self._dialect)
            with self._db.writing():
                self._db.add_event(job_id, *wording.deletion_event(user, job_id))
                self._db.add_event(
                    job_id,
                    *wording.walltime_event(
                        self._dialect, job_id, job["start_time"], job["x_walltime"], now
                    ),
                )
            self._kill(job)

    def _end(self, job: Row, status: int | None) -> None:
        self._step(job, state="Finishing", stop_time=int(time.time()), exit_code=status)
        job_process.remove_files(self._db, job["job_id"])

    # deletion

    def _delete(self, job: Row) -> None:
        """Act on a deletion request. A job that is being launched is killed once it runs."""
        if job["state"] in ("toLaunch", "Launching"):
            return
        delay = float(self._knobs.get("delay_frag", self._knobs.get("delay", 0.05)))
        key = -job["job_id"]
        since = self._state_since.setdefault(key, ("deletion", time.monotonic()))[1]
        if time.monotonic() - since < delay:
            return
        del self._state_since[key]
        if job["state"] in _KILLED_DIRECTLY:
            with self._db.writing():
                columns: dict[str, Any] = {"x_frag": "done", "state": "Error", "x_scheduled": None}
                columns["message"] = "Job killed by Leon directly"
                # An OAR 3 job keeps its predicted start and is not listed any more.
                if self._dialect.major == 3 and job["x_scheduled"] is not None:
                    columns.update(x_hidden=1, stop_time=job["start_time"])
                self._db.change_state(job, **columns)
        elif job["state"] == "Running":
            self._kill(job)
        else:  # ended or Suspended: OAR records the request and does nothing for minutes
            self._db.update_job(job["job_id"], {"x_frag": "done"})

    def _kill(self, job: Row) -> None:
        job_id = job["job_id"]
        with self._db.writing():
            self._db.add_event(
                job_id, *wording.kill_event(self._dialect, job_id, self._db.first_node(job))
            )
            self._db.update_job(job_id, {"x_frag": "done"})
        self._outcome[job_id] = "killed"
        if job["x_pid"] is not None:
            processes.kill_job(self._db, job_id, job["x_pid"], job["x_pid_start"])
            job_process.note_in_stderr(job, f"Job {job_id} KILLED")

    # finishing

    def _finish(self, job: Row) -> None:
        job_id = job["job_id"]
        outcome = self._outcome.get(job_id)
        state = "Error" if outcome or job["state"] == "toError" else "Terminated"
        with self._db.writing():
            if not self._db.change_state(job, state=state, x_scheduled=None):
                return
            self._db.add_event(job_id, *wording.end_event(self._dialect, job_id, state))
            event = _START_FAILURES.get(outcome or "")
            if event:
                where = (job["launching_directory"], self._db.first_node(job))
                self._db.add_event(job_id, *event(self._dialect, job_id, *where))
            if "besteffort" in json.loads(job["x_types"]):
                self._db.add_event(job_id, *wording.priority_event(self._dialect, job_id, "STOP"))
            resubmit_idempotent(self._db, self._dialect, self._knobs, job, outcome == "killed")
        self._outcome.pop(job_id, None)
