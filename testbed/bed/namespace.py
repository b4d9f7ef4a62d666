"""A set of Linux namespaces with its own root file system: start it, run commands in it, end it.

All of it depends on the first process: when that ends, the kernel ends every process in the
namespaces and removes their mounts. What runs inside is up to the caller.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .messages import BedError, tail_of

PATH_INSIDE = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# oar-server closes every possible file descriptor at its start; container hosts allow 10**9.
OPEN_FILES = 65536
KILL_TIMEOUT = 30.0
# Moves itself into cgroups, then becomes the command after the "--".
JOIN_CGROUPS = 'while [ "$1" != -- ]; do echo 0 >"$1" || exit; shift; done; shift; exec "$@"'

# Runs its arguments on a machine whose name is $0.
SET_HOSTNAME = 'hostname "$0" && exec "$@"'


@dataclass(frozen=True)
class Account:
    name: str
    uid: int
    gid: int
    home: str
    shell: str


@dataclass(frozen=True)
class Bind:
    """A directory or file of the host, and its path inside."""

    source: str
    inside: str
    read_only: bool = True

    @classmethod
    def parse(cls, text: str) -> Bind:
        """Parse HOST:INSIDE or HOST:INSIDE:ro; a relative HOST is one of the current directory."""
        source, colon, inside = text.removesuffix(":ro").rpartition(":")
        path = Path(source).absolute()
        if not colon or not inside.startswith("/") or not path.exists():
            raise BedError(
                f"-v {text}: expected HOST:INSIDE[:ro], an existing and an absolute path"
            )
        return cls(str(path), inside, text.endswith(":ro"))

    def __str__(self) -> str:
        return f"{self.source}:{self.inside}" + (":ro" if self.read_only else "")


@dataclass
class Namespace:
    """`directory` holds the PID file, the mount point, the overlay's upper layer and the log.

    `net`: path (inside) of another network namespace for the commands; "" for the usual one.
    """

    directory: Path
    net: str = ""
    _starter: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.directory / "init.log"

    def boot(
        self,
        root: Path,
        hostname: str,
        *,
        overlay: bool,
        own_net: bool,
        binds: Sequence[Bind] = (),
        cgroups: Mapping[str, str] | None = None,
        die_with_caller: bool = False,
    ) -> None:
        """Start the first process.

        Args:
            root: The root file system, below an overlay with `overlay`.
            own_net: Use a network of its own.
            binds: Directories of the host that are visible inside.
            cgroups: cgroup v1 subtrees of the host, by controllers; they become the roots of the
                hierarchies inside.
            die_with_caller: End when the calling process ends.
        """
        for name in ("mnt", "scratch"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        spec = {
            "root": str(root),
            "mountpoint": str(self.directory / "mnt"),
            "scratch": str(self.directory / "scratch"),
            "pidfile": str(self.directory / "init.json"),
            "overlay": overlay,
            "own_net": own_net,
            "hostname": hostname,
            "cgroups": list(cgroups or {}),
            "binds": [[bind.source, bind.inside, bind.read_only] for bind in binds],
        }
        kinds = ["--mount", "--pid", "--ipc", "--uts"]
        kinds += ["--net"] if own_net else []
        kinds += ["--cgroup"] if cgroups else []
        procs = [f"{path}/cgroup.procs" for path in (cgroups or {}).values()]
        join = ["sh", "-c", JOIN_CGROUPS, "sh", *procs, "--"] if cgroups else []
        if die_with_caller:
            start = ["setpriv", "--pdeathsig", "KILL", "unshare", "--kill-child"]
        else:
            start = ["setsid", "--fork", "unshare"]
        script = str(Path(__file__).with_name("namespace_init.py"))
        python = [sys.executable, "-I", "-S", script, json.dumps(spec)]
        with self.log.open("wb") as log:
            starter = subprocess.Popen(
                [*join, *start, *kinds, "--fork", *python],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PATH": PATH_INSIDE},
                start_new_session=True,
            )
        if starter.stdout is None:
            raise BedError("the namespace's starter has no standard output")
        with starter.stdout:
            answer = starter.stdout.readline()
        if die_with_caller:
            self._starter = starter
        else:
            starter.wait()
        if answer.strip() != b"ready":
            self.kill()
            raise BedError("cannot set up the namespaces", tail_of(self.log.read_text()))

    def pid(self) -> int | None:
        """Return the PID on the host of the first process, None if that process has ended."""
        identity = self._identity()
        try:
            stat = Path(f"/proc/{identity['pid']}/stat").read_text()
        except (OSError, KeyError):
            return None
        fields = stat.rpartition(")")[2].split()
        if fields[0] in "ZX" or fields[19] != identity["born"]:
            return None
        return int(identity["pid"])

    def _identity(self) -> dict[str, Any]:
        """Return what the first process has written about itself; {} if there is none."""
        try:
            return dict(json.loads((self.directory / "init.json").read_text()))
        except (OSError, ValueError):
            return {}

    def path(self, inside: str) -> Path:
        """Return the host's path of a file inside; absolute symbolic links in it lead elsewhere."""
        pid = self.pid()
        if pid is None:
            raise BedError("the testbed is not up: start it with `testbed up`")
        return Path(f"/proc/{pid}/root{inside}")

    def account(self, name: str) -> Account:
        for line in self.path("/etc/passwd").read_text().splitlines():
            fields = line.split(":")
            if fields[0] == name:
                return Account(name, int(fields[2]), int(fields[3]), fields[5], fields[6])
        raise BedError(f"no user {name!r} in the testbed")

    def environment(
        self, who: Account, directory: str, env: Mapping[str, str] | None
    ) -> dict[str, str]:
        """Return the environment of a login of `who`, with `env` added."""
        return {
            "HOME": who.home,
            "USER": who.name,
            "LOGNAME": who.name,
            "SHELL": who.shell,
            "PATH": PATH_INSIDE,
            "LANG": "C.UTF-8",
            # oarsub reads a job's launching directory from PWD and fails without it.
            "PWD": directory,
            **(env or {}),
        }

    def command(
        self,
        argv: Sequence[str],
        *,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        hostname: str = "",
    ) -> tuple[list[str], dict[str, str]]:
        """Return command line and environment that run `argv` inside, as after a login.

        With `hostname` the command runs on a machine that has this name.
        """
        pid = self.pid()
        if pid is None:
            raise BedError("the testbed is not up: start it with `testbed up`")
        who = self.account(user or "root")
        directory = cwd or who.home
        environment = self.environment(who, directory, env)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        files = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        net = f"--net=/proc/{pid}/root{self.net}" if self.net else "--net"
        enter = ["nsenter", f"--target={pid}", "--mount", "--uts", "--ipc", net, "--pid"]
        enter += ["--cgroup"] if self._identity().get("cgroups") else []
        # The command must not outlive its caller: nsenter does not forward signals.
        become = ["unshare", "--uts", "sh", "-c", SET_HOSTNAME, hostname] if hostname else []
        become += ["setpriv", "--pdeathsig", "KILL"]
        if user and who.uid:
            become += [f"--reuid={who.uid}", f"--regid={who.gid}", "--init-groups"]
        limits = ["prlimit", f"--nofile={min(4096, files)}:{files}"]
        return [
            *limits,
            *enter,
            "--",
            *become,
            "--",
            "env",
            "-C",
            directory,
            "--",
            *argv,
        ], environment

    def run(
        self,
        argv: Sequence[str],
        *,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        input: bytes | None = None,
        timeout: float | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command and collect its output; a timeout kills its process group."""
        command, environment = self.command(argv, user=user, env=env, cwd=cwd)
        with subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL if input is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(input, timeout)
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                raise
        return subprocess.CompletedProcess(list(argv), process.returncode, out, err)

    def run_checked(
        self,
        argv: Sequence[str],
        failure: str,
        *,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        input: bytes | None = None,
        timeout: float | None = None,
    ) -> str:
        """Run a command and return what it prints; raises BedError with `failure` if it fails."""
        done = self.run(argv, user=user, env=env, cwd=cwd, input=input, timeout=timeout)
        output = (done.stdout + done.stderr).decode(errors="replace")
        if done.returncode != 0:
            raise BedError(failure, tail_of(output))
        return output

    def kill(self) -> None:
        """End the first process, and everything inside with it, and wait for its end."""
        pid = self.pid()
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + KILL_TIMEOUT
        while self.pid() is not None:
            if time.monotonic() > deadline:
                raise BedError(f"process {pid} is still running {KILL_TIMEOUT:.0f} s after SIGKILL")
            time.sleep(0.01)
        if self._starter is not None:
            self._starter.wait()
            self._starter = None
        (self.directory / "init.json").unlink(missing_ok=True)

    def delete_files(self) -> None:
        """Delete the files of the namespaces; must be called only after kill()."""
        for name in ("mnt", "scratch"):
            shutil.rmtree(self.directory / name, ignore_errors=True)
