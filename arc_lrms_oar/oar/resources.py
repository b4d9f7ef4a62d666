"""Reads OAR's resources and queues: text in, values out. Pure.

Which resources count as slots depends on the site's settings and is decided elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from arc_lrms_oar.errors import OarAnswerError
from arc_lrms_oar.oar.json_parser import as_text, document, ids_in

# How the rows begin, what comes before each, and what follows one; warnings may come first.
_FIRST = r"(?m)^(?:\{\s*(?=[\"}])|\[\s*(?=[{\]]))"
_KEY = r'(?:"(?:[^"\\]|\\.)*"\s*:\s*)?'
_NEXT_KEY = r"\s*,\s*" + _KEY
_END = r"\s*[}\]]\s*\Z"


class Queue(NamedTuple):
    """One queue of OAR: its scheduler (OAR 3: its policy), and whether it starts jobs."""

    name: str
    active: bool
    policy: str


def resources(stdout: str) -> Iterator[dict[str, Any]]:
    """The properties of each of OAR's resources from `oarnodes -J`; raises OarAnswerError.

    One by one, since a large site has tens of thousands of rows with some twenty values each.
    """
    stdout = as_text(stdout)
    if not stdout.strip():
        return
    start = re.search(_FIRST, stdout)
    if not start:
        raise OarAnswerError(f"oarnodes printed no JSON: {stdout[:80]!r}")
    decode = json.JSONDecoder().raw_decode
    next_key, end = re.compile(_NEXT_KEY), re.compile(_END)
    before = re.compile(_KEY).match(stdout, start.end())
    place = start.end()
    while before and not end.match(stdout, place):
        try:
            row, place = decode(stdout, before.end())
        except (ValueError, RecursionError) as error:
            raise OarAnswerError(f"oarnodes printed broken JSON: {error}") from None
        if isinstance(row, dict):
            yield row
        before = next_key.match(stdout, place)
    if not end.match(stdout, place):
        raise OarAnswerError(f"oarnodes printed broken JSON: {stdout[place : place + 80]!r}")


def resource_id(row: dict[str, Any]) -> int:
    """The ID of a resource, `resource_id` in OAR 2 (text in 2.6) and `id` in OAR 3; 0 if none."""
    number = row.get("resource_id", row.get("id"))
    if type(number) is int:
        return number
    found = ids_in([number])
    return found[0] if found else 0


def queues(stdout: str) -> dict[str, Queue]:
    """Queues by name from `oarnotify -l` (OAR 2) or `oarqueue` (OAR 3).

    A line with the name, then lines `key = value`, which only OAR 2 indents.
    """
    found: dict[str, dict[str, str]] = {}
    values: dict[str, str] = {}
    for line in stdout.splitlines():
        key, equals, value = line.strip().partition(" = ")
        if equals:
            values[key] = value
        elif key:
            values = found.setdefault(key, {})
    return {
        name: Queue(
            name, told["state"] == "Active", told.get("scheduler") or told.get("policy", "")
        )
        for name, told in found.items()
        if "state" in told
    }


class Assigned(NamedTuple):
    """What a job was given: the IDs of its resources, and its nodes, each once."""

    resources: tuple[int, ...] = ()
    nodes: tuple[str, ...] = ()


def assigned(stdout: str) -> dict[int, Assigned]:
    """The resources and nodes given to each job, by job ID, from OAR 3's `oarstat -p -J`."""
    document_rows = document(stdout)
    found = {}
    for key, own in document_rows.items() if isinstance(document_rows, dict) else ():
        ids = ids_in([key])
        if ids and isinstance(own, list):
            rows = [row for row in own if isinstance(row, dict)]
            nodes = [str(row["network_address"]) for row in rows if row.get("network_address")]
            found[ids[0]] = Assigned(
                tuple(resource_id(row) for row in rows), tuple(dict.fromkeys(nodes))
            )
    return found
