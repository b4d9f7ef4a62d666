"""The job script that a submission prints on stderr, for `arcctl job script`."""

from __future__ import annotations

import re

_BLOCK = re.compile(
    "^----- starting submit-OAR-job -----\n(.*?)^----- exiting submit-OAR-job -----\n", re.M | re.S
)


def printed_script(text: str) -> str:
    """The text between the lines that ARC searches for; AssertionError if there is none."""
    found = _BLOCK.search(text)
    assert found is not None, text
    return found[1]


def without_script(text: str) -> str:
    """`text` without the job script and the lines around it."""
    return _BLOCK.sub("", text)
