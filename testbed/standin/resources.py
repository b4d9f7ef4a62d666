"""Resources of the nodes, and `-l` requests for them: parse, print, choose.

Does not depend on jobs; the caller passes in the resources that may be chosen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
if TYPE_CHECKING:
    from typing import Any

    Row = Mapping[str, Any]

# A group is [property filter or "", [[level, count], …]], an alternative [[group, …], wall time].
# These are plain lists because they are stored as JSON in the job's row.
Group = tuple[str, list[tuple[str, int]]]
Alternative = tuple[list[Group], int]

ALL, BEST, BESTHALF = -1, -2, -3
_WORDS = {"ALL": ALL, "BEST": BEST, "BESTHALF": BESTHALF}


class RequestError(Exception):
    """A request that cannot be parsed; the text is that of OAR 2 without its prefix."""


def nodes_to_resources(nodes: Sequence[Mapping[str, int | str]]) -> list[dict[str, int | str]]:
    """Return one resource per core. Keys of a node: cores (default 2) and any property."""
    resources: list[dict[str, int | str]] = []
    for number, node in enumerate(nodes, 1):
        others = {k: v for k, v in node.items() if k != "cores"}
        for index in range(int(node.get("cores", 2))):
            rank = len(resources) + 1
            resources.append(
                {
                    "resource_id": rank,
                    "network_address": f"127.0.0.{number}",
                    "host": f"node{number}",
                    "cpu": number,
                    "core": rank,
                    "cpuset": str(index),
                    "mem": 4096,
                    **others,
                }
            )
    return resources


def default_nodes(count: int = 4, cores: int = 2) -> list[dict[str, int | str]]:
    """Return four nodes of two cores, as on the recorded installations."""
    return [{"host": f"node{i}", "cores": cores, "mem": 4096} for i in range(1, count + 1)]


def parse_walltime(text: str) -> int | None:
    """Return the seconds of h:m:s, h:m or h (a bare number is hours); None for anything else."""
    if not re.fullmatch(r"[\d|:]+", text):
        return None
    parts = [int(p or 0) for p in text.replace("|", "").split(":")] + [0, 0]
    return parts[0] * 3600 + parts[1] * 60 + parts[2]


def format_walltime(seconds: int) -> str:
    """Return h:m:s without leading zeros, as OAR prints it."""
    return f"{seconds // 3600}:{seconds // 60 % 60}:{seconds % 60}"


def parse_request(
    text: str, nodes_level: str = "network_address"
) -> tuple[list[Group], int | None]:
    """Parse one `-l` value into its groups (joined by +) and its wall time in seconds or None."""
    groups: list[Group] = []
    rest = text
    while True:
        constraint = ""
        match = re.match(r"^\s*(?:\++|,+|\s*)\s*\{(.+?)\}(.*)$", rest, re.DOTALL)
        if match:
            constraint, rest = match.group(1), match.group(2)
        match = re.match(r"^\s*(?:\++|,+|\s*)\s*/*([^,+]+)\s*(.*)$", rest, re.DOTALL)
        if match and not re.match(r"\s*walltime", match.group(1)):
            wanted, rest = match.group(1), match.group(2)
        else:
            wanted = "resource_id=1"
        groups.append(
            (
                constraint,
                [_level(part, nodes_level) for part in wanted.rstrip("/").split("/") if part],
            )
        )
        match = re.match(r"^[\s,]*walltime\s*=\s*([\d|:]+)\s*$", rest)
        if match:
            return groups, parse_walltime(match.group(1))
        if not rest.strip():
            return groups, None
        if not rest.lstrip().startswith("+"):
            raise RequestError(f"-- {rest} -- resource")


def _level(text: str, nodes_level: str) -> tuple[str, int]:
    match = re.match(r"^\s*(\w+)\s*=\s*(\d+|ALL|BESTHALF|BEST)\s*$", text, re.ASCII)
    if not match:
        raise RequestError(f"the resource description : {text}")
    name, count = match.groups()
    return (
        nodes_level if name == "nodes" else name,
        _WORDS[count] if count in _WORDS else int(count),
    )


def format_request(groups: Iterable[Group], walltime: int) -> str:
    """Return the alternative as `oarstat -f` prints it."""
    parts = []
    for constraint, levels in groups:
        path = "".join(f"/{name}={_count(count)}" for name, count in levels)
        parts.append((f"{{{constraint}}}" if constraint else "") + path)
    return f'-l "{"+".join(parts)},walltime={format_walltime(walltime)}" '


def _count(count: int) -> str:
    return next((word for word, number in _WORDS.items() if number == count), str(count))


def choose(rows: Sequence[Row], levels: Sequence[tuple[str, int]]) -> list[int] | None:
    """Return resource IDs that satisfy the hierarchy of levels, or None."""
    if not levels:
        return [int(row["resource_id"]) for row in rows]
    name, count = levels[0]
    values: dict[Any, list[Row]] = {}
    for row in rows:
        if row[name] is not None:
            values.setdefault(row[name], []).append(row)
    fitting = [f for f in (choose(sub, levels[1:]) for sub in values.values()) if f is not None]
    if count == ALL:
        count = len(values)
    elif count in (BEST, BESTHALF):
        count = len(fitting) if count == BEST else (len(fitting) + 1) // 2
    if count < 1 or len(fitting) < count:
        return None
    return [rid for found in fitting[:count] for rid in found]


def choose_groups(
    groups: Sequence[tuple[Sequence[Row], Sequence[tuple[str, int]]]],
) -> list[int] | None:
    """Return resource IDs for all groups together, none of them used twice, or None."""
    taken: set[int] = set()
    for rows, levels in groups:
        found = choose([r for r in rows if r["resource_id"] not in taken], levels)
        if found is None:
            return None
        taken.update(found)
    return sorted(taken)
