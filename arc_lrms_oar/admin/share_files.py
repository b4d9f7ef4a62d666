"""Which files of `share/` belong where in ARC, for each of the two ways in.

Must not write anything: `admin.install` does.
"""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from arc_lrms_oar.admin import arc_locations
from arc_lrms_oar.admin.arc_locations import Arc
from arc_lrms_oar.errors import SiteError

WAYS_IN = ("OAR", "SLURMPY")

# A-REX takes lrms = OAR and lrms = oar for two backends, which are the same here.
_SCRIPTS = tuple(f"{verb}-{n}-job" for n in ("OAR", "oar") for verb in ("submit", "cancel", "scan"))
_MODULE = "OARmod.pm"
_DROP_IN = "slurm.py"


class Piece(NamedTuple):
    """One file: what is to stand at `target`, and with which mode."""

    target: str
    content: bytes
    mode: int


def pieces(lrms: str, arc: Arc) -> list[Piece]:
    """What `lrms` (one of WAYS_IN, in any case) needs in `arc`.

    Raises SiteError where this copy of the package or this ARC cannot have it.
    """
    if lrms.upper() == "OAR":
        scripts = [Piece(os.path.join(arc.data_dir, n), _share(n), 0o755) for n in _SCRIPTS]
        return [*scripts, Piece(os.path.join(arc.data_dir, _MODULE), _share(_MODULE), 0o644)]
    if not arc.lrms_dir:
        raise SiteError(
            "lrms = SLURMPY needs ARC's Python package arc.lrms, and there is none: install "
            "nordugrid-arc-arex-python-lrms (ARC 7 has none at all: there use lrms = OAR)"
        )
    return [Piece(os.path.join(arc.lrms_dir, _DROP_IN), _share(_DROP_IN), 0o644)]


def _share(name: str) -> bytes:
    path = os.path.join(arc_locations.PACKAGE_FOLDER, "share", name)
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise SiteError(
            f"this copy of the package is not whole: {path}: {error.strerror}; install it again"
        ) from None


def stands(piece: Piece) -> bool:
    """Whether `piece` is in its place, with its mode."""
    try:
        status = os.lstat(piece.target)
        if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) != piece.mode:
            return False
        with open(piece.target, "rb") as file:
            return file.read() == piece.content
    except OSError:
        return False
