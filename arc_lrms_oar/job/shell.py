"""Text for bash: quoting, assignments, and the shell files of `share/`.

The bash itself is in `share/*.sh`, where shellcheck reads it; Python adds only assignments.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import cache

from arc_lrms_oar.errors import JobError

_SHARE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "share")
_VARIABLE = re.compile(r"\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})")


@cache
def shared(name: str) -> str:
    """Return the text of the shell file `name` in `share/`; raises JobError if it is missing."""
    path = os.path.join(_SHARE, name)
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError as error:
        raise JobError(
            f"this copy of the package is incomplete: {path}: {error.strerror}; install it again"
        ) from None


def quoted(text: str) -> str:
    """Quote `text`, which may hold any bytes, as one word; raises JobError for a NUL byte."""
    if "\0" in text:
        raise JobError("a NUL byte cannot be part of an argument or of the environment")
    return "'" + text.replace("'", "'\\''") + "'"


def assignment(name: str, value: str) -> str:
    """Return the line that assigns `value`, which bash takes as it is."""
    return f"{name}={quoted(value)}\n"


def array(name: str, values: Iterable[str]) -> str:
    """Return the line that assigns an array."""
    return f"{name}=({' '.join(quoted(value) for value in values)})\n"


def with_variables(text: str) -> str:
    """Quote a value of the administrator: bash expands $NAME and ${NAME} in it, nothing else."""
    out, position = [], 0
    for match in _VARIABLE.finditer(text):
        out += [_escaped(text[position : match.start()]), match[0]]
        position = match.end()
    return '"' + "".join(out) + _escaped(text[position:]) + '"'


def _escaped(text: str) -> str:
    return re.sub(r'[\\"`$]', r"\\\g<0>", text)


def comment(text: str) -> str:
    """Return `text` in a form that cannot end a comment line."""
    return re.sub(r"[^\x20-\x7e]", "?", text)
