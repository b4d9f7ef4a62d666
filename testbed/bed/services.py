"""The daemons of a testbed: how each is started, stopped and checked.

`start` returns when the daemon answers, `stop` when it has ended, `problem` returns one line about
what is wrong. Jobs are not handled here.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from .arcconf import WSPORT, WSURL, controldir, has_block
from .messages import BedError, tail_of
from .namespace import Namespace
from .processes import TIMEOUT, alive, listening, session, wait_until
from .suites import Suite

STOP_TIMEOUT = 60.0

ASK_WS = """
import ssl, sys, urllib.error, urllib.request
context = ssl._create_unverified_context()
try:
    urllib.request.urlopen(sys.argv[1] + "/rest", context=context, timeout=5)
except urllib.error.HTTPError:
    pass
except (OSError, urllib.error.URLError) as error:
    sys.exit(str(error))
"""


class Service:
    """A daemon with a PID file that usually listens on a port."""

    name = ""
    pidfile = ""
    log = ""
    port = 0
    user = "root"
    environment: Mapping[str, str] = MappingProxyType({})
    whole_session = False

    def __init__(self, inside: Namespace, suite: Suite) -> None:
        self.inside = inside
        self.suite = suite

    def wanted(self) -> bool:
        """Return whether this suite and configuration have the daemon."""
        return True

    def prepare(self) -> None:
        """Create what the daemon needs before it starts."""

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        return listening(self.inside, self.port)

    def pid(self) -> int | None:
        """Return the PID inside if the daemon is running."""
        try:
            number = int(self.inside.path(self.pidfile).read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return None
        return number if alive(self.inside, number) else None

    def problem(self) -> str | None:
        if self.pid() is None:
            return "is not running"
        return None if self.answers() else "runs but does not answer"

    def start(self) -> None:
        if self.problem() is None:
            return
        self.prepare()
        try:
            done = self.inside.run(
                self.command(), user=self.user, env=self.environment, timeout=TIMEOUT
            )
        except subprocess.TimeoutExpired:
            raise BedError(
                f"{self.name} did not start within {TIMEOUT:.0f} s", tail_of(self.log_text())
            ) from None
        if done.returncode != 0:
            output = (done.stdout + done.stderr).decode(errors="replace")
            raise BedError(
                f"{self.name} did not start (exit status {done.returncode})",
                tail_of(output or self.log_text()),
            )
        if not wait_until(lambda: self.problem() is None):
            raise BedError(
                f"{self.name} {self.problem()} {TIMEOUT:.0f} s after its start",
                tail_of(self.log_text()),
            )

    def stop(self) -> None:
        pid = self.pid()
        if pid is None:
            return
        targets = session(self.inside, pid) if self.whole_session else [pid]
        self._signal("TERM", targets)
        if not wait_until(lambda: not self._left(targets), STOP_TIMEOUT):
            self._signal("KILL", self._left(targets))
            if not wait_until(lambda: not self._left(targets), STOP_TIMEOUT):
                raise BedError(
                    f"{self.name} does not end: PID {self._left(targets)} in the testbed"
                )

    def kill(self) -> None:
        """Kill the main process as a crash does; its helpers and jobs keep running."""
        pid = self.pid()
        if pid is not None:
            self._signal("KILL", [pid])
            wait_until(lambda: not alive(self.inside, pid), STOP_TIMEOUT)

    def _left(self, pids: Sequence[int]) -> list[int]:
        return [pid for pid in pids if alive(self.inside, pid)]

    def _signal(self, name: str, pids: Sequence[int]) -> None:
        self.inside.run(["kill", f"-{name}", *map(str, pids)])

    def log_text(self) -> str:
        try:
            return self.inside.path(self.log).read_text(errors="replace")
        except OSError:
            return ""


class Postgres(Service):
    name = "postgres"
    port = 5432

    def __init__(self, inside: Namespace, suite: Suite) -> None:
        super().__init__(inside, suite)
        self.pidfile = f"/run/postgresql/{suite.postgres}-main.pid"
        self.log = f"/var/log/postgresql/postgresql-{suite.postgres}-main.log"

    def prepare(self) -> None:
        owner = ["-opostgres", "-gpostgres"]
        self.inside.run(["install", "-d", "-m2775", *owner, "/run/postgresql"])

    def command(self) -> Sequence[str]:
        return ["pg_ctlcluster", self.suite.postgres, "main", "start"]

    def answers(self) -> bool:
        ask = f"/usr/lib/postgresql/{self.suite.postgres}/bin/pg_isready"
        return self.inside.run([ask, "-q", "-h", "127.0.0.1"]).returncode == 0

    def stop(self) -> None:
        if self.pid() is not None:
            stop = ["pg_ctlcluster", self.suite.postgres, "main", "stop", "-m", "fast"]
            done = self.inside.run(stop, timeout=TIMEOUT)
            if done.returncode != 0:
                raise BedError("postgres does not stop", tail_of(done.stderr.decode()))


class Sshd(Service):
    """OAR's own sshd, which serves all nodes (127.0.0.1 to .4)."""

    name = "sshd"
    pidfile = "/run/oar-node_sshd.pid"
    log = "/var/log/oar-sshd.log"
    port = 6667

    def prepare(self) -> None:
        self.inside.path("/run/sshd").mkdir(mode=0o755, exist_ok=True)

    def command(self) -> Sequence[str]:
        options = ["-f", "/etc/oar/sshd_config", "-o", f"PidFile={self.pidfile}", "-E", self.log]
        # OAR connects several times for each job, and the default algorithm of OpenSSH 9 takes the
        # client 80 ms of CPU time.
        options += ["-o", "KexAlgorithms=curve25519-sha256"]
        return ["/usr/sbin/sshd", *options]


class Oar(Service):
    name = "oar"
    pidfile = "/run/oar-server.pid"
    log = "/var/log/oar.log"
    port = 6666
    # When only Almighty is ended, its helpers (sarko, appendice, bipbip) keep running.
    whole_session = True

    def command(self) -> Sequence[str]:
        return ["/usr/sbin/oar-server"]


class Arex(Service):
    name = "arex"
    pidfile = "/run/arched-arex.pid"
    log = "/var/log/arc/arex.log"

    def command(self) -> Sequence[str]:
        return ["setsid", "--wait", "/usr/share/arc/arc-arex-start"]

    def configuration(self) -> str:
        return configuration(self.inside)

    def heartbeat(self) -> Path:
        return self.inside.path(f"{controldir(self.configuration())}/gm-heartbeat")

    def prepare(self) -> None:
        self.heartbeat().unlink(missing_ok=True)

    def answers(self) -> bool:
        if not self.heartbeat().exists():
            return False
        separate = self.suite.separate_ws or not has_block(self.configuration(), "arex/ws")
        return separate or ws_answers(self.inside)


class ArexWs(Service):
    name = "arex-ws"
    pidfile = "/run/arched-arex-ws.pid"
    log = "/var/log/arc/ws-interface.log"

    def command(self) -> Sequence[str]:
        return ["setsid", "--wait", "/usr/share/arc/arc-arex-ws-start"]

    def wanted(self) -> bool:
        return self.suite.separate_ws and has_ws(self.inside)

    def answers(self) -> bool:
        return ws_answers(self.inside)


ALL: tuple[type[Service], ...] = (Postgres, Sshd, Oar, Arex, ArexWs)
GROUPS: dict[str, tuple[type[Service], ...]] = {
    "arex": (Arex, ArexWs),
    "oar": (Oar,),
    "postgres": (Postgres,),
    "sshd": (Sshd,),
}
ACTIONS = ("start", "stop", "restart", "kill")


def members(
    inside: Namespace, suite: Suite, kinds: tuple[type[Service], ...] = ALL
) -> list[Service]:
    services = [kind(inside, suite) for kind in kinds]
    return [service for service in services if service.wanted()]


def configuration(inside: Namespace) -> str:
    return inside.path("/etc/arc.conf").read_text(errors="replace")


def has_ws(inside: Namespace) -> bool:
    return has_block(configuration(inside), "arex/ws")


def ws_answers(inside: Namespace) -> bool:
    """Return whether the web service answers HTTPS requests, also with an error."""
    if not listening(inside, WSPORT):
        return False
    ask = ["python3", "-I", "-S", "-c", ASK_WS, WSURL]
    return inside.run(ask, timeout=TIMEOUT).returncode == 0
