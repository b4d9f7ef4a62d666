"""The version of the package is the same wherever it is written."""

from __future__ import annotations

import re
from pathlib import Path

from arc_lrms_oar.version import __version__

ROOT = Path(__file__).parents[1]


def test_newest_dated_section_of_the_changelog() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased, *released = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert unreleased == "Unreleased"
    assert re.fullmatch(rf"{re.escape(__version__)}, \d{{4}}-\d\d-\d\d", released[0])


def test_spec_of_the_rpm() -> None:
    """mock and rpmbuild on Enterprise Linux take the version from the spec."""
    spec = (ROOT / "packaging/rpm/arc-lrms-oar.spec").read_text(encoding="utf-8")
    assert re.findall(r"%global package_version (\S+)}", spec) == [__version__]
