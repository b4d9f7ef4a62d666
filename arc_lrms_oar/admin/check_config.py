"""Looks at ARC's configuration: what A-REX would make of it now, and what it runs with.

Must not judge what ARC's own validator judges; it is asked. Source of the ways to ask: A-REX's
start script (ARC 6.17 and 7.0 `src/services/a-rex/arc-arex-start.in`).
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator

from arc_lrms_oar.admin import arc_locations
from arc_lrms_oar.admin.arc_locations import Arc
from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.arex.config import (
    RUNTIME_CONFIG,
    SYSTEM_CONFIG,
    Blocks,
    read_blocks,
    settings_from,
    unknown_options,
)
from arc_lrms_oar.errors import ConfigError

_TIMEOUT = 60
_MOST_COMPLAINTS = 5
# ARC 7 ends with how many errors it has told.
_SUMMARY = "Validation returned"
_READ_BY_US = re.compile(r"arex|lrms(/ssh)?|infosys/cluster|queue:.*|custom:oar(/.*)?")
_VALIDATOR_ERROR = re.compile(r"\[ERROR\]\s*(?:\[\d+\]\s*)?\[?(.*?)\]?\s*$", re.M)


def default_config() -> str:
    """What an admin edits; unlike the verbs, which take what A-REX runs with."""
    path = os.environ.get("ARC_CONFIG") or SYSTEM_CONFIG
    return path if os.path.exists(path) else RUNTIME_CONFIG


def read(path: str, arc: Arc | None) -> Blocks:
    """The blocks of `path`, with ARC's defaults and what ARC 7 adds from arc.conf.d.

    Raises ConfigError.
    """
    parser = os.path.join(arc.tools_dir, "arcconfig-parser") if arc else ""
    if not os.access(parser, os.X_OK) or path == RUNTIME_CONFIG:
        return read_blocks(path)
    with tempfile.NamedTemporaryFile(prefix="arc_oar-") as made:
        arc_locations.run([parser, "--config", path, "--runconfig", made.name, "--save"])
        merged = read_blocks(made.name)
    # It makes nothing of a file that it cannot read; our own reader says why.
    return merged or read_blocks(path)


def look(path: str, blocks: Blocks, arc: Arc | None, compare: bool) -> Iterator[Finding]:
    """What there is to say of the configuration; `compare` it with what A-REX runs with."""
    what = "configuration"
    lrms = lrms_of(blocks)
    if lrms in ("OAR", "oar", "SLURMPY"):
        yield ok(what, f"{path}: lrms = {lrms}")
    else:
        yield fail(
            what,
            f"{path}: [lrms] lrms is {lrms or 'not set'}, so A-REX does not use this package",
            "set lrms = OAR in the block [lrms] and restart A-REX",
        )
    try:
        settings = settings_from(blocks, path)
    except ConfigError as error:
        yield fail(what, str(error), "correct it: until then every verb refuses to work")
        settings = None
    for line in unknown_options(blocks):
        yield warn(what, f"{path}: {line}", "correct its name or remove it: it has no effect")
    for title in blocks:
        queue = title.partition("custom:oar/")[2]
        if queue and f"queue:{queue}" not in blocks:
            cure = f"add the block [queue:{queue}], or correct the name"
            yield warn(what, f"{path}: [{title}] is for a queue that ARC does not have", cure)
    if settings and not settings.shared_filesystem:
        yield fail(
            what,
            f"{path}: [arex] shared_filesystem = no, but OAR brings no files to its nodes",
            "put the session directory on a file system that the nodes see, and set it to yes",
        )
    yield from _validate(path, arc)
    if compare:
        yield from _compare(path, blocks)


def lrms_of(blocks: Blocks) -> str:
    """The backend that `[lrms] lrms` names; "" where there is none. A queue may follow the name."""
    values = blocks.get("lrms", {}).get("lrms", [""])
    return (values[-1].split() or [""])[0]


def _validate(path: str, arc: Arc | None) -> Iterator[Finding]:
    """What ARC's own validator says is wrong: ARC 6 does not start with that."""
    check = os.path.join(arc.tools_dir, "arc-config-check") if arc else ""
    if os.access(check, os.X_OK):
        argv = [check, "--skip-warnings", "--config", path]
    else:
        argv = ["arcctl", "-d", "ERROR", "-c", path, "config", "verify"]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=arc_locations.environment(),
            timeout=_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        yield warn("validator", f"{argv[0]} cannot be run", "install ARC's package of arcctl")
        return
    printed = done.stdout.decode("utf-8", "replace")
    said = [line for line in _VALIDATOR_ERROR.findall(printed) if _SUMMARY not in line]
    for line in said[:_MOST_COMPLAINTS]:
        yield fail("validator", line, f"correct it in {path}; ARC 6 refuses to start with it")
    if len(said) > _MOST_COMPLAINTS:
        yield fail(
            "validator", f"and {len(said) - _MOST_COMPLAINTS} more", f"run: {' '.join(argv)}"
        )
    if not said:
        yield ok("validator", f"{os.path.basename(argv[0])} has nothing against {path}")


def _compare(path: str, blocks: Blocks) -> Iterator[Finding]:
    """Whether A-REX was restarted since the configuration was changed."""
    try:
        running = read_blocks(RUNTIME_CONFIG)
    except ConfigError:
        yield fail("A-REX", f"it is not running: no {RUNTIME_CONFIG}", "start it: arc-arex")
        return
    changed = [
        title
        for title in sorted({*blocks, *running})
        if _READ_BY_US.fullmatch(title) and blocks.get(title) != running.get(title)
    ]
    if changed:
        titles = ", ".join(f"[{title}]" for title in changed)
        yield warn("A-REX", f"{titles} of {path} changed since A-REX started", "restart A-REX")
    else:
        yield ok("A-REX", f"runs with {path} as it is now")
