"""Translate: what would become of a job description, without any ARC or OAR at hand.

The story: read xRSL or GRAMi, let A-REX's part be done as A-REX does it, take the same steps as a
submission up to oarsub, and show them. Nothing is submitted and nothing written. Runtime
environments that are enabled on this machine run their stage 0, as they would at submission.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from dataclasses import dataclass, replace
from typing import Any

from arc_lrms_oar.arex.config import find_config, load
from arc_lrms_oar.errors import OarLrmsError
from arc_lrms_oar.job import grami, mark
from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.job.unheeded import unheeded, unused_keys
from arc_lrms_oar.settings import Settings
from arc_lrms_oar.verbs.submit import check_site, prepare

_LIMIT = 64 * 1024 * 1024
_SESSIONS = "/var/spool/arc/sessiondir"
_GRID_ID = "GRIDID"
_SCRIPT = "job.sh"
_FIELDS = (
    *("name", "executable", "arguments", "environment", "stdin", "stdout", "stderr", "queue"),
    *("cpu_time", "wall_time", "memory", "disk", "count", "count_per_node", "exclusive"),
    *("runtime_environments", "start_time", "priority", "project", "rerun"),
    *("input_files", "output_files"),
)


@dataclass(frozen=True)
class Translation:
    """One job: what the user asked for, the oarsub line, what has no effect and why, the script."""

    description: dict[str, Any]
    oarsub: list[str]
    ignored: list[str]
    script: str


def run(file: str, language: str | None, config: str | None, queue: str | None, form: Form) -> int:
    """Prints what becomes of the job description in `file` (`-` is standard input)."""
    name = "standard input" if file == "-" else file
    found = translate(_content(file, name), name, language, settings_for(config), queue)
    _print(form.text(found))
    return 0
