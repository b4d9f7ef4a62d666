"""Finds the ID of a job in what a person has copied from a terminal, a log or a mail. Pure.

A grid job ID is printed in many forms: alone, as the last part of a URL of the REST, EMI-ES or
GridFTP interface (`https://ce:443/arex/rest/1.0/jobs/ID`, `https://ce:443/arex/ID`,
`gsiftp://ce:2811/jobs/ID`), in file names of the control directory (`job.ID.errors`) and of the
session directory, in the name of the OAR job (`NAME-ID`), and with punctuation behind it.
"""

from __future__ import annotations

import re

# With fewer characters a text is not taken for the start of a grid job ID.
SHORTEST_PREFIX = 4

_CONTROL_FILE = re.compile(r"(?:^|.*/)job\.([A-Za-z0-9]+)\.[a-z_]+")
_AROUND = " \t\r\n'\"`()[]{}<>,;:!?."
# A-REX's IDs have 54 characters; those of ARC 7 12 or more. A parent directory is never an ID.
_LONG_ID = re.compile(r"[A-Za-z0-9]{12,}")
_WORD = re.compile(r"[A-Za-z0-9]+")


def ids_in(text: str) -> list[str]:
    """The grid job IDs, starts of them, or job IDs of OAR that `text` may mean, best first.

    The list is empty if `text` has nothing that can be one.
    """
    word = next(iter(text.strip(_AROUND).split()), "").strip(_AROUND)
    control_file = _CONTROL_FILE.fullmatch(word)
    if control_file:
        return [control_file[1]]
    found = [part for part in re.split(r"[/?#=&]", word) if part]
    if len(found) == 1:
        return _named(found[0])
    long = [match for part in found[1:] for match in _LONG_ID.findall(part)]
    return long[::-1] or (_WORD.findall(found[-1])[-1:] if found else [])


def _named(part: str) -> list[str]:
    """`part` itself, or the grid job ID at the end of the name of an OAR job."""
    if _WORD.fullmatch(part):
        return [part]
    return _LONG_ID.findall(part)[::-1] or [part]
