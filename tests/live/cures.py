"""Follows the cures of doctor as an administrator does, as far as they hold a command or a line.

The form of a cure is described at `arc_lrms_oar.admin.findings.Finding`.
"""

from __future__ import annotations

import re

from bed import Bed
from support.conf_edits import first_edit

_COMMAND = re.compile(r"\brun: (.*?)(?:; |$)")
_SERVICE = re.compile(r"systemctl (start|restart) (arc-arex arc-arex-ws|oar-server)")
_SERVICES = {"arc-arex arc-arex-ws": "arex", "oar-server": "oar"}


def follow(bed: Bed, conf: str, cure: str) -> str | None:
    """Do what `cure` says, and return the text of arc.conf after it.

    None if the cure holds neither a command nor a line of arc.conf, so that nothing was done.
    """
    edit = first_edit(cure)
    command = _COMMAND.search(cure)
    if command and (edit is None or command.start() < edit.start):
        _run(bed, command[1])
        return conf
    return None if edit is None else edit.apply(conf)


def _run(bed: Bed, command: str) -> None:
    service = _SERVICE.fullmatch(command)
    if service:
        # The testbed has no systemd.
        bed.service(_SERVICES[service[2]], service[1])
    else:
        bed.run(["sh", "-ec", command], cwd="/")
