"""What A-REX starts: submit, cancel and scan as its scripts in `share` call them.

They are started for each job and every few seconds, and their words are always the same: so these
are not read by argparse, which takes as long to load as half of Python's own start.

Source of the words: ARC 6.17 and 7.0 `src/services/a-rex/grid-manager`, `jobs/JobsList.cpp` for
submit and cancel (`--config FILE GRAMI`), `conf/CoreConfig.cpp` for scan (`--config FILE
CONTROLDIR`).
"""

from __future__ import annotations

import gc
import sys
from typing import NoReturn

from arc_lrms_oar.ending import guarded, leave
from arc_lrms_oar.errors import GramiError, OarUnavailable
from arc_lrms_oar.log import Log


def call(verb: str) -> NoReturn:
    """Runs the script of `verb` with the words of this process, and ends it."""
    # The process is too short for garbage to matter, and looking for it takes a tenth of its time.
    gc.disable()
    words = sys.argv[1:]
    targets = words[2:]
    plain = words[:1] == ["--config"] and not any(word.startswith("-") for word in targets)
    if plain and targets and (len(targets) == 1 or verb == "scan"):
        leave(run(verb, words[1], *targets))
    # These are a person's, who is to be told what is right.
    from arc_lrms_oar.cli import main

    leave(main([verb, *words]))


def run(verb: str, config: str, *targets: str) -> int:
    """The exit code of submit, cancel or scan, after whatever may go wrong."""
    verbs = {"submit": submit, "cancel": cancel, "scan": scan}
    return guarded(verb, lambda: verbs[verb](config, *targets))


def submit(config: str | None, grami: str) -> int:
    """Submits the job of a GRAMi file."""
    from arc_lrms_oar.commands.connect import client_of, settings_of
    from arc_lrms_oar.commands.submit import submit

    settings = settings_of(config)
    job_id = submit(settings, client_of(settings), grami)
    line = f"{_of_grid_job(grami)}OAR job {job_id} submitted"
    Log("submit-OAR-job", settings.log_level).say("INFO", line)
    return 0


def cancel(config: str | None, target: str) -> int:
    """Cancels the OAR job of a GRAMi file, or one by its id."""
    from arc_lrms_oar.commands.cancel import cancel
    from arc_lrms_oar.commands.connect import client_of, settings_of

    settings = settings_of(config)
    done = cancel(settings, client_of(settings), target)
    line = _of_grid_job(target) + done
    Log("cancel-OAR-job", settings.log_level).say("INFO", line)
    return 0


def scan(config: str | None, *control_dirs: str) -> int:
    """Reports the ended jobs of the control directories to A-REX."""
    from arc_lrms_oar.commands.connect import client_of, settings_of
    from arc_lrms_oar.scan.scan import scan

    settings = settings_of(config)
    log = Log("scan-OAR-job", settings.log_level)
    try:
        scan(settings, client_of(settings), control_dirs, log)
    except OarUnavailable:
        return 1
    return 0


def _of_grid_job(target: str) -> str:
    """How a line of the log on the job of a GRAMi file begins; "" for one by its OAR id alone."""
    from arc_lrms_oar.job import grami

    try:
        grid_id = grami.read_values(target).get("joboption_gridid")
    except GramiError:
        return ""
    return f"{grid_id}: " if grid_id else ""
