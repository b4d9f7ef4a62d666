"""Which files of `share/` install puts where in ARC, for `lrms = OAR` and `lrms = SLURMPY`."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from arc_lrms_oar.admin import arc_locations
from arc_lrms_oar.admin.arc_locations import Arc
from arc_lrms_oar.errors import SiteError

# A-REX treats lrms = OAR and lrms = oar as two backends; both are this one.
SCRIPTS = tuple(f"{verb}-{n}-job" for n in ("OAR", "oar") for verb in ("submit", "cancel", "scan"))
# A-REX runs the scripts of the LRMS in a job's `.local` file. ARC 7 lacks those of SLURMPY, but has
# the jobs that ARC 6 accepted (docs/internals/arc.md#jobs-of-another-lrms).
_SCRIPTS_FOR_OLD_JOBS = ("submit-SLURMPY-job", "cancel-SLURMPY-job")
_SLURMPY_MODULE = "SLURMPYmod.pm"
_SCRIPT = "OAR-job"
_PERL_MODULE = "OARmod.pm"
_SLURM_REPLACEMENT = "slurm.py"


class ShareFile(NamedTuple):
    """One file to install: its path, content and mode."""

    target: str
    content: bytes
    mode: int


def files_to_install(lrms: str, arc: Arc) -> list[ShareFile]:
    """The files that `lrms` (OAR or SLURMPY, in any case) needs in `arc`.

    Raises:
        SiteError: this copy of the package is incomplete, or this ARC has no `arc.lrms`.
    """
    if lrms.upper() == "OAR":
        has_slurmpy = arc.version.startswith("6.") or os.path.exists(
            os.path.join(arc.data_dir, _SLURMPY_MODULE)
        )
        names = SCRIPTS if has_slurmpy else (*SCRIPTS, *_SCRIPTS_FOR_OLD_JOBS)
        content = _read(_SCRIPT)
        scripts = [ShareFile(os.path.join(arc.data_dir, name), content, 0o755) for name in names]
        module = os.path.join(arc.data_dir, _PERL_MODULE)
        return [*scripts, ShareFile(module, _read(_PERL_MODULE), 0o644)]
    if not arc.lrms_dir:
        raise SiteError(
            "lrms = SLURMPY needs ARC's Python package arc.lrms, which is not installed: install "
            "nordugrid-arc-arex-python-lrms (ARC 7 does not have it: use lrms = OAR there)"
        )
    target = os.path.join(arc.lrms_dir, _SLURM_REPLACEMENT)
    return [ShareFile(target, _read(_SLURM_REPLACEMENT), 0o644)]


def script_paths(arc: Arc) -> list[str]:
    """The paths of the scripts that A-REX runs for `lrms = OAR`."""
    return [os.path.join(arc.data_dir, name) for name in SCRIPTS]


def script_paths_for_old_jobs(arc: Arc) -> list[str]:
    """The paths of the scripts that ARC 7 runs for jobs of `lrms = SLURMPY`."""
    return [os.path.join(arc.data_dir, name) for name in _SCRIPTS_FOR_OLD_JOBS]


def _read(name: str) -> bytes:
    path = os.path.join(arc_locations.PACKAGE_FOLDER, "share", name)
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise SiteError(
            f"this copy of the package is incomplete: {path}: {error.strerror}; install it again"
        ) from None


def is_installed(file: ShareFile) -> bool:
    """Whether the target, or the file that it links to, has this content and mode."""
    try:
        status = os.stat(file.target)
        if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) != file.mode:
            return False
    except OSError:
        return False
    return has_content(file)


def has_content(file: ShareFile) -> bool:
    """Whether the target has this content. The first line of a script may name another Python.

    Debian's and Fedora's tools replace `/usr/bin/env python3` in packages by `/usr/bin/python3`.
    """
    try:
        with open(file.target, "rb") as opened:
            content = opened.read()
    except OSError:
        return False
    return _without_interpreter(content) == _without_interpreter(file.content)


def _without_interpreter(content: bytes) -> bytes:
    return content.partition(b"\n")[2] if content.startswith(b"#!") else content
