"""The faults of a chaos run: how each begins and ends in a bed."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Container, Sequence
from contextlib import suppress

from bed import GRIDUSER, Bed, BedError
from bed.processes import session
from bed.services import Oar as OarService
from bed.services import Sshd
from chaos_plan import Fault
from chaos_records import DELETE_STUCK, Happened
from chaos_site import DISKS, set_clock
from load_oar import Oar

_NODES = [f"127.0.0.{number}" for number in range(1, 5)]
_DENIED = "/etc/hosts.deny"
_DUMP = "/tmp/chaos.dump"
# Seconds: how long a target is waited for, between two looks for a job and for a process, and how
# old a process to be killed is at most.
_TARGET_TIMEOUT, _LOOK_AGAIN, _LOOK_FOR_PROCESS, _OLDEST = 15.0, 0.3, 0.05, 0.6
_COMMAND_TIMEOUT = 30.0
_JOBS = "SELECT job_id, job_name FROM jobs WHERE job_name LIKE 'chaos-%' AND state {} ORDER BY 1"
_ALIVE = "NOT IN ('Terminated', 'Error')"


class Faults:
    """The faults of one run. `begin` and `end` may be called by several threads."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self._oar = Oar(bed)
        self._alive_in_dump: dict[str, str] = {}
        self._revived: dict[str, str] = {}
        self._has_dump = False

    def begin(self, fault: Fault) -> tuple[str, ...] | None:
        """Begin a fault; return what it hit, None if there was nothing to hit.

        A target is a grid job ID, or a job name in OAR, which ends with one. A command that fails
        or hangs may have had its effect, so the fault counts as begun.
        """
        begin: Callable[[Fault], Sequence[str] | None] = getattr(self, _method("begin", fault))
        try:
            hit = begin(fault)
        except (BedError, subprocess.TimeoutExpired):
            return ()
        return None if hit is None else tuple(hit)

    def end(self, fault: Fault, hit: Sequence[str]) -> tuple[str, ...]:
        """End a fault; return what it hit in the end."""
        end: Callable[[Fault, Sequence[str]], Sequence[str] | None] | None
        end = getattr(self, _method("end", fault), None)
        changed = end(fault, hit) if end else None
        return tuple(hit if changed is None else changed)

    def repair(self) -> None:
        """End all faults that may still last."""
        for name in DISKS:
            self._free(name)
        for name in ("postgres", "sshd", "oar", "arex"):
            self.bed.service(name, "start")
        set_clock(self.bed, 0)
        self._accept()
        self._revive_nodes()
        held = self._oar.sql("SELECT job_id FROM jobs WHERE state IN ('Hold', 'Suspended')").split()
        if held:
            self.bed.run(["oarresume", *held], check=False)

    def delete_stuck(self) -> Happened:
        """Delete the jobs that OAR has left in their launch or that a restored dump has running.

        That is what an admin does: nothing runs in them.
        """
        begun = time.time()
        jobs = self._jobs("IN ('toLaunch', 'Launching')")
        running = self._jobs("IN ('Running', 'Suspended')")
        jobs |= {job_id: name for job_id, name in running.items() if job_id in self._revived}
        if jobs:
            with suppress(BedError, subprocess.TimeoutExpired):
                self._run(["oardel", *jobs])
        return Happened(DELETE_STUCK, begun, time.time(), tuple(jobs.values()))

    def _begin_arex_kill(self, _fault: Fault) -> Sequence[str]:
        self.bed.service("arex", "kill")
        return ()

    def _begin_arex_restart(self, _fault: Fault) -> Sequence[str]:
        self.bed.service("arex", "stop")
        return ()

    def _end_arex_kill(self, _fault: Fault, _hit: Sequence[str]) -> None:
        self.bed.service("arex", "start")

    _end_arex_restart = _end_arex_kill

    def _begin_control_full(self, fault: Fault) -> Sequence[str]:
        self._fill(fault.kind.partition("-")[0])
        return ()

    _begin_session_full = _begin_database_full = _begin_control_full

    def _end_control_full(self, fault: Fault, _hit: Sequence[str]) -> None:
        self._free(fault.kind.partition("-")[0])

    _end_session_full = _end_control_full

    def _begin_oar_kill(self, _fault: Fault) -> Sequence[str]:
        # As systemd ends a unit whose main process has died: with all helpers.
        service = OarService(self.bed.inside, self.bed.suite)
        pid = service.pid()
        if pid is not None:
            pids = session(self.bed.inside, pid)
            self.bed.run(["kill", "-KILL", *map(str, pids)], check=False)
        return ()

    def _begin_oar_restart(self, _fault: Fault) -> Sequence[str]:
        self.bed.service("oar", "stop")
        return ()

    def _end_oar_kill(self, _fault: Fault, _hit: Sequence[str]) -> None:
        self.bed.service("oar", "start")

    _end_oar_restart = _end_oar_kill

    def _begin_database_kill(self, _fault: Fault) -> Sequence[str]:
        self.bed.service("postgres", "kill")
        return ()

    def _begin_database_restart(self, _fault: Fault) -> Sequence[str]:
        self.bed.service("postgres", "stop")
        return ()

    def _end_database_kill(self, _fault: Fault, _hit: Sequence[str]) -> None:
        self.bed.service("postgres", "start")
        self.bed.service("oar", "restart")

    _end_database_restart = _end_database_kill

    def _end_database_full(self, fault: Fault, hit: Sequence[str]) -> None:
        self._free(fault.kind.partition("-")[0])
        self._end_database_kill(fault, hit)

    def _begin_sshd_kill(self, fault: Fault) -> Sequence[str]:
        """Kill the sshd of the nodes; with half of the choices, its connections as well."""
        Sshd(self.bed.inside, self.bed.suite).kill()
        if fault.choice < 0.5:
            pids = [str(pid) for pid, words in self._processes() if words[0].startswith("sshd:")]
            self.bed.run(["kill", "-KILL", *pids], check=False)
        return ()

    def _end_sshd_kill(self, _fault: Fault, _hit: Sequence[str]) -> None:
        self.bed.service("sshd", "start")
        self._revive_nodes()

    def _begin_node_refuses(self, fault: Fault) -> Sequence[str]:
        """Let one node close all new connections; hosts_access(5) has the syntax."""
        node = _chosen(_NODES, fault)
        self.bed.run(["tee", "-a", _DENIED], input=f"ALL@{node}: ALL\n")
        return (node,)

    def _end_node_refuses(self, _fault: Fault, _hit: Sequence[str]) -> None:
        self._accept()
        self._revive_nodes()

    def _accept(self) -> None:
        self.bed.run(["sed", "-i", r"/^ALL@127\.0\.0\./d", _DENIED])

    def _begin_node_dead(self, fault: Fault) -> Sequence[str]:
        node = _chosen(_NODES, fault)
        self._run(["oarnodesetting", "-s", "Dead", "-h", node])
        return (node,)

    def _end_node_dead(self, _fault: Fault, _hit: Sequence[str]) -> None:
        self._revive_nodes()

    def _begin_clock_jump(self, fault: Fault) -> Sequence[str]:
        set_clock(self.bed, fault.jump)
        return (f"{fault.jump:+} s",)

    def _end_clock_jump(self, _fault: Fault, _hit: Sequence[str]) -> None:
        set_clock(self.bed, 0)

    def _begin_restore_dump(self, _fault: Fault) -> Sequence[str]:
        self._run(["pg_dump", "-Fc", "-d", "oar", "-f", _DUMP], user="postgres")
        self._alive_in_dump = self._jobs(_ALIVE)
        self._has_dump = True
        return ()

    def _end_restore_dump(self, _fault: Fault, _hit: Sequence[str]) -> Sequence[str]:
        """Restore the dump; return the jobs that it does not have, and those that had ended."""
        if not self._has_dump:
            return ()
        self.bed.service("oar", "stop")
        self._oar.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename='oar'")
        now, ended = self._jobs("IS NOT NULL"), self._jobs("IN ('Terminated', 'Error')")
        options = ["--clean", "--if-exists", "--single-transaction", "-d", "oar", _DUMP]
        self._run(["pg_restore", *options], user="postgres")
        kept = self._jobs("IS NOT NULL")
        self.bed.service("oar", "start")
        alive = self._alive_in_dump.items()
        self._revived = {job_id: name for job_id, name in alive if job_id in ended}
        return [
            *(f"lost {name}" for job_id, name in now.items() if job_id not in kept),
            *(f"revived {name}" for name in self._revived.values()),
        ]

    def _begin_scan_kill(self, fault: Fault) -> Sequence[str] | None:
        return self._kill_script("scan-OAR-job", fault)

    def _begin_submit_kill(self, fault: Fault) -> Sequence[str] | None:
        hit = self._kill_script("submit-OAR-job", fault)
        return hit and [grid_id_of(path) for path in hit]

    def _begin_hold(self, fault: Fault) -> Sequence[str] | None:
        return self._on_job("= 'Waiting'", fault, ["oarhold"])

    def _begin_suspend(self, fault: Fault) -> Sequence[str] | None:
        if not self.bed.has_cpusets():
            return None
        return self._on_job("= 'Running'", fault, ["oarhold", "-r"])

    def _end_hold(self, _fault: Fault, hit: Sequence[str]) -> None:
        query = "SELECT max(job_id) FROM jobs WHERE job_name = '{}'"
        for name in hit:
            with suppress(BedError, subprocess.TimeoutExpired):
                for job_id in self._oar.sql(query.format(name)).split():
                    self._run(["oarresume", job_id])

    _end_suspend = _end_hold

    def _begin_longer_walltime(self, fault: Fault) -> Sequence[str] | None:
        return self._on_job("= 'Running'", fault, ["oarwalltime"], ["+0:30:0"], user=GRIDUSER)

    def _begin_shorter_walltime(self, fault: Fault) -> Sequence[str] | None:
        return self._on_job("= 'Running'", fault, ["oarwalltime"], ["-2:58:0"], user=GRIDUSER)

    def _on_job(
        self,
        state: str,
        fault: Fault,
        command: Sequence[str],
        arguments: Sequence[str] = (),
        user: str | None = None,
    ) -> Sequence[str] | None:
        """Run a command of OAR on the next job in this state; return the job's name."""
        deadline = time.monotonic() + _TARGET_TIMEOUT
        jobs = self._jobs(state)
        while not jobs:
            if time.monotonic() >= deadline:
                return None
            time.sleep(_LOOK_AGAIN)
            jobs = self._jobs(state)
        job_id = _chosen(list(jobs), fault)
        with suppress(BedError, subprocess.TimeoutExpired):
            self._run([*command, job_id, *arguments], user=user)
        return (jobs[job_id],)

    def _kill_script(self, script: str, fault: Fault) -> Sequence[str] | None:
        """Kill the next process of one of A-REX's scripts, at some moment of its life."""
        deadline = time.monotonic() + _TARGET_TIMEOUT
        known = {pid for pid, _ in self._processes()}
        while time.monotonic() < deadline:
            for pid, words in self._processes(known):
                named = {os.path.basename(word) for word in words[:4]}
                if script in named:
                    time.sleep(_OLDEST * fault.choice)
                    done = self.bed.run(["kill", "-KILL", str(pid)], check=False)
                    return (words[-1],) if done.returncode == 0 else None
            time.sleep(_LOOK_FOR_PROCESS)
        return None

    def _processes(self, known: Container[int] = ()) -> list[tuple[int, list[str]]]:
        """All processes inside but the `known` ones with their command lines.

        Kernel threads and zombies are left out.
        """
        found = []
        proc = self.bed.path("/proc")
        for entry in os.listdir(proc):
            if entry.isdigit() and int(entry) not in known:
                with suppress(OSError):
                    text = (proc / entry / "cmdline").read_bytes().rstrip(b"\0")
                    if text:
                        found.append((int(entry), text.decode(errors="replace").split("\0")))
        return found

    def _jobs(self, state: str) -> dict[str, str]:
        """The names of the run's OAR jobs in this state, by job ID."""
        rows = self._oar.sql(_JOBS.format(state)).splitlines()
        return {job_id: name for job_id, _, name in (row.partition("\t") for row in rows)}

    def _fill(self, name: str) -> None:
        # The second dd fills what is left of the last block.
        path = f"{DISKS[name]}/chaos.fill"
        fill = f"dd if=/dev/zero bs=1M of={path}; dd if=/dev/zero bs=1k of={path}.rest"
        self.bed.run(["sh", "-c", fill], check=False)

    def _free(self, name: str) -> None:
        path = f"{DISKS[name]}/chaos.fill"
        self.bed.run(["rm", "-f", path, f"{path}.rest"])

    def _revive_nodes(self) -> None:
        for node in _NODES:
            with suppress(BedError, subprocess.TimeoutExpired):
                self._run(["oarnodesetting", "-s", "Alive", "-h", node])

    def _run(self, argv: Sequence[str], user: str | None = None) -> None:
        self.bed.run(argv, user=user, timeout=_COMMAND_TIMEOUT)


def grid_id_of(path: str) -> str:
    """Return the grid job ID of a GRAMi file of ARC 6 (job.ID.grami) or 7 (jobs/…/grami)."""
    six = re.search(r"job\.(\w+)\.grami$", path)
    return six[1] if six else "".join(path.split("/")[-5:-1])


def _method(what: str, fault: Fault) -> str:
    return f"_{what}_{fault.kind.replace('-', '_')}"


def _chosen(of: Sequence[str], fault: Fault) -> str:
    return of[int(fault.choice * len(of))]
