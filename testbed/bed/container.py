"""The testbed in a container of its image: the daemons run here, without namespaces of their own.

demo           start everything, run the demo, then a shell if there is a terminal
shell          start everything, then a login shell
CMD ARGS …     start everything, then this command
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import build, demo
from .bed import Bed
from .machine import Machine
from .messages import BedError, Progress, print_progress
from .namespace import Namespace
from .suites import GRIDUSER

SUITE = Path("/etc/testbed-suite")
HOSTS = build.FILES / "etc/hosts"
SHELL = ["bash", "-l"]


class Here(Namespace):
    """This container, with the interface of a namespace that is entered from its host."""

    def pid(self) -> int | None:
        return 1

    def path(self, inside: str) -> Path:
        return Path(inside)

    def command(
        self,
        argv: Sequence[str],
        *,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        hostname: str = "",
    ) -> tuple[list[str], dict[str, str]]:
        who = self.account(user or "root")
        directory = cwd or who.home
        become = []
        if who.uid:
            become = ["setpriv", f"--reuid={who.uid}", f"--regid={who.gid}", "--init-groups", "--"]
        return [*become, "env", "-C", directory, "--", *argv], self.environment(who, directory, env)


class ContainerBed(Bed):
    """The testbed of this container; `up` starts its daemons."""

    def __init__(self, progress: Progress) -> None:
        super().__init__(SUITE.read_text().strip(), progress)
        self.inside = Here(self.directory)
        self._machine = Machine(self.suite, self.directory, self.inside, progress)

    def start(self) -> None:
        add_hosts(Path("/etc/hosts"))
        Path("/run/lock").mkdir(mode=0o1777, parents=True, exist_ok=True)
        self._machine.start_all()


def add_hosts(path: Path) -> None:
    """Add the testbed's names: container engines write /etc/hosts themselves."""
    text = path.read_text()
    lines = [line for line in HOSTS.read_text().splitlines() if line not in text.splitlines()]
    with path.open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))


def main(words: Sequence[str]) -> int:
    """Run as the first process: it collects ended processes until the command has ended."""
    child = os.fork()
    if child == 0:
        os._exit(_run(words))
    while True:
        pid, status = os.wait()
        if pid == child:
            return os.waitstatus_to_exitcode(status)


def _run(words: Sequence[str]) -> int:
    try:
        bed = ContainerBed(print_progress())
        bed.start()
        return _command(bed, list(words))
    except BedError as error:
        print(f"testbed: {error}\n{error.tail}".rstrip(), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        sys.stdout.flush()


def _command(bed: ContainerBed, words: list[str]) -> int:
    status = 0
    if words == ["demo"]:
        status = demo.demonstrate_on(bed)
        if not sys.stdin.isatty():
            return status
        words = ["shell"]
    argv = SHELL if words == ["shell"] else words
    command, environment = bed.inside.command(argv, user=GRIDUSER if words == ["shell"] else None)
    sys.stdout.flush()
    return os.spawnvpe(os.P_WAIT, command[0], command, environment) or status
