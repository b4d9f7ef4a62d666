"""Findings of doctor: one per check, with a level and, for problems, a cure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from arc_lrms_oar.console import printable

OK = "ok"
WARN = "warn"
FAIL = "FAIL"

_EXIT_STATUS = {OK: 0, WARN: 1, FAIL: 2}


class Finding(NamedTuple):
    """The result of one check: its level (OK, WARN, FAIL), and what to do about it.

    Where a command cures it, `cure` has it after "run: ", up to "; " or the end. Where a line of
    arc.conf does, it says "set NAME = VALUE in [BLOCK]", "remove NAME from [BLOCK]", "rename NAME
    to OTHER in [BLOCK]", "move NAME to [BLOCK]", "rename the block [BLOCK] to [OTHER]" or "remove
    the block [BLOCK]". The first of several alternatives is enough.
    """

    level: str
    check: str
    message: str
    cure: str = ""


def ok(check: str, message: str) -> Finding:
    """No problem was found, or the check was skipped for the reason in `message`."""
    return Finding(OK, check, printable(message))


def warn(check: str, message: str, cure: str) -> Finding:
    """Jobs run, but something is degraded, or could not be checked."""
    return Finding(WARN, check, printable(message), cure)


def fail(check: str, message: str, cure: str) -> Finding:
    """Some or all jobs cannot run."""
    return Finding(FAIL, check, printable(message), cure)


def as_lines(finding: Finding) -> str:
    """A finding as text: one line, and a second one with the cure."""
    line = f"{finding.level:<5} {finding.check}: {finding.message}"
    return f"{line}\n      -> {finding.cure}" if finding.cure else line


def as_json(findings: Iterable[Finding]) -> str:
    """All findings as JSON, with doctor's exit status."""
    rows = list(findings)
    return json.dumps(
        {"exit_status": exit_status(rows), "findings": [row._asdict() for row in rows]}, indent=2
    )


def exit_status(findings: Iterable[Finding]) -> int:
    """doctor's exit status: 0 no problem, 1 warnings, 2 failures."""
    return max((_EXIT_STATUS[finding.level] for finding in findings), default=0)
