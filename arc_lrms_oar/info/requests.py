"""How many slots, and how much wall time, a waiting job requests. Pure.

OAR reports a request in two forms. Its message begins with "R=8,W=0:10:0,…", but only after the
scheduler has placed the job; R counts resources, of which a slot may have several. The request
itself, `-l "{type = 'default'}/network_address=2/core=4,walltime=0:10:0"`, is in OAR 2's full
records only. Source of its syntax: OAR 2.5 `sources/core/common-libs/lib/OAR/Sub.pm`,
`parse_resource_descriptions`, and `sources/core/qfunctions/oarstat`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from arc_lrms_oar.info.slots import Slots
from arc_lrms_oar.oar.job_record import JobRecord

_ALTERNATIVE = r"-l\s+(?:\"([^\"]*)\"|'([^']*)'|(\S+))"
_WALL_TIME = r",\s*walltime=([0-9]{1,6}):([0-9]{1,2}):([0-9]{1,2})\s*$"
# A condition in braces, or one level with its count.
_PART = r"\{([^{}]*)\}|([A-Za-z_][A-Za-z0-9_]*)=([0-9]{1,9}|[A-Z]+)|(\+)"
_TYPE = r"type\s*=\s*'([^']*)'"


def requested_slots(record: JobRecord, slots: Slots) -> int | None:
    """The slots that a job requests, None if OAR does not report it or says only ALL or BEST.

    Of alternatives (moldable jobs) the first one counts. If only R= is known, it is divided by the
    mean number of resources of a slot.
    """
    groups = list(_groups(_first_alternative(record.resource_request)))
    numbers = [_slots_of_group(group, slots) for group in groups]
    if numbers and None not in numbers:
        return sum(number for number in numbers if number) or None
    return max(1, round(record.wanted / slots.rows_of_a_slot)) if record.wanted else None


def requested_wall_time(record: JobRecord) -> int | None:
    """The wall time that a job requests in seconds, None if OAR does not report it."""
    found = re.search(_WALL_TIME, _first_alternative(record.resource_request))
    if not found:
        return None
    hours, minutes, seconds = (int(part) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds or None


def _first_alternative(request: str) -> str:
    found = re.search(_ALTERNATIVE, request)
    return next(filter(None, found.groups()), "").strip() if found else ""


def _groups(alternative: str) -> Iterator[list[tuple[str, str]]]:
    """The levels and counts of each group of resources that are slots."""
    levels: list[tuple[str, str]] = []
    other_type = False
    for condition, level, count, plus in re.findall(_PART, re.sub(_WALL_TIME, "", alternative)):
        if plus:
            if levels and not other_type:
                yield levels
            levels, other_type = [], False
        elif level:
            levels.append((level, count))
        elif found := re.search(_TYPE, condition):
            other_type = found[1] != "default"
    if levels and not other_type:
        yield levels


def _slots_of_group(levels: list[tuple[str, str]], slots: Slots) -> int | None:
    """The slots of /network_address=2/core=4 and the like."""
    number = 1.0
    deepest = ""
    for level, count in levels:
        if not count.isdecimal():
            return None
        number *= int(count)
        deepest = level
        if level == slots.core_level:
            break
    size = slots.size_of(deepest)
    return max(1, round(number * size)) if size else None
