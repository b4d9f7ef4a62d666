"""#OAR lines in a script that oarsub scans (-S): they are further options.

The command line wins for an option that can be given only once.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from .invocation import Invocation, Refused
from .options import Option, Parsed


def scan_oar2(call: Invocation, parsed: Parsed, options: Mapping[str, Option]) -> str:
    """Add the options of the script to `parsed`; returns what they add to the initial request."""
    path, added = parsed.arguments[0], ""
    try:
        with open(shlex.split(path)[0], encoding="utf-8", errors="replace") as script:
            lines = script.readlines()
    except OSError as error:
        at = 98 if call.dialect.hash_errors else 94
        raise _scan_error(
            f"cat: {path}: {error.strerror}\nUse of uninitialized value in pattern match (m//)"
            f" at /usr/share/perl5/OAR/Sub.pm line {at}.\n"
            f"[ERROR] Cannot open the file {path}.\n",
        ) from None
    for number, line in enumerate(lines, 1):
        match = re.match(r"#OAR\s+(.*?)\s*$", line)
        if not match:
            continue
        # OAR takes the rest of the line literally, with its quotes.
        option, _, value = match.group(1).partition(" ")
        if "=" in option and option.startswith("--"):
            option, _, value = match.group(1).partition("=")
        known = options.get(option)
        if known is None:
            raise _scan_error(
                f"/!\\ Not able to scan file line: {match.group(0)}. at"
                f" /usr/share/perl5/OAR/Sub.pm line 144, <FILE> line {number}.\n"
                f"[ERROR] 1 error(s) encountered while parsing the file {path}.\n",
            )
        if known.name in ("resource", "type", "anterior") or not parsed.has(known.name):
            parsed.add(known.name, value.strip())
        added += f"; {line.strip()}"
    return added


def _scan_error(text: str) -> Refused:
    return Refused(12, err=text)


def scan_oar3(parsed: Parsed, options: Mapping[str, Option]) -> str:
    """Add the options of the script to `parsed`; returns what is printed on standard error.

    OAR 3 submits the job even if the script does not exist.
    """
    path = parsed.arguments[0]
    try:
        with open(shlex.split(path)[0], encoding="utf-8", errors="replace") as script:
            lines = script.readlines()
    except OSError as error:
        return f"cat: {path}: {error.strerror}\n"
    for line in lines:
        match = re.match(r"#OAR\s+(\S+?)(?:[=\s]\s*(.*?))?\s*$", line)
        if not match:
            continue
        option = options.get(match.group(1))
        if option is None:
            text = f"Not able to parse line: {line.strip()}"
            raise Refused(1, err=f"#ERROR: \n{(-72, text)}\n")
        if option.name in ("resource", "type") or not parsed.has(option.name):
            parsed.add(option.name, match.group(2) or "")
    return ""
