"""The part of OAR that acts by itself: schedules, launches, watches, kills. One process a user.

A runner is started by the first oarsub or oardel of a user and goes when none of his jobs is left,
when the state was thrown away, or when Standin.close() ends it.
Must not: print, nor touch another user's jobs (rows without a process belong to whoever comes).
"""

from __future__ import annotations

import json
import os
import time
import traceback

from . import jobenv, processes, texts
from .dialect import dialect
from .lifecycle import change, node
from .resubmission import fail_launch, repeat
from .scheduler import schedule
from .schema import ENDED_STATES
from .store import Store

TYPE_CHECKING = False  # typing's own costs each command three milliseconds
if TYPE_CHECKING:
    from typing import Any

    from .store import Row

POLL = 0.02
_ENDED = "('" + "','".join(ENDED_STATES) + "')"
_TROUBLES = {
    jobenv.WORKING_DIRECTORY: texts.working_directory,
    jobenv.OUTPUT_FILES: texts.output_files,
}
_DIRECT = ("Waiting", "Hold", "toAckReservation")


def ensure(store: Store) -> None:
    """See to it that a runner of this user is there. Returns in the caller only."""
    if _runner(store):
        return
    path = store.path
    store.close()
    if not processes.detach():
        store.open()
    else:
        try:
            Runner(path).run()
        except BaseException:  # a test asks for this file; nobody sees a runner's stderr
            with open(os.path.join(os.path.dirname(path), "runner.log"), "a") as log:
                traceback.print_exc(file=log)
        finally:
            os._exit(0)


def _runner(store: Store) -> bool:
    found = store.rows("SELECT * FROM processes WHERE role = 'runner' AND uid = ?", (os.geteuid(),))
    return any(processes.alive(row["pid"], row["pid_start"]) for row in found)


class Runner:
    """Takes each job through its states, one transition a look at the most."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._store = Store(path)
        self._uid = os.geteuid()
        self._dialect = dialect(self._store.knob("version"))
        self._knobs: dict[str, Any] = {}
        self._seen: dict[int, tuple[str, float]] = {}
        self._pipes: dict[int, int] = {}
        self._pids: dict[int, int] = {}
        self._fate: dict[int, str] = {}  # killed, WORKING_DIRECTORY, OUTPUT_FILES

    def run(self) -> None:
        with self._store.writing():
            if _runner(self._store):
                return
            processes.remember(self._store, "runner")
        while os.path.exists(self._path):
            self._knobs = self._store.knobs()
            if not self._knobs.get("server_down"):
                self._look()
                if self._finished():
                    return
            time.sleep(POLL)
        for pid in self._pids.values():  # thrown away: nothing may stay behind
            processes.kill(pid, processes.start_time(pid), group=True)

    def _finished(self) -> bool:
        mine = f"SELECT 1 FROM jobs WHERE x_uid = ? AND x_manual = 0 AND state NOT IN {_ENDED}"
        asked = "SELECT 1 FROM jobs WHERE x_frag = 'asked' AND (x_uid IS NULL OR x_uid = ?)"
        if self._fate or self._store.value(f"{mine} UNION {asked}", (self._uid, self._uid)):
            return False
        with self._store.writing():
            if self._store.value(f"{mine} UNION {asked}", (self._uid, self._uid)):
                return False
            self._store.execute("DELETE FROM processes WHERE pid = ?", (os.getpid(),))
        return True

    def _look(self) -> None:
        for job in self._store.rows(
            "SELECT * FROM jobs WHERE x_frag = 'asked' AND (x_uid IS NULL OR x_uid = ?)",
            (self._uid,),
        ):
            self._frag(job)
        extra = ",".join(str(i) for i in self._fate)
        for job in self._store.rows(
            f"SELECT * FROM jobs WHERE (x_uid = ? AND x_manual = 0 AND state NOT IN {_ENDED}"
            " AND state != 'Hold')"
            f" OR job_id IN ({extra}) ORDER BY job_id",
            (self._uid,),
        ):
            if self._due(job):
                self._advance(job)

    def _due(self, job: Row) -> bool:
        """Whether the job has been long enough in its state."""
        state, since = self._seen.get(job["job_id"], ("", 0.0))
        if state != job["state"]:
            self._seen[job["job_id"]] = (job["state"], since := time.monotonic())
        delay = self._knobs.get(f"delay_{job['state']}", self._knobs.get("delay", 0.05))
        return job["state"] == "Running" or time.monotonic() - since >= float(delay)

    def _advance(self, job: Row) -> None:
        state = job["state"]
        may_step = job["x_steps"] is None or job["x_steps"] > 0
        if state == "Running" and (may_step or job["x_frag"] or job["job_id"] in self._fate):
            self._watch(job)
        elif may_step:
            if state == "Waiting":
                schedule(self._store, self._dialect, job)
            elif state == "toLaunch":
                self._step(job, state="Launching")
            elif state == "Launching":
                self._launch(job)
            elif state in ("Finishing", "toError"):
                self._finish(job)

    def _step(self, job: Row, **columns: Any) -> None:
        with self._store.writing():
            change(self._store, job, **columns)

    # Launching, Running

    def _launch(self, job: Row) -> None:
        trouble = self._knobs.get("launch_error")
        if trouble:
            with self._store.writing():
                fail_launch(self._store, self._dialect, job, str(trouble))
            return
        pid, pipe = jobenv.start(self._store, job)
        with self._store.writing():
            change(
                self._store, job, state="Running", x_pid=pid, x_pid_start=processes.start_time(pid)
            )
        self._pipes[job["job_id"]], self._pids[job["job_id"]] = pipe, pid

    def _watch(self, job: Row) -> None:
        job_id, pid = job["job_id"], job["x_pid"]
        if pid is None or job_id not in self._pipes:
            self._end(job, None)  # a synthetic row that is being deleted
            return
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            word = os.read(self._pipes[job_id], 1).decode()
            os.close(self._pipes.pop(job_id))
            del self._pids[job_id]
            if word and job_id not in self._fate:
                self._fate[job_id] = word
            processes.kill_job(self._store, job_id, None, None)
            self._end(job, None if job_id in self._fate else status)
            return
        if job["x_frag"] or job_id in self._fate:
            return
        limit = (job["x_walltime"] or 0) * float(self._knobs.get("walltime_factor", 1))
        if time.monotonic() - self._seen[job_id][1] > limit:
            now = int(time.time())
            user = texts.system_user(self._dialect)
            with self._store.writing():
                self._store.add_event(job_id, *texts.frag(user, job_id))
                self._store.add_event(
                    job_id,
                    *texts.walltime(
                        self._dialect, job_id, job["start_time"], job["x_walltime"], now
                    ),
                )
            self._kill(job)

    def _end(self, job: Row, status: int | None) -> None:
        self._step(job, state="Finishing", stop_time=int(time.time()), exit_code=status)
        jobenv.remove_files(self._store, job["job_id"])

    # Being deleted

    def _frag(self, job: Row) -> None:
        """What oardel asked for. A job that is being launched is killed once it runs."""
        if job["state"] in ("toLaunch", "Launching"):
            return
        delay = float(self._knobs.get("delay_frag", self._knobs.get("delay", 0.05)))
        key = -job["job_id"]
        since = self._seen.setdefault(key, ("frag", time.monotonic()))[1]
        if time.monotonic() - since < delay:
            return
        del self._seen[key]
        if job["state"] in _DIRECT:
            with self._store.writing():
                columns: dict[str, Any] = {"x_frag": "done", "state": "Error", "x_scheduled": None}
                columns["message"] = "Job killed by Leon directly"
                # An OAR 3 job with a predicted start keeps that, and is never shown again.
                if self._dialect.major == 3 and job["x_scheduled"] is not None:
                    columns.update(x_hidden=1, stop_time=job["start_time"])
                change(self._store, job, **columns)
        elif job["state"] == "Running":
            self._kill(job)
        else:  # ended already, or Suspended: OAR notes the wish and does nothing for minutes
            self._store.update_job(job["job_id"], {"x_frag": "done"})

    def _kill(self, job: Row) -> None:
        job_id = job["job_id"]
        with self._store.writing():
            self._store.add_event(
                job_id, *texts.send_kill(self._dialect, job_id, node(self._store, job))
            )
            self._store.update_job(job_id, {"x_frag": "done"})
        self._fate[job_id] = "killed"
        if job["x_pid"] is not None:
            processes.kill_job(self._store, job_id, job["x_pid"], job["x_pid_start"])
            jobenv.note_in_stderr(job, f"Job {job_id} KILLED")

    # Finishing

    def _finish(self, job: Row) -> None:
        job_id = job["job_id"]
        fate = self._fate.get(job_id)
        state = "Error" if fate or job["state"] == "toError" else "Terminated"
        with self._store.writing():
            if not change(self._store, job, state=state, x_scheduled=None):
                return
            self._store.add_event(job_id, *texts.switch(self._dialect, job_id, state))
            trouble = _TROUBLES.get(fate or "")
            if trouble:
                place = (job["launching_directory"], node(self._store, job))
                self._store.add_event(job_id, *trouble(self._dialect, job_id, *place))
            if "besteffort" in json.loads(job["x_types"]):
                self._store.add_event(job_id, *texts.priority(self._dialect, job_id, "STOP"))
            repeat(self._store, self._dialect, self._knobs, job, fate == "killed")
        self._fate.pop(job_id, None)
