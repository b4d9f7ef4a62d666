"""Build the root file system of a suite: packages, OAR's database, nodes, certificates.

This file is a part of the recipe: any change to it has all roots rebuilt (see `roots`). The host is
not changed, except that tools are installed, and nothing is left behind by a killed build.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from . import mirror
from .layout import TESTBED
from .messages import BedError, Progress, tail_of
from .namespace import PATH_INSIDE, Namespace
from .suites import GRIDUSER, HOST, OTHERUSER, Suite

FILES = TESTBED / "root"
CONFIGURE = TESTBED / "configure.sh"
HOSTNAME = HOST.partition(".")[0]
APT_TIMEOUT = 1800


def build(suite: Suite, aside: Path, progress: Progress) -> None:
    """Build the root in `aside`/root; the caller renames it when it is complete."""
    root = aside / "root"
    uri = mirror.debian_mirror()
    settings = mirror.apt_settings()

    progress(f"base system: debootstrap {suite.name}")
    _copy_files(root)
    _debootstrap(suite, root, uri, settings, aside)
    _copy_files(root)

    progress(f"packages: OAR {suite.oar}, ARC {suite.arc}, PostgreSQL, pytest")
    with _Inside(aside, own_net=False) as inside:
        _write_apt_configuration(root, suite, uri, settings)
        _step(inside, "apt-get update", ["apt-get", "-q", "update"])
        install = ["apt-get", "-qy", "install", *suite.packages]
        _step(inside, "installing packages", ["eatmydata", *install])
        _step(inside, "apt-get clean", ["apt-get", "clean"])
    for leftover in ("etc/apt/apt.conf.d/99testbed", "etc/apt/sources.list", "tmp/ca.pem"):
        (root / leftover).unlink(missing_ok=True)
    shutil.rmtree(root / "var/lib/apt/lists", ignore_errors=True)
    (root / "etc/resolv.conf").unlink(missing_ok=True)

    progress("OAR database and nodes, certificates")
    with _Inside(aside, own_net=True) as inside:
        env = {
            "POSTGRES": suite.postgres,
            "HOST": HOST,
            "GRIDUSER": GRIDUSER,
            "OTHERUSER": OTHERUSER,
        }
        _step(inside, "configure.sh", ["bash", "-s"], env=env, script=CONFIGURE.read_bytes())


class _Inside:
    """The unfinished root in namespaces that end with this process."""

    def __init__(self, aside: Path, *, own_net: bool) -> None:
        self.namespace = Namespace(aside / "ns")
        self.root = aside / "root"
        self.own_net = own_net

    def __enter__(self) -> Namespace:
        self.namespace.boot(
            self.root, HOSTNAME, overlay=False, own_net=self.own_net, die_with_caller=True
        )
        return self.namespace

    def __exit__(self, *_exc: object) -> None:
        self.namespace.kill()


def _step(
    inside: Namespace,
    what: str,
    argv: list[str],
    *,
    env: dict[str, str] | None = None,
    script: bytes | None = None,
) -> None:
    environment = {"DEBIAN_FRONTEND": "noninteractive", **_proxies(), **(env or {})}
    try:
        done = inside.run(argv, env=environment, input=script, timeout=APT_TIMEOUT)
    except subprocess.TimeoutExpired:
        raise BedError(f"{what} took more than {APT_TIMEOUT} s") from None
    if done.returncode != 0:
        log = (done.stdout + done.stderr).decode(errors="replace")
        raise BedError(f"{what} failed with exit status {done.returncode}", tail_of(log))


def _copy_files(root: Path) -> None:
    for path in FILES.rglob("*"):
        if path.is_file():
            target = root / path.relative_to(FILES)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def _proxies() -> dict[str, str]:
    names = ("http_proxy", "https_proxy", "no_proxy")
    return {name: os.environ[name] for name in names if os.environ.get(name)}


def _debootstrap(suite: Suite, root: Path, uri: str, settings: dict[str, str], aside: Path) -> None:
    env = {"PATH": PATH_INSIDE, "LC_ALL": "C.UTF-8", **_proxies()}
    for kind in ("http", "https"):
        proxy = settings.get(f"Acquire::{kind}::Proxy")
        if proxy and proxy != "DIRECT":
            env[f"{kind}_proxy"] = proxy
    authority = settings.get("Acquire::https::CAInfo")
    if authority:
        # debootstrap downloads with wget and has no option for a CA file.
        (aside / "wgetrc").write_text(f"ca_certificate = {authority}\n")
        env["WGETRC"] = str(aside / "wgetrc")
    # In its own mount and PID namespace, so that a killed build leaves no mounts or processes.
    private = ["setpriv", "--pdeathsig", "KILL"]
    private += ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
    # python3-minimal: the first process of a testbed is a Python program.
    include = "--include=ca-certificates,eatmydata,python3-minimal"
    command = ["debootstrap", "--variant=minbase", include, suite.name, str(root), uri]
    done = subprocess.run(
        [*private, *command],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        log = root / "debootstrap/debootstrap.log"
        detail = log.read_text(errors="replace") if log.is_file() else ""
        raise BedError(
            f"debootstrap {suite.name} failed", tail_of(done.stdout + done.stderr + detail)
        )


def _apt_lines(settings: dict[str, str]) -> Iterator[str]:
    yield 'APT::Install-Recommends "false";'
    yield 'Acquire::Languages "none";'
    for name, value in settings.items():
        inside = "/tmp/ca.pem" if name.lower() == "acquire::https::cainfo" else value
        yield f'{name} "{inside}";'


def _write_apt_configuration(root: Path, suite: Suite, uri: str, settings: dict[str, str]) -> None:
    authority = settings.get("Acquire::https::CAInfo")
    if authority:
        shutil.copy(authority, root / "tmp/ca.pem")
    lines = "".join(f"{line}\n" for line in _apt_lines(settings))
    (root / "etc/apt/apt.conf.d/99testbed").write_text(lines)
    (root / "etc/apt/sources.list").write_text(f"deb {uri} {suite.name} main\n")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
