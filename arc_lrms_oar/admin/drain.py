"""The command `drain`: lets A-REX refuse new jobs, while those that it has go on.

A-REX's own way is the instruction `drain` behind the path of a `sessiondir`. With all of them
drained it refuses new jobs on every interface ("No non-draining session dirs available", ARC 6.17
and 7.0 `src/services/a-rex/job.cpp`) and publishes the serving state "draining"
(`infoproviders/ARC1ClusterInfo.pm`). `allownew = no` is not published by ARC 7.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Sequence

from arc_lrms_oar.admin.arc_locations import RESTART
from arc_lrms_oar.admin.job_fields import moment
from arc_lrms_oar.admin.job_overview import OverviewReader
from arc_lrms_oar.admin.job_row import JobRow
from arc_lrms_oar.arex.config import RUNTIME_CONFIG, Blocks, edited_config, read_blocks
from arc_lrms_oar.commands.connect import client_of, settings_of
from arc_lrms_oar.errors import ConfigError, OarLrmsError
from arc_lrms_oar.files import atomic_write

# The comment before each line that `drain --start` has changed. Only those are changed back.
MARK = "# changed by `arc-oar drain --start`\n"
_BLOCK = re.compile(r"\s*\[([^]]*)\]")
_SESSION_DIR = re.compile(r"(\s*sessiondir\s*=\s*)(.*?)(\s*)$", re.S)


def is_draining(blocks: Blocks) -> bool:
    """Whether all session directories of the configuration are drained."""
    values = blocks.get("arex", {}).get("sessiondir", [])
    return bool(values) and all(value.split()[-1:] == ["drain"] for value in values)


def change(config: str | None, start: bool, dry_run: bool) -> int:
    """Change arc.conf so that A-REX drains, or accepts jobs again; returns the exit status.

    Raises ConfigError if the file cannot be read or written, or has no `sessiondir`.
    """
    path = edited_config(config)
    if path == RUNTIME_CONFIG:
        raise ConfigError(f"{path}: this is A-REX's copy of arc.conf; give arc.conf with --config")
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            old = file.read().splitlines(keepends=True)
        status = os.stat(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the ARC configuration: {error.strerror}") from None
    new = drained(old) if start else undrained(old)
    if new == old:
        state = "drains already" if start else "has nothing that `drain --start` has changed"
        print(f"{path} {state}")
        return 0
    for line in sorted(set(new) - set(old) - {MARK}):
        print(f"{path}: {line.strip()}")
    if dry_run:
        return 0
    try:
        content = "".join(new).encode("utf-8", "surrogateescape")
        # A link is followed, so that it stays one.
        atomic_write(os.path.realpath(path), content, status.st_mode & 0o7777, sync=True)
        os.chown(path, status.st_uid, status.st_gid)
    except OSError as error:
        raise ConfigError(f"{path}: cannot write it: {error.strerror}") from None
    verb = "refuses new jobs" if start else "accepts new jobs again"
    print(f"A-REX {verb} when it has been restarted: {RESTART}")
    return 0


def drained(lines: Sequence[str]) -> list[str]:
    """The lines of arc.conf with every session directory drained; raises ConfigError for none."""
    found: list[str] = []
    block = ""
    seen = False
    for line in lines:
        title = _BLOCK.match(line)
        block = title[1].strip() if title else block
        match = _SESSION_DIR.fullmatch(line) if block == "arex" else None
        seen = seen or match is not None
        if match and match[2].split()[-1:] != ["drain"]:
            value = match[2].strip("\"'") if match[2][:1] in "\"'" else match[2]
            found += [MARK, f"{match[1]}{value} drain{match[3]}"]
        else:
            found.append(line)
    if not seen:
        raise ConfigError("[arex] of arc.conf has no sessiondir; write it there, then run `drain`")
    return found


def undrained(lines: Sequence[str]) -> list[str]:
    """The lines of arc.conf without what `drained` has changed."""
    found: list[str] = []
    marked = False
    for line in lines:
        if line.strip() == MARK.strip():
            marked = True
            continue
        match = _SESSION_DIR.fullmatch(line) if marked else None
        marked = False
        if match:
            found.append(f"{match[1]}{re.sub(' +drain$', '', match[2])}{match[3]}")
        else:
            found.append(line)
    return found


def show(config: str | None, as_json: bool) -> int:
    """Print whether the CE drains and which jobs are left; returns the exit status."""
    path = edited_config(config)
    wanted = is_draining(read_blocks(path))
    running = _running()
    settings = settings_of(config)
    now = time.time()
    overview = OverviewReader(settings, client_of(settings)).read(now, newest=0)
    left = overview.in_progress
    last = max((end for row in left if (end := _expected_end(row)) is not None), default=None)
    if as_json:
        found = {
            "config": path,
            "draining": wanted,
            "running_drains": running,
            "jobs_left": len(left),
            "by_state": overview.by_state,
            "last_end": last,
            "oar_error": overview.oar_error,
        }
        print(json.dumps(found, indent=2))
        return 0
    print(f"{path}: {'drains' if wanted else 'accepts new jobs'}")
    if running is not None and running != wanted:
        state = "drains" if running else "accepts new jobs"
        print(f"The running A-REX {state}: it has to be restarted ({RESTART})")
    counts = ", ".join(f"{count} {state}" for state, count in overview.by_state.items())
    print(f"{len(left)} jobs are left{f': {counts}' if counts else ''}")
    if last is not None:
        print(f"The last of those that run ends at {moment(last, now)} at the latest")
    if overview.oar_error:
        print(f"OAR is unavailable: {overview.oar_error}", file=sys.stderr)
    if not left and wanted:
        print("The CE is empty.")
    return 0


def _running() -> bool | None:
    """Whether A-REX has been started with a configuration that drains; None if it does not run."""
    try:
        return is_draining(read_blocks(RUNTIME_CONFIG))
    except OarLrmsError:
        return None


def _expected_end(row: JobRow) -> float | None:
    """When a running job is ended at its wall time at the latest."""
    if row.start is None or row.requested is None or row.used is None:
        return None
    return float(row.start + row.requested)
