"""Reads the plain text that OAR's commands print. Pure: text in, values out, for every dialect.

Nothing here is believed of what jobs are and do: see `oar.json_parser`. It is loaded for each
submission, so the patterns are compiled by `re` when they are first needed, which most are not.
"""

from __future__ import annotations

import re

from arc_lrms_oar.errors import OarAnswerError

_JOB_ID = r"(?m)^OAR_JOB_ID=([1-9][0-9]{0,17})[ \t\r]*$"
_ENDED_ROW = r"(?m)^([1-9][0-9]{0,17}) +[TE] "
_VERSION = r"OAR version ?: ?([0-9]{1,3}\.[^\s]{0,80})"
_NOISE = (
    r"^(?:#\s*(?:WARNING|INFO):.*|\[ADMISSION RULE\] (?:Modify resource|Set default|Automatic).*"
    r"|OAR_JOB_ID=.*|OAR_ARRAY_ID=.*|.*verify your (?:request|job submission) syntax\.?"
    r"|#ERROR: unamed error|Traceback .*|LINE \d+:.*|  .*|\s*(?:\)\s*)?)$"
)
_LABEL = (
    r"(?i)^(?:#\s*|\[ERROR\]\s*|\[ADMISSION RULE\]\s*|ADMISSION RULE>\s*|/!\\\s*|ERROR\s*:\s*)+"
)
_TUPLE = r"""(?s)^\(-?\d+,\s*(['"])(.*)\1\)$"""


def submitted_id(stdout: str) -> int | None:
    """The id of the job that oarsub made, or None: an empty or negative one is a refusal."""
    match = re.search(_JOB_ID, stdout)
    return int(match[1]) if match else None


def version(stdout: str) -> str:
    """The version that `oarstat -V` prints, such as 2.5.9; raises OarAnswerError."""
    match = re.search(_VERSION, stdout)
    if not match:
        raise OarAnswerError(f"oarstat -V printed no version: {stdout[:80]!r}")
    return match[1]


def refusal(stdout: str, stderr: str) -> str:
    """OAR's own reason for refusing a job, without its noise; "" where it gave none."""
    lines = []
    for line in [*stderr.splitlines(), *stdout.splitlines()]:
        if not re.match(_NOISE, line):
            text = re.sub(_LABEL, "", line).strip()
            match = re.match(_TUPLE, text)
            lines.append(match[2] if match else text)
    reason = " ".join(dict.fromkeys(line for line in lines if line))
    return _shorter(reason)


def _shorter(text: str) -> str:
    return text if len(text) <= 400 else text[:397] + "..."


def ended_hint(stdout: str) -> set[int]:
    """The ids of the rows of a text listing that say Terminated or Error; a hint, no more."""
    return {int(match[1]) for match in re.finditer(_ENDED_ROW, stdout)}
