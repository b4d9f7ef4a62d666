"""A testbed of one suite: bring it up, run things in it, end it. The API of live tests.

Must not print: progress goes to the `say` that the caller gives.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

from . import arcconf, build, host, logs, package, roots, services, status
from .layout import CHECKOUT, CHECKOUT_INSIDE, State, locked, state_dir
from .namespace import Namespace
from .report import BedError, Say, quiet, tail_of
from .suites import DEFAULT_SUITE, GRIDUSER, suite_named

PROXY_VALIDITY = "168h"


class Bed:
    """One suite's bed for this checkout; several suites can be up side by side."""

    def __init__(self, suite: str = DEFAULT_SUITE, say: Say = quiet) -> None:
        self.suite = suite_named(suite)
        self.say = say
        self.directory = state_dir(suite)
        self.inside = Namespace(self.directory)

    def reason_unavailable(self) -> str | None:
        """Why no bed can be had on this machine, in one line; None if it can."""
        return host.reason_unavailable(roots.root_dir(self.suite).is_dir())

    def is_up(self) -> bool:
        state = State.load(self.directory)
        return self.inside.pid() is not None and state is not None and state.phase == "up"

    def up(self, conf: Path | None = None) -> None:
        """Bring it up, or make sure that it is up and healthy, for this checkout."""
        reason = self.reason_unavailable()
        if reason:
            raise BedError(reason)
        root = roots.ensure_root(self.suite, self.say)
        template = (conf or arcconf.DEFAULT_TEMPLATE).absolute()
        wanted = State("up", str(root), str(CHECKOUT), str(template))
        with self._lock():
            state = State.load(self.directory)
            if self.is_up() and state is not None:
                if (state.root, state.checkout) == (wanted.root, wanted.checkout):
                    self._heal(state, conf)
                    return
                self.say(f"was up for {state.checkout} with {state.root}: starting anew")
            elif self.inside.pid() is not None:
                self.say("was left half-way up: starting anew")
            self._down()
            self._boot(wanted)

    def _boot(self, wanted: State) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        State("starting", wanted.root, wanted.checkout, wanted.conf).save(self.directory)
        self.say("namespaces, overlay")
        self.inside.boot(
            Path(wanted.root),
            build.HOSTNAME,
            overlay=True,
            own_net=True,
            binds={CHECKOUT_INSIDE: wanted.checkout},
        )
        package.install(self.inside, Path(wanted.checkout), self.say)
        self._write_conf(Path(wanted.conf))
        self._start_all()
        wanted.save(self.directory)

    def _start_all(self) -> None:
        """Independent daemons side by side: their start scripts take seconds of CPU each."""

        def chain(*kinds: type[services.Service]) -> None:
            for service in services.members(self.inside, self.suite, kinds):
                service.start()
                self.say(f"{service.name} answers")

        with ThreadPoolExecutor() as pool:
            started = [
                pool.submit(chain, services.Arex),
                pool.submit(chain, services.ArexWs),
                pool.submit(chain, services.Postgres, services.Sshd, services.Oar),
                pool.submit(self._make_proxy),
            ]
        for future in started:
            future.result()

    def _heal(self, state: State, conf: Path | None) -> None:
        package.install(self.inside, CHECKOUT, self.say)
        if conf is not None:
            self._write_conf(conf)
            State("up", state.root, state.checkout, str(conf.absolute())).save(self.directory)
            self._service("arex", "stop")
        broken = {}
        for service in services.members(self.inside, self.suite):
            trouble = service.trouble()
            if trouble:
                broken[service.name] = trouble
                self.say(f"{service.name} {trouble}: starting it again")
                service.stop()
                service.start()
        self._make_proxy()
        self.say("already up" + ("" if broken else ", everything answers"))

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
        """End everything inside; with `purge` the cached root goes too."""
        with self._lock():
            self._down()
        if purge:
            roots.purge(self.suite, self.say)

    def _down(self) -> None:
        self.inside.kill()
        self.inside.sweep()
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
        """Run inside, as root or as `user`, in the home directory unless `cwd` says otherwise."""
        done = self.inside.run(argv, user=user, env=env, cwd=cwd, input=input, timeout=timeout)
        if check and done.returncode != 0:
            said = tail_of((done.stdout + done.stderr).decode(errors="replace"))
            raise BedError(f"{' '.join(argv)} ended with exit code {done.returncode}", said)
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
        raw = None if input is None else input.encode()
        done = self.run_bytes(argv, user, raw, env, check, timeout, cwd)
        out, err = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def path(self, inside: str) -> Path:
        """The host's path of a file inside (an absolute link in it would lead out)."""
        return self.inside.path(inside)

    def service(self, name: str, action: str) -> None:
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
            # Also what the configuration no longer wants: it may have been changed by now.
            for kind in reversed(kinds):
                service = kind(self.inside, self.suite)
                if service.pid() is not None:
                    end = service.kill if action == "kill" else service.stop
                    end()
                    self.say(f"{service.name} is {'killed' if action == 'kill' else 'stopped'}")
        if action in ("start", "restart"):
            members = services.members(self.inside, self.suite, kinds)
            with ThreadPoolExecutor() as pool:
                started = [pool.submit(service.start) for service in members]
            for service, future in zip(members, started):
                future.result()
                self.say(f"{service.name} answers")

    def reconf(self, template: Path | None = None) -> None:
        """Give A-REX another arc.conf (a template, or a finished file) and restart it."""
        with self._lock():
            self._require_up()
            state = State.load(self.directory)
            conf = (template or arcconf.DEFAULT_TEMPLATE).absolute()
            self._write_conf(conf)
            if state is not None:
                State("up", state.root, state.checkout, str(conf)).save(self.directory)
            self._service("arex", "restart")

    def install(self) -> None:
        """Copy this checkout's package in again."""
        with self._lock():
            self._require_up()
            package.install(self.inside, CHECKOUT, self.say)

    def status(self) -> status.Status:
        found = status.read(self.inside, self.suite)
        state = State.load(self.directory)
        if found.up and state is not None:
            found.root, found.checkout = state.root, state.checkout
            if state.phase != "up":
                found.trouble["bed"] = "the last `up` did not finish"
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
