"""A testbed of one suite: start it, run commands in it, stop it. Live tests use this API.

Nothing is printed; progress lines go to the function that the caller passes in.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path

from . import arcconf, cpusets, host, logs, package, roots, services, status
from .cluster import Cluster
from .layout import CHECKOUT, State, locked, state_dir
from .machine import Machine
from .messages import BedError, Progress, no_progress, tail_of
from .namespace import Bind, Namespace
from .suites import DEFAULT_SUITE, suite_named


class Bed:
    """The testbed of one suite for this checkout. Several suites can be up at once.

    Methods raise BedError, with one line about the cause and a part of the log.
    """

    def __init__(
        self, suite: str = DEFAULT_SUITE, progress: Progress = no_progress, label: str = ""
    ) -> None:
        """`label` distinguishes testbeds of one suite that are up at once."""
        self.suite = suite_named(suite)
        self.progress = progress
        self.directory = state_dir(suite + label)
        self.inside = Namespace(self.directory)
        self._machine = Machine(self.suite, self.directory, self.inside, progress)

    def reason_unavailable(self) -> str | None:
        """Return why this machine cannot run a testbed, in one line; None if it can."""
        return host.reason_unavailable(roots.root_dir(self.suite).is_dir())

    def is_up(self) -> bool:
        state = State.load(self.directory)
        return self.inside.pid() is not None and state is not None and state.phase == "up"

    def has_cpusets(self) -> bool:
        """Return whether OAR runs with cpusets in this testbed."""
        state = State.load(self.directory)
        return state is not None and bool(state.cgroups)

    def package_kind(self) -> str:
        """Return how the package is installed in this testbed, one of suites.KINDS."""
        state = State.load(self.directory)
        if state is None:
            raise BedError("the testbed is not up: start it with `testbed up`")
        return state.package

    def up(
        self,
        conf: Path | None = None,
        with_cpusets: bool | None = None,
        package_kind: str | None = None,
        nodes: Cluster | None = None,
        volumes: Sequence[Bind] | None = None,
    ) -> None:
        """Start the testbed for this checkout; repair it if it is up already.

        Args:
            conf: Template of arc.conf; default: arc.conf.in.
            with_cpusets: Run OAR with cpusets where possible; default: as it is up, or as the
                environment asks.
            package_kind: How the package is installed, one of suites.KINDS; default: as the
                environment asks.
            nodes: OAR's nodes; default: as it is up, or those of the root.
            volumes: Directories of the host; default: as it is up, or none.
        """
        reason = self.reason_unavailable()
        if reason:
            raise BedError(reason)
        root = roots.ensure_root(self.suite, self.progress)
        template = (conf or arcconf.DEFAULT_TEMPLATE).absolute()
        kind = package.kind_named(package_kind)
        wanted = State("up", str(root), str(CHECKOUT), str(template), kind)
        with self._lock():
            state = State.load(self.directory)
            up_with_cpusets = self.is_up() and state is not None and bool(state.cgroups)
            if with_cpusets is None:
                with_cpusets = up_with_cpusets or cpusets.wanted()
            wanted.cgroups = self._machine.cgroups() if with_cpusets else {}
            kept = state if self.is_up() and state is not None else wanted
            wanted.nodes = kept.nodes if nodes is None else [asdict(item) for item in nodes]
            wanted.volumes = kept.volumes if volumes is None else [*map(str, volumes)]
            if self.is_up() and state is not None:
                same = replace(wanted, conf=state.conf, cgroups=state.cgroups) == state
                if same and up_with_cpusets == bool(wanted.cgroups):
                    self._machine.repair(state, conf)
                    return
                options = " and cpusets" if up_with_cpusets else ""
                self.progress(
                    f"is up for {state.checkout} with {state.root}{options}: restarting it"
                )
            elif self.inside.pid() is not None:
                self.progress("an earlier `up` did not finish: restarting it")
            self._machine.stop()
            self._machine.boot(wanted)

    def reset(self) -> None:
        """Discard all that has changed since `up`, and start again as `up` did."""
        with self._lock():
            state = State.load(self.directory)
            if state is None:
                raise BedError("the testbed is not up: start it with `testbed up`")
            self._machine.stop()
            self._machine.boot(replace(state, phase="up"))

    def down(self, purge: bool = False) -> None:
        """End all processes of the testbed; with `purge` delete the cached roots of the suite."""
        with self._lock():
            self._machine.stop()
        if purge:
            roots.purge(self.suite, self.progress)

    def run_bytes(
        self,
        argv: Sequence[str],
        user: str | None = None,
        input: bytes | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        timeout: float | None = 120,
        cwd: str | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command in the testbed.

        Args:
            user: Runs as this user; default: root.
            check: Raise BedError for an exit status other than 0.
            timeout: Seconds after which subprocess.TimeoutExpired is raised.
            cwd: Working directory; default: the home directory.
        """
        done = self.inside.run(argv, user=user, env=env, cwd=cwd, input=input, timeout=timeout)
        if check and done.returncode != 0:
            output = tail_of((done.stdout + done.stderr).decode(errors="replace"))
            raise BedError(f"{' '.join(argv)} exited with status {done.returncode}", output)
        return done

    def run(
        self,
        argv: Sequence[str],
        user: str | None = None,
        input: str | None = None,
        env: Mapping[str, str] | None = None,
        check: bool = True,
        timeout: float | None = 120,
        cwd: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as run_bytes() does, with input and output as text."""
        raw = None if input is None else input.encode()
        done = self.run_bytes(argv, user, raw, env, check, timeout, cwd)
        out, err = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def path(self, inside: str) -> Path:
        """Return the host's path of a file in the testbed.

        Do not follow absolute symbolic links in it: on the host they lead elsewhere.
        """
        return self.inside.path(inside)

    def service(self, name: str, action: str) -> None:
        """Start, stop, restart or kill (SIGKILL) arex, oar, postgres or sshd."""
        if name not in services.GROUPS or action not in services.ACTIONS:
            raise BedError(
                f"cannot {action} {name}: services are {', '.join(services.GROUPS)}, "
                f"actions {', '.join(services.ACTIONS)}"
            )
        with self._lock():
            self._require_up()
            self._machine.control(name, action)

    def reconf(self, template: Path | None = None) -> None:
        """Replace arc.conf by another template or finished file and restart A-REX."""
        with self._lock():
            self._require_up()
            state = State.load(self.directory)
            conf = (template or arcconf.DEFAULT_TEMPLATE).absolute()
            self._machine.write_conf(conf)
            if state is not None:
                replace(state, conf=str(conf)).save(self.directory)
            self._machine.control("arex", "restart")

    def install(self) -> None:
        """Install the package of this checkout again."""
        with self._lock():
            self._require_up()
            state = State.load(self.directory)
            kind = state.package if state is not None else None
            package.install(self.inside, CHECKOUT, package.kind_named(kind), self.progress)

    def status(self) -> status.Status:
        found = status.read(self.inside, self.suite)
        state = State.load(self.directory)
        if found.up and state is not None:
            found.root, found.checkout = state.root, state.checkout
            if state.phase != "up":
                found.problems["bed"] = "the last `up` did not finish"
        return found

    def log(self, name: str, job: str = "") -> str:
        return logs.read(self.inside, name, job)

    def versions(self) -> dict[str, str]:
        return status.versions(self.inside)

    def _require_up(self) -> None:
        if self.inside.pid() is None:
            raise BedError("the testbed is not up: start it with `testbed up`")

    def _lock(self) -> AbstractContextManager[None]:
        name = self.directory.name
        return locked(self.directory.parent / f".{name}.lock", f"the {name} bed")
