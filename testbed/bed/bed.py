"""A testbed of one suite: start it, run commands in it, stop it. Live tests use this API.

Nothing is printed; progress lines go to the function that the caller passes in.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

from . import arcconf, build, host, logs, package, roots, services, status
from .layout import CHECKOUT, CHECKOUT_INSIDE, State, locked, state_dir
from .messages import BedError, Progress, no_progress, tail_of
from .namespace import Namespace
from .suites import DEFAULT_SUITE, GRIDUSER, suite_named

PROXY_VALIDITY = "168h"


class Bed:
    """The testbed of one suite for this checkout. Several suites can be up at once.

    Methods raise BedError, with one line about the cause and a part of the log.
    """

    def __init__(self, suite: str = DEFAULT_SUITE, progress: Progress = no_progress) -> None:
        self.suite = suite_named(suite)
        self.progress = progress
        self.directory = state_dir(suite)
        self.inside = Namespace(self.directory)

    def reason_unavailable(self) -> str | None:
        """Return why this machine cannot run a testbed, in one line; None if it can."""
        return host.reason_unavailable(roots.root_dir(self.suite).is_dir())

    def is_up(self) -> bool:
        state = State.load(self.directory)
        return self.inside.pid() is not None and state is not None and state.phase == "up"

    def up(self, conf: Path | None = None) -> None:
        """Start the testbed for this checkout; repair it if it is up already.

        Args:
            conf: Template of arc.conf; default: arc.conf.in.
        """
        reason = self.reason_unavailable()
        if reason:
            raise BedError(reason)
        root = roots.ensure_root(self.suite, self.progress)
        template = (conf or arcconf.DEFAULT_TEMPLATE).absolute()
        wanted = State("up", str(root), str(CHECKOUT), str(template))
        with self._lock():
            state = State.load(self.directory)
            if self.is_up() and state is not None:
                if (state.root, state.checkout) == (wanted.root, wanted.checkout):
                    self._repair(state, conf)
                    return
                self.progress(f"is up for {state.checkout} with {state.root}: restarting it")
            elif self.inside.pid() is not None:
                self.progress("an earlier `up` did not finish: restarting it")
            self._down()
            self._boot(wanted)

    def _boot(self, wanted: State) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        State("starting", wanted.root, wanted.checkout, wanted.conf).save(self.directory)
        self.progress("namespaces, overlay")
        self.inside.boot(
            Path(wanted.root),
            build.HOSTNAME,
            overlay=True,
            own_net=True,
            binds={CHECKOUT_INSIDE: wanted.checkout},
        )
        package.install(self.inside, Path(wanted.checkout), self.progress)
        self._write_conf(Path(wanted.conf))
        self._start_all()
        wanted.save(self.directory)

    def _start_all(self) -> None:
        """Start independent daemons in parallel: each start script takes seconds of CPU time."""

        def chain(*kinds: type[services.Service]) -> None:
            for service in services.members(self.inside, self.suite, kinds):
                service.start()
                self.progress(f"{service.name} answers")

        with ThreadPoolExecutor() as pool:
            started = [
                pool.submit(chain, services.Arex),
                pool.submit(chain, services.ArexWs),
                pool.submit(chain, services.Postgres, services.Sshd, services.Oar),
                pool.submit(self._make_proxy),
            ]
        for future in started:
            future.result()

    def _repair(self, state: State, conf: Path | None) -> None:
        package.install(self.inside, CHECKOUT, self.progress)
        if conf is not None:
            self._write_conf(conf)
            State("up", state.root, state.checkout, str(conf.absolute())).save(self.directory)
            self._service("arex", "stop")
        all_answer = True
        for service in services.members(self.inside, self.suite):
            problem = service.problem()
            if problem:
                all_answer = False
                self.progress(f"{service.name} {problem}: restarting it")
                service.stop()
                service.start()
        self._make_proxy()
        self.progress("already up" + (", everything answers" if all_answer else ""))

    def _write_conf(self, template: Path) -> None:
        text = arcconf.render(arcconf.read_template(template))
        self.inside.path("/etc/arc.conf").write_text(text)

    def _make_proxy(self) -> None:
        make = ["arcproxy", "-c", f"validityPeriod={PROXY_VALIDITY}"]
        done = self.inside.run(make, user=GRIDUSER, timeout=60)
        if done.returncode != 0:
            raise BedError(
                f"arcproxy as {GRIDUSER} failed", tail_of((done.stdout + done.stderr).decode())
            )

    def down(self, purge: bool = False) -> None:
        """End all processes of the testbed; with `purge` delete the cached roots of the suite."""
        with self._lock():
            self._down()
        if purge:
            roots.purge(self.suite, self.progress)

    def _down(self) -> None:
        self.inside.kill()
        self.inside.delete_files()
        (self.directory / "state.json").unlink(missing_ok=True)

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
            self._service(name, action)

    def _service(self, name: str, action: str) -> None:
        kinds = services.GROUPS[name]
        if action != "start":
            # Stop also a daemon that the present configuration does not want.
            for kind in reversed(kinds):
                service = kind(self.inside, self.suite)
                if service.pid() is not None:
                    end = service.kill if action == "kill" else service.stop
                    end()
                    self.progress(
                        f"{service.name} is {'killed' if action == 'kill' else 'stopped'}"
                    )
        if action in ("start", "restart"):
            members = services.members(self.inside, self.suite, kinds)
            with ThreadPoolExecutor() as pool:
                started = [pool.submit(service.start) for service in members]
            for service, future in zip(members, started):
                future.result()
                self.progress(f"{service.name} answers")

    def reconf(self, template: Path | None = None) -> None:
        """Replace arc.conf by another template or finished file and restart A-REX."""
        with self._lock():
            self._require_up()
            state = State.load(self.directory)
            conf = (template or arcconf.DEFAULT_TEMPLATE).absolute()
            self._write_conf(conf)
            if state is not None:
                State("up", state.root, state.checkout, str(conf)).save(self.directory)
            self._service("arex", "restart")

    def install(self) -> None:
        """Install the package of this checkout again."""
        with self._lock():
            self._require_up()
            package.install(self.inside, CHECKOUT, self.progress)

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
        name = self.suite.name
        return locked(self.directory.parent / f".{name}.lock", f"the {name} bed")
