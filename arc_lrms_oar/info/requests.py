"""How many slots, and how much wall time, a waiting job requests. Pure.

OAR reports a request in two forms. Its message begins with "R=8,W=0:10:0,…", but only after the
scheduler has placed the job; R counts resources, and a slot may have several. The request
itself, `-l "{type = 'default'}/network_address=2/core=4,walltime=0:10:0"`, is in OAR 2's full
records only (see `details`). A request that `oarsub_grammar` does not accept counts as not
reported.
"""

from __future__ import annotations

import re

from arc_lrms_oar.info.slots import Slots
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oarsub_grammar import Alternative, GrammarError, Group, alternatives

_OPTION = r"-l\s+\"([^\"]*)\""
_TYPE = r"\btype\s*=\s*'([^']*)'"


def requested_slots(record: JobRecord, slots: Slots) -> int | None:
    """The slots that a job requests, None if OAR does not report it or says only ALL or BEST.

    Of alternatives (moldable jobs) the first one counts. The size of a node, where nodes differ, is
    that of the nodes that OAR chose for R=. If only R= is known, it is divided by the mean number
    of resources of a slot.
    """
    request = _first_alternative(record)
    groups = [group for group in request.groups if _has_slots(group)] if request else []
    rows = record.wanted if request and len(request.groups) == 1 else None
    numbers = [_slots_of(group, slots, rows) for group in groups]
    if numbers and None not in numbers:
        return sum(number for number in numbers if number) or None
    return max(1, round(record.wanted / slots.rows_of_a_slot)) if record.wanted else None


def requested_wall_time(record: JobRecord) -> int | None:
    """The wall time that a job requests in seconds, None if OAR does not report it."""
    request = _first_alternative(record)
    if request is None or not request.walltime:
        return None
    hours, minutes, seconds = (int(part) for part in request.walltime.split(":"))
    return hours * 3600 + minutes * 60 + seconds or None


def _first_alternative(record: JobRecord) -> Alternative | None:
    found = re.search(_OPTION, record.resource_request)
    if not found:
        return None
    try:
        return alternatives(found[1].strip())[0]
    except (GrammarError, IndexError):
        return None


def _has_slots(group: Group) -> bool:
    """Whether the group requests slots, and not licences and the like."""
    kind = re.search(_TYPE, group.condition)
    return kind is None or kind[1] == "default"


def _slots_of(group: Group, slots: Slots, rows: int | None) -> int | None:
    """The slots of /network_address=2/core=4 and the like, for which OAR chose so many `rows`."""
    number = 1
    deepest = ""
    for part in group.levels.strip("/").split("/"):
        deepest, _, count = part.partition("=")
        if not count.isdecimal():
            return None
        number *= int(count)
        if deepest == slots.core_level:
            break
    size = slots.size_of(deepest, rows / number if rows else None)
    return max(1, round(number * size)) if size else None
