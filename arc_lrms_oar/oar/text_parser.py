"""Reads the plain text that OAR's commands print: text in, values out, for every dialect. Pure.

What jobs are and do is never read from text: see `oar.json_parser`. The module is loaded for each
submission, so its patterns are strings, compiled by `re` when they are first used.
"""

from __future__ import annotations

import re

from arc_lrms_oar.console import printable
from arc_lrms_oar.errors import OarAnswerError

_JOB_ID = r"(?m)^OAR_JOB_ID=([1-9][0-9]{0,17})[ \t\r]*$"
_ENDED_ROW = r"(?m)^([1-9][0-9]{0,17}) +[TE] "
_VERSION = r"OAR version ?: ?([0-9]{1,3}\.[^\s]{0,80})"
# Lines without a reason: OAR's notes, and all of a Python traceback but its last line.
_NOISE = (
    r"^(?:#\s*(?:WARNING|INFO):.*|\[ADMISSION RULE\] (?:Modify resource|Set default|Automatic).*"
    r"|OAR_JOB_ID=.*|OAR_ARRAY_ID=.*|.*verify your (?:request|job submission) syntax\.?"
    r"|\[ *[A-Z]+\] \[[0-9]{4}-.*"
    r"|#ERROR: unamed error|Traceback .*|LINE \d+:.*|  .*|\s*(?:\)\s*)?)$"
)
_LABEL = (
    r"(?i)^(?:#\s*|\[ERROR\]\s*|\[ADMISSION RULE\]\s*|ADMISSION RULE>\s*|/!\\\s*|ERROR\s*:\s*)+"
)
_TUPLE = r"""(?s)^\(-?\d+,\s*(['"])(.*)\1\)$"""
# How OAR 3 introduces the error of an admission rule, which it prints on stdout.
_FAILED_RULE = r"(?i)a failed admission rule prevented submitting the job"
_LONGEST_REASON = 400
_NOT_DELETED = r"(?m)Cannot frag ([0-9]{1,18}) ; (.*?)\.?$"
_DELETED_BEFORE = "already killed"


def submitted_id(stdout: str) -> int | None:
    """The ID of the job that oarsub created, or None: an empty or negative one is a refusal."""
    match = re.search(_JOB_ID, stdout)
    return int(match[1]) if match else None


def version(stdout: str) -> str:
    """The version that `oarstat -V` prints, such as 2.5.9; raises OarAnswerError."""
    match = re.search(_VERSION, stdout)
    if not match:
        raise OarAnswerError(f"oarstat -V printed no version: {stdout[:80]!r}")
    return match[1]


def refusal(stdout: str, stderr: str) -> str:
    """OAR's reason for a refusal as one printable line, "" where it gives none.

    The reason is on stderr. On stdout the site's admission rules print messages, also for jobs
    that they accept, so stdout counts only where stderr gives no reason: OAR 3 prints the error of
    an admission rule there, and a rule of OAR 2 may print and exit.
    """
    lines = _reasons(stderr)
    if not lines:
        lines = _reasons(stdout)
        lines = [line for line in lines if re.search(_FAILED_RULE, line)] or lines
    reason = " ".join(dict.fromkeys(lines))
    return reason if len(reason) <= _LONGEST_REASON else reason[: _LONGEST_REASON - 3] + "..."


def _reasons(text: str) -> list[str]:
    lines = []
    for line in map(printable, text.splitlines()):
        if not re.match(_NOISE, line):
            plain = re.sub(_LABEL, "", line).strip()
            match = re.match(_TUPLE, plain)
            lines.append(match[2] if match else plain)
    return [line for line in lines if line]


def refused_deletions(output: str) -> dict[int, str]:
    """The reasons for which oardel did not delete jobs, by job ID; a second deletion is none.

    Its exit status is that of the last job (OAR 2) or a sum for all (OAR 3, 15).
    """
    found = re.findall(_NOT_DELETED, output)
    return {int(job_id): printable(why) for job_id, why in found if _DELETED_BEFORE not in why}


def ended_hint(stdout: str) -> set[int]:
    """The IDs in the rows of a text listing that read Terminated or Error; a hint, no more."""
    return {int(match[1]) for match in re.finditer(_ENDED_ROW, stdout)}
