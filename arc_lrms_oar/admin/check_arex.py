"""doctor's checks of A-REX: that it runs, its control directory, runtime environments, metrics."""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Iterator

from arc_lrms_oar.admin.arc_locations import RESTART, START
from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.arex.config import RUNTIME_CONFIG, Blocks, read_blocks
from arc_lrms_oar.errors import ConfigError
from arc_lrms_oar.settings import Settings

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_RELEVANT_BLOCKS = re.compile(r"arex|lrms(/ssh)?|infosys/cluster|queue:.*|custom:oar(/.*)?")
_HEARTBEAT = "gm-heartbeat"
_DEFAULT_WAKEUP = 180


def check_running(path: str, blocks: Blocks, settings: Settings) -> Iterator[Finding]:
    """Whether A-REX runs, and has been restarted since the configuration was changed."""
    if not os.path.exists(RUNTIME_CONFIG):
        message = f"it is not running: {RUNTIME_CONFIG} does not exist"
        yield fail("A-REX", message, f"run: {START}")
        return
    try:
        running = read_blocks(RUNTIME_CONFIG)
        stopped = _heartbeat_error(settings.control_dir, running, time.time())
    except ConfigError as error:
        yield ok("A-REX", f"not checked: {error}")
        return
    except PermissionError as error:
        yield ok("A-REX", f"not checked: {error.filename}: {error.strerror}")
        return
    if stopped:
        cure = f"run: {RESTART}; see A-REX's log /var/log/arc/arex.log"
        yield fail("A-REX", f"it is not running: {stopped}", cure)
        return
    changed = [
        title
        for title in sorted({*blocks, *running})
        if _RELEVANT_BLOCKS.fullmatch(title) and blocks.get(title) != running.get(title)
    ]
    if changed:
        titles = ", ".join(f"[{title}]" for title in changed)
        message = f"{titles} in {path} changed since A-REX was started"
        yield warn("A-REX", message, f"run: {RESTART}")
    else:
        yield ok("A-REX", f"runs with the current {path}")


def _heartbeat_error(control_dir: str, running: Blocks, now: float) -> str:
    """Why A-REX's heartbeat file shows that it does not run, or "".

    Its limit is that of A-REX's own watchdog (docs/internals/arc.md#heartbeat). Raises
    PermissionError.
    """
    path = os.path.join(control_dir, _HEARTBEAT)
    (*_, text) = running.get("arex", {}).get("wakeupperiod", [""])
    wakeup = int(text) if text.isdecimal() else _DEFAULT_WAKEUP
    try:
        age = now - os.stat(path).st_mtime
    except FileNotFoundError as error:
        return f"{path}: {error.strerror}"
    if age > 3 * wakeup + 300:
        return f"{path} was last written {age / 60:.0f} min ago"
    return ""


def check_control_dir(settings: Settings) -> Iterator[Finding]:
    """Whether the control directory can be used, and only by A-REX."""
    control = settings.control_dir
    if not os.path.isdir(os.path.join(control, "processing")):
        cure = "start A-REX, which creates it, or correct controldir in [arex]"
        message = f"{control} is not a control directory: it has no processing/"
        yield fail("control directory", message, cure)
    elif os.statvfs(control).f_flag & os.ST_RDONLY:
        cure = f"remount the file system of {control} read-write, and check the disk"
        yield fail("control directory", f"{control} is on a read-only file system", cure)
    elif not os.access(control, os.W_OK):
        cure = "run doctor as the user that A-REX runs as (root)"
        yield fail("control directory", f"{control} is not writable", cure)
    elif os.stat(control).st_mode & _WRITABLE_BY_OTHERS:
        message = f"{control} is writable for other users"
        yield fail("control directory", message, f"run: chmod go-w {control}")
    else:
        yield ok("control directory", control)


def check_runtime_environments(settings: Settings) -> Iterator[Finding]:
    """Whether the file of each enabled and default runtime environment exists."""
    broken = 0
    for kind, disable in (("enabled", "disable"), ("default", "undefault")):
        top = os.path.join(settings.control_dir, "rte", kind)
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.exists(path):
                    continue
                broken += 1
                rte = os.path.relpath(path, top)
                target = os.readlink(path) if os.path.islink(path) else path
                yield fail(
                    "runtime environments",
                    f"{rte} is {kind}, but its file {target} does not exist",
                    f"install the file again, or run: arcctl rte {disable} {rte}",
                )
    if not broken:
        yield ok("runtime environments", "the file of each one exists")


def check_metrics_file(settings: Settings) -> Iterator[Finding]:
    """Whether scan can write the metrics file."""
    if not settings.metrics_file:
        return
    folder = os.path.dirname(settings.metrics_file)
    if not os.path.isdir(folder):
        cure = f"run: mkdir -p {folder}; or correct metrics_file in [custom:oar]"
        yield warn("metrics", f"the directory of metrics_file, {folder}, does not exist", cure)
    elif not os.access(folder, os.W_OK):
        cure = f"let A-REX's user write to {folder}, or correct metrics_file in [custom:oar]"
        yield warn("metrics", f"the directory of metrics_file, {folder}, is not writable", cure)
    else:
        yield ok("metrics", settings.metrics_file)
