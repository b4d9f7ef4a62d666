"""What doctor has found: a line for each thing that was looked at, and how bad the worst is.

Must not look at anything itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from arc_lrms_oar.console import printable

OK = "ok"
WARN = "warn"
FAIL = "FAIL"

_CODES = {OK: 0, WARN: 1, FAIL: 2}


class Finding(NamedTuple):
    """One thing that was looked at: how it is (OK, WARN, FAIL), and what cures it."""

    level: str
    what: str
    text: str
    cure: str = ""


def ok(what: str, text: str) -> Finding:
    """All is well."""
    return Finding(OK, what, printable(text))


def warn(what: str, text: str, cure: str) -> Finding:
    """Jobs run, but something is worse than it could be, or could not be told."""
    return Finding(WARN, what, printable(text), cure)


def fail(what: str, text: str, cure: str) -> Finding:
    """Jobs, or some of them, cannot run."""
    return Finding(FAIL, what, printable(text), cure)


def as_lines(finding: Finding) -> str:
    """A finding for people: one line, and one more for its cure."""
    line = f"{finding.level:<5} {finding.what}: {finding.text}"
    return f"{line}\n      -> {finding.cure}" if finding.cure else line


def as_json(findings: Iterable[Finding]) -> str:
    """All findings for programs, with the exit code that they come to."""
    rows = list(findings)
    return json.dumps({"code": worst(rows), "findings": [row._asdict() for row in rows]}, indent=2)


def worst(findings: Iterable[Finding]) -> int:
    """doctor's exit code: 0 all is well, 1 a warning, 2 a failure."""
    return max((_CODES[finding.level] for finding in findings), default=0)
