"""The command `translate`: prints what a job description becomes, and what the CE refuses."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Sequence

from arc_lrms_oar.commands.connect import client_of
from arc_lrms_oar.commands.translate import Translation, read_text, settings_for, translate
from arc_lrms_oar.commands.translate_output import as_text
from arc_lrms_oar.errors import OarLrmsError, OarUnavailable
from arc_lrms_oar.info.slots import Slots
from arc_lrms_oar.process import ENVIRONMENT
from arc_lrms_oar.settings import Settings


def show(
    file: str,
    config: str | None = None,
    queue: str | None = None,
    language: str | None = None,
    as_json: bool = False,
    with_script: bool = False,
) -> int:
    """Translate the job description in `file` (`-`: standard input).

    Returns the exit status: 1 if the CE of the configuration would refuse a job.
    """
    source = "standard input" if file == "-" else file
    try:
        text = read_text(file)
        settings = settings_for(config)
        found = translate(text, settings, queue, language, source)
    except OarLrmsError as error:
        shown = getattr(error, "shown", "")
        if not shown:
            raise
        print(f"{source}: {shown}", file=sys.stderr)
        return 1
    _check_cores(found, settings)
    if as_json:
        output = json.dumps(
            [{**vars(one), "config": settings.config_file or None} for one in found], indent=2
        )
    else:
        used = settings.config_file or "none: this machine has no arc.conf; the defaults are used"
        output = f"Configuration:\n  {used}\n\n{as_text(found, with_script)}".rstrip("\n")
    sys.stdout.flush()
    sys.stdout.buffer.write(f"{output}\n".encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()
    return int(any(one.refused for one in found))


def _check_cores(found: Sequence[Translation], settings: Settings) -> None:
    """Add to `refused` that a job requests more cores than OAR has, where OAR is at hand."""
    if not settings.config_file or not _has_oar(settings):
        return
    try:
        total = len(Slots(client_of(settings).resources(), settings, time.time()).until)
    except OarUnavailable:
        return
    for one in found:
        count = one.description["count"] or 1
        counted = not any(line.startswith("count: ") for line in one.ignored)
        if counted and count > total > 0:
            one.refused.append(f"count: it requests {count} slots, and OAR has {total}")


def _has_oar(settings: Settings) -> bool:
    """Whether OAR's commands are on this machine, or one is configured that has them."""
    path = settings.bin_path or ENVIRONMENT["PATH"]
    return bool(settings.remote_host) or shutil.which("oarnodes", os.X_OK, path) is not None
