"""OAR on a machine of its own, as far as networks are concerned, with a network link to A-REX's.

PostgreSQL, OAR's daemons and the nodes' sshd move to that network, with an sshd for users. Files
and users are the same on both sides, but the session directories have a second path. `down`
restores the testbed.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from . import services
from .bed import Bed
from .messages import BedError
from .namespace import PATH_INSIDE, Namespace
from .processes import wait_until

HOST = "oarhost"
SESSIONS = "/srv/sessions"
KEY = "/home/{user}/.ssh/oar"
COMMANDS = "/opt/held"

_NET = "/run/netns/oar"
_HOLD = "/run/hold"
_PID = "/run/frontend-sshd.pid"
_LOCAL_IP, _REMOTE_IP = "10.77.0.1", "10.77.0.2"
_MOVED = (services.Postgres, services.Sshd, services.Oar)

# Wrapper of OAR's commands: while it is held, the command waits and touches NAME.held.
_WRAPPER = """#!/bin/sh
name=${0##*/}
[ ! -e "/run/hold/$name" ] || touch "/run/hold/$name.held"
while [ -e "/run/hold/$name" ]; do sleep 0.1; done
exec "/usr/bin/$name" "$@"
"""


class RemoteOar:
    """A testbed with OAR on the machine `HOST`, where `user` may log in with `KEY`.

    `sessions` is the session directory; its path on `HOST` is `SESSIONS`.
    """

    def __init__(self, bed: Bed, user: str, sessions: str) -> None:
        self.bed = bed
        self.user = user
        self.sessions = sessions
        self.remote = Namespace(bed.directory, _NET)

    def up(self) -> None:
        """Move OAR. The caller configures A-REX."""
        for name in ("oar", "sshd", "postgres"):
            self.bed.service(name, "stop")
        root, key = self.bed.run, KEY.format(user=self.user)
        root(["mkdir", "-p", "/run/netns", COMMANDS])
        root(["install", "-d", "-m1777", _HOLD])
        root(["touch", _NET])
        root(["unshare", f"--net={_NET}", "true"])
        self._ip("link", "add", "oar0", "type", "veth", "peer", "name", "oar1")
        self._ip("link", "set", "oar1", "netns", str(self.bed.path(_NET)))
        self._ip("addr", "add", f"{_LOCAL_IP}/30", "dev", "oar0")
        self._ip("link", "set", "oar0", "up")
        for words in (
            ["addr", "add", f"{_REMOTE_IP}/30", "dev", "oar1"],
            ["link", "set", "oar1", "up"],
            ["link", "set", "lo", "up"],
        ):
            self._ip(*words, remote=True)
        root(["ln", "-sfn", self.sessions, SESSIONS])
        for name in ("oarsub", "oarstat", "oardel", "oarnodes"):
            root(["tee", f"{COMMANDS}/{name}"], input=_WRAPPER)
            root(["chmod", "755", f"{COMMANDS}/{name}"])
        root(["sh", "-c", f"rm -f {key}*; mkdir -p -m 700 ${{0%/*}}", key], user=self.user)
        root(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], user=self.user)
        root(["sh", "-c", 'cp "$0.pub" "${0%/*}/authorized_keys"', key], user=self.user)
        root(["sh", "-c", f"grep -q {HOST} /etc/hosts || echo {_REMOTE_IP} {HOST} >>/etc/hosts"])
        public = root(["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]).stdout
        root(["tee", "/etc/ssh/ssh_known_hosts"], input=f"{HOST} {public}")
        for service in self._services():
            service.start()
        log = "/var/log/frontend-sshd.log"
        self.run(["/usr/sbin/sshd", "-o", f"PidFile={_PID}", "-E", log])
        if not wait_until(lambda: self.run(["cat", _PID], check=False).returncode == 0):
            raise BedError("the front end's sshd does not start", self.bed.path(log).read_text())

    def down(self) -> None:
        """Move OAR back."""
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
        """Run a command on OAR's machine; `more` as in Namespace.run()."""
        done = self.remote.run(argv, **more)
        if check and done.returncode != 0:
            raise BedError(
                f"{' '.join(argv)} exited with status {done.returncode}", done.stderr.decode()
            )
        return done

    def hold(self, *commands: str) -> None:
        """Make these commands of OAR wait until release(); held() reports whether one does."""
        for name in commands:
            self.bed.run(["rm", "-f", f"{_HOLD}/{name}.held"])
            self.bed.run(["touch", f"{_HOLD}/{name}"])

    def held(self, command: str) -> bool:
        return self.bed.path(f"{_HOLD}/{command}.held").exists()

    def release(self, *commands: str) -> None:
        self.bed.run(["rm", "-f", *(f"{_HOLD}/{name}" for name in commands)])

    def cut_network(self) -> None:
        """Cut the network link: packets are lost without an error."""
        self._ip("link", "set", "oar0", "down")

    def restore_network(self) -> None:
        self._ip("link", "set", "oar0", "up")

    def drop_connections(self) -> None:
        """End all ssh connections; the commands that run in them continue.

        Each connection is held by a child of the process that the listening sshd started.
        """
        listener = self.bed.path(_PID).read_text().strip()
        script = 'for pid in $(pgrep -P "$0"); do pkill -KILL -P "$pid" sshd; done; true'
        self.run(["sh", "-c", script, listener])

    def connections(self) -> set[str]:
        """Return the PIDs of the ssh clients on A-REX's machine."""
        return set(self.bed.run(["pgrep", "-x", "ssh"], check=False).stdout.split())

    def _services(self) -> list[services.Service]:
        return services.members(self.remote, self.bed.suite, _MOVED)

    def _ip(self, *words: str, remote: bool = False) -> None:
        """Run the host's `ip`, since the testbed has none."""
        net = self.bed.path(_NET if remote else "/proc/1/ns/net")
        environment: Mapping[str, str] = {"PATH": PATH_INSIDE}
        command = ["nsenter", f"--net={net}", "ip", *words]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        if done.returncode != 0:
            raise BedError(f"{' '.join(command)} failed", done.stderr.decode())
