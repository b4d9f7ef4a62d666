"""How the package is installed in the testbed: the commands that restore and remove its files."""

from __future__ import annotations

from bed import Bed

# doctor names these as the cure of files that were changed.
_RESTORE = {
    "copy": "/usr/bin/python3 -m arc_lrms_oar install --lrms OAR",
    "deb": "apt-get install --reinstall arc-lrms-oar",
}
_REMOVE = {
    "copy": "python3 -m arc_lrms_oar uninstall",
    "deb": "apt-get -y remove arc-lrms-oar",
}


def restoring(bed: Bed) -> str:
    """The command that restores the package's files in ARC's directories."""
    return _RESTORE[bed.package_kind()]


def removing(bed: Bed) -> str:
    """The command that removes the package's files from ARC's directories."""
    return _REMOVE[bed.package_kind()]
