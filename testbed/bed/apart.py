"""OAR on another machine, as far as networks go: its own one, joined to A-REX's by one cable.

PostgreSQL, OAR's daemons and the nodes' sshd move there, with an sshd for users; files and users
are the same on both sides, but the session directories have a second path. Must leave the bed as it
was.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from . import services
from .bed import Bed
from .namespace import PATH_INSIDE, Namespace
from .processes import wait_until
from .report import BedError

HOST = "oarhost"
SESSIONS = "/srv/sessions"
KEY = "/home/{user}/.ssh/oar"
COMMANDS = "/opt/held"

_NET = "/run/netns/oar"
_HOLD = "/run/hold"
_PID = "/run/frontend-sshd.pid"
_HERE, _THERE = "10.77.0.1", "10.77.0.2"
_MOVED = (services.Postgres, services.Sshd, services.Oar)

# Each of OAR's commands waits while it is held, and says so.
_HELD = """#!/bin/sh
name=${0##*/}
[ ! -e "/run/hold/$name" ] || touch "/run/hold/$name.held"
while [ -e "/run/hold/$name" ]; do sleep 0.1; done
exec "/usr/bin/$name" "$@"
"""


class Apart:
    """A bed whose OAR is another machine, `HOST`, on which `user` may log in with `KEY`."""

    def __init__(self, bed: Bed, user: str, sessions: str) -> None:
        self.bed = bed
        self.user = user
        self.sessions = sessions
        self.there = Namespace(bed.directory, _NET)

    def up(self) -> None:
        """Moves OAR; what A-REX is to be told is the caller's."""
        for name in ("oar", "sshd", "postgres"):
            self.bed.service(name, "stop")
        root, key = self.bed.run, KEY.format(user=self.user)
        root(["mkdir", "-p", "/run/netns", COMMANDS])
        root(["install", "-d", "-m1777", _HOLD])
        root(["touch", _NET])
        root(["unshare", f"--net={_NET}", "true"])
        self._ip("link", "add", "oar0", "type", "veth", "peer", "name", "oar1")
        self._ip("link", "set", "oar1", "netns", str(self.bed.path(_NET)))
        self._ip("addr", "add", f"{_HERE}/30", "dev", "oar0")
        self._ip("link", "set", "oar0", "up")
        for words in (
            ["addr", "add", f"{_THERE}/30", "dev", "oar1"],
            ["link", "set", "oar1", "up"],
            ["link", "set", "lo", "up"],
        ):
            self._ip(*words, there=True)
        root(["ln", "-sfn", self.sessions, SESSIONS])
        for name in ("oarsub", "oarstat", "oardel", "oarnodes"):
            root(["tee", f"{COMMANDS}/{name}"], input=_HELD)
            root(["chmod", "755", f"{COMMANDS}/{name}"])
        root(["sh", "-c", f"rm -f {key}*; mkdir -p -m 700 ${{0%/*}}", key], user=self.user)
        root(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], user=self.user)
        root(["sh", "-c", 'cp "$0.pub" "${0%/*}/authorized_keys"', key], user=self.user)
        root(["sh", "-c", f"grep -q {HOST} /etc/hosts || echo {_THERE} {HOST} >>/etc/hosts"])
        public = root(["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]).stdout
        root(["tee", "/etc/ssh/ssh_known_hosts"], input=f"{HOST} {public}")
        for service in self._services():
            service.start()
        log = "/var/log/frontend-sshd.log"
        self.run(["/usr/sbin/sshd", "-o", f"PidFile={_PID}", "-E", log])
        if not wait_until(lambda: self.run(["cat", _PID], check=False).returncode == 0):
            raise BedError("the front end's sshd does not start", self.bed.path(log).read_text())

    def down(self) -> None:
        """Moves OAR back."""
        self.release("oarsub", "oarstat", "oardel", "oarnodes")
        self.run(["sh", "-c", f"kill $(cat {_PID})"], check=False)
        for service in reversed(self._services()):
            service.stop()
        self._ip("link", "del", "oar0")
        self.bed.run(["umount", _NET])
        for name in ("postgres", "sshd", "oar"):
            self.bed.service(name, "start")

    def run(
        self, argv: Sequence[str], check: bool = True, **more: Any
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs a command on OAR's side, as root or as `user`."""
        done = self.there.run(argv, **more)
        if check and done.returncode != 0:
            raise BedError(f"{' '.join(argv)}: exit code {done.returncode}", done.stderr.decode())
        return done

    def hold(self, *commands: str) -> None:
        """From now on these commands of OAR wait, and `held` tells of it."""
        for name in commands:
            self.bed.run(["rm", "-f", f"{_HOLD}/{name}.held"])
            self.bed.run(["touch", f"{_HOLD}/{name}"])

    def held(self, command: str) -> bool:
        return self.bed.path(f"{_HOLD}/{command}.held").exists()

    def release(self, *commands: str) -> None:
        self.bed.run(["rm", "-f", *(f"{_HOLD}/{name}" for name in commands)])

    def cut(self) -> None:
        """Cuts the cable: nobody is told, packets just do not come."""
        self._ip("link", "set", "oar0", "down")

    def mend(self) -> None:
        self._ip("link", "set", "oar0", "up")

    def hang_up(self) -> None:
        """Ends each connection at once; what runs in it goes on.

        The process that holds it is a child of the one that the listening sshd has started.
        """
        listener = self.bed.path(_PID).read_text().strip()
        script = 'for pid in $(pgrep -P "$0"); do pkill -KILL -P "$pid" sshd; done; true'
        self.run(["sh", "-c", script, listener])

    def connections(self) -> set[str]:
        """The ssh clients on A-REX's side, by process number."""
        return set(self.bed.run(["pgrep", "-x", "ssh"], check=False).stdout.split())

    def _services(self) -> list[services.Service]:
        return services.members(self.there, self.bed.suite, _MOVED)

    def _ip(self, *words: str, there: bool = False) -> None:
        """The host's own `ip`, since the bed has none."""
        net = self.bed.path(_NET if there else "/proc/1/ns/net")
        environment: Mapping[str, str] = {"PATH": PATH_INSIDE}
        command = ["nsenter", f"--net={net}", "ip", *words]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        if done.returncode != 0:
            raise BedError(f"{' '.join(command)} failed", done.stderr.decode())
