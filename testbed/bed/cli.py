"""The command line of `testbed/testbed`: arguments, exit status and output.

Whatever a test could need as well is in `Bed`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .messages import BedError, no_progress, print_progress, tail_of
from .suites import DEFAULT_SUITE, GRIDUSER, KINDS, SUITES, suite_named

if TYPE_CHECKING:
    from .cluster import NodeSet

SUITE_ENV = "ARC_OAR_TESTBED_SUITE"
EXIT_FAILED = 1
EXIT_DOWN = 3
FRONTEND = "frontend"


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="testbed", description="Run a real OAR and a real A-REX in a disposable Debian root."
    )
    verbs = top.add_subparsers(dest="verb", required=True, metavar="COMMAND")

    def verb(name: str, text: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=text, description=text)
        suite = os.environ.get(SUITE_ENV) or DEFAULT_SUITE
        sub.add_argument(
            "--suite", default=suite, metavar="SUITE", help=f"{', '.join(SUITES)} (now {suite})"
        )
        return sub

    up = verb("up", "build the root if needed, start everything and wait until it answers")
    up.add_argument(
        "--conf", type=Path, metavar="FILE", help="template of arc.conf (default: arc.conf.in)"
    )
    up.add_argument(
        "--cpusets",
        action="store_true",
        default=None,
        help="run OAR with cpusets if the machine has cgroup v1 (or ARC_OAR_TESTBED_CPUSETS=1)",
    )
    up.add_argument(
        "--package",
        choices=KINDS,
        help="how the package is installed (default: $ARC_OAR_TESTBED_PACKAGE, else copy)",
    )
    up.add_argument("--nodes", type=int, metavar="N", help="number of OAR's nodes (root: 4)")
    up.add_argument("--cores", type=int, metavar="C", help="cores of each node (root: 2)")
    up.add_argument("--gpus", type=int, metavar="G", help="GPUs of each node (root: none)")
    up.add_argument(
        "--cluster",
        type=Path,
        metavar="FILE",
        help="sets of different nodes, one per line: nodes=2 cores=8 gpus=2 mem=16384",
    )
    up.add_argument(
        "-v",
        "--volume",
        action="append",
        metavar="HOST:INSIDE[:ro]",
        help="a directory of the host that is visible inside; repeatable",
    )
    verb("reset", "discard all that has changed since `up` and start again")
    down = verb("down", "end all processes and remove all mounts of the testbed")
    down.add_argument(
        "--purge", action="store_true", help="delete the cached roots of the suite as well"
    )
    shown = verb(
        "status", f"print daemons, versions and OAR's jobs; exit status 0: up, {EXIT_DOWN}: down"
    )
    shown.add_argument("--json", action="store_true")
    run = verb("run", "run a command in the testbed and exit with its exit status")
    run.add_argument(
        "--user", default="root", help=f"root (default), {GRIDUSER}, otheruser or any other user"
    )
    run.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    run.add_argument("--cwd", metavar="DIR", help="working directory (default: the home directory)")
    run.add_argument("command", nargs=argparse.REMAINDER, metavar="[--] CMD …")
    connect = verb("connect", "open a login shell in the testbed")
    connect.add_argument("--user", "-l", default=GRIDUSER, help=f"(default: {GRIDUSER})")
    connect.add_argument(
        "host", nargs="?", default=FRONTEND, help=f"{FRONTEND} (default) or a node, such as node1"
    )
    verb("install", "install the package of this checkout again")
    reconf = verb("reconf", "replace arc.conf and restart A-REX")
    reconf.add_argument("conf", nargs="?", type=Path, metavar="FILE")
    service = verb("service", "start, stop, restart or kill a daemon")
    service.add_argument("name", help="arex, oar, postgres or sshd")
    service.add_argument("action", help="start, stop, restart or kill (SIGKILL)")
    log = verb("log", "print a log, or list the logs")
    log.add_argument("name", nargs="?")
    log.add_argument("job", nargs="?", default="", help="for `errors`: a part of the grid job ID")
    log.add_argument(
        "-n", type=int, default=0, metavar="LINES", help="print only the last LINES lines"
    )
    log.add_argument(
        "-f", "--follow", action="store_true", help="print new lines until ^C or `down`"
    )
    image = verb("image", "write an image that `podman load` and `docker load` read")
    image.add_argument(
        "--output", type=Path, metavar="FILE", help="(default: arc-oar-testbed-SUITE.tar)"
    )
    return top


def exec_inside(arguments: argparse.Namespace) -> None:
    """Replace this process by the command. Imports little, since `run` is called often."""
    words = list(arguments.command)
    if words[:1] == ["--"]:
        del words[0]
    if not words:
        raise BedError("testbed run needs a command, such as `testbed run -- oarnodes -s`")
    env = {}
    for pair in arguments.env:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise BedError(f"--env {pair!r} is not NAME=VALUE")
        env[name] = value
    become_inside(arguments, words, env, arguments.cwd)


def become_inside(
    arguments: argparse.Namespace,
    words: list[str],
    env: dict[str, str],
    cwd: str | None = None,
    hostname: str = "",
) -> None:
    from .layout import state_dir
    from .namespace import Namespace

    if sys.stdin is not None and sys.stdin.isatty():
        env.setdefault("TERM", os.environ.get("TERM", "dumb"))
    inside = Namespace(state_dir(suite_named(arguments.suite).name))
    argv, environment = inside.command(
        words, user=arguments.user, env=env, cwd=cwd, hostname=hostname
    )
    os.umask(0o022)
    os.execvpe(argv[0], argv, environment)


def connect(arguments: argparse.Namespace) -> None:
    """Replace this process by a login shell on the front end or on a node."""
    from .layout import state_dir
    from .namespace import Namespace

    inside = Namespace(state_dir(suite_named(arguments.suite).name))
    shell = inside.account(arguments.user).shell
    hosts = inside.path("/etc/hosts").read_text()
    nodes = [name for line in hosts.splitlines() for name in line.split()[1:] if "node" in name]
    if arguments.host not in (FRONTEND, *nodes):
        raise BedError(
            f"no host {arguments.host!r}: choose {FRONTEND}, or one of {', '.join(nodes)}"
        )
    hostname = "" if arguments.host == FRONTEND else arguments.host
    become_inside(arguments, [shell, "-l"], {}, hostname=hostname)


def nodes(arguments: argparse.Namespace) -> list[NodeSet] | None:
    """The nodes that the options of `up` ask for; None without such options."""
    from . import cluster

    given = {
        name: getattr(arguments, name)
        for name in ("nodes", "cores", "gpus")
        if getattr(arguments, name) is not None
    }
    if arguments.cluster and given:
        raise BedError(f"--cluster and --{next(iter(given))} exclude each other")
    if arguments.cluster:
        return cluster.read(arguments.cluster)
    return cluster.checked([cluster.NodeSet(**given)], "--nodes") if given else None


def main(argv: list[str] | None = None) -> int:
    arguments = parser().parse_args(argv)
    try:
        if arguments.verb == "run":
            exec_inside(arguments)
        if arguments.verb == "connect":
            connect(arguments)
        return act(arguments)
    except BedError as error:
        if error.tail:
            print(error.tail, file=sys.stderr)
        print(f"testbed {arguments.verb}: {error}", file=sys.stderr)
        return EXIT_FAILED
    except subprocess.TimeoutExpired as error:
        print(
            f"testbed {arguments.verb}: still running after {error.timeout} s: {error.cmd[-1]}",
            file=sys.stderr,
        )
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 130


def act(arguments: argparse.Namespace) -> int:
    from . import image, logs
    from .bed import Bed
    from .namespace import Bind
    from .status import describe

    verb = arguments.verb
    bed = Bed(arguments.suite, no_progress if verb in ("status", "log") else print_progress())
    if verb == "up":
        volumes = [Bind.parse(text) for text in arguments.volume or []] or None
        bed.up(arguments.conf, arguments.cpusets, arguments.package, nodes(arguments), volumes)
        option = "" if arguments.suite == DEFAULT_SUITE else f" --suite {arguments.suite}"
        print(
            f"{arguments.suite} is up: {describe(bed.versions())}; "
            f"use: testbed run{option} --user {GRIDUSER} -- oarnodes -s; "
            f"stop: testbed down{option}"
        )
    elif verb == "reset":
        bed.reset()
    elif verb == "image":
        output = arguments.output or Path(f"arc-oar-testbed-{arguments.suite}.tar")
        print(image.write(bed.suite, output.absolute(), bed.progress))
    elif verb == "down":
        bed.down(arguments.purge)
    elif verb == "status":
        found = bed.status()
        print(found.to_json() if arguments.json else found.to_text())
        return 0 if found.up else EXIT_DOWN
    elif verb == "install":
        bed.install()
    elif verb == "reconf":
        bed.reconf(arguments.conf)
    elif verb == "service":
        bed.service(arguments.name, arguments.action)
    elif arguments.name is None:
        print("\n".join(logs.NAMES))
    elif arguments.follow:
        follow = logs.following(bed.inside, arguments.name, arguments.job, arguments.n)
        os.execvp(follow[0], follow)
    else:
        text = bed.log(arguments.name, arguments.job)
        print(tail_of(text, arguments.n) if arguments.n else text.rstrip("\n"))
    return 0
