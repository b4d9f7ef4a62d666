"""doctor's checks of what A-REX publishes: totals of queues that share nodes, and VOs.

They concern numbers and visibility only; jobs run without them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from arc_lrms_oar.admin.check_resources import Matching, Rows
from arc_lrms_oar.admin.findings import Finding, ok
from arc_lrms_oar.arex.config import Blocks
from arc_lrms_oar.info.slots import Slots
from arc_lrms_oar.settings import Settings

_CLUSTER = "infosys/cluster"


def check_published(
    settings: Settings, blocks: Blocks, rows: Rows, matching: Matching
) -> Iterator[Finding]:
    """Whether GLUE2 totals are right and clients find the CE; `rows` are OAR's resources.

    None is a warning: jobs run without them, and many sites leave them as they are.
    """
    yield _check_totals(settings, blocks, rows, matching)
    yield _check_vos(blocks)


def _check_totals(settings: Settings, blocks: Blocks, rows: Rows, matching: Matching) -> Finding:
    """A-REX adds up the nodes of all queues (`infoproviders/ARC1ClusterInfo.pm` of 6.17 and 7.0).

    The nodes of a queue are those of the resources that fulfil its condition.
    """
    now = time.time()
    slots = Slots(rows, settings, now)
    own = {"": set(slots.nodes)}
    for condition, found in matching.items():
        # A wrong condition has its own finding; its queue is published without nodes.
        if isinstance(found, list):
            own[condition] = set(Slots(found, settings, now).nodes)
    nodes = {name: own.get(one.properties, set()) for name, one in settings.queues.items()}
    shared = [
        name
        for name in nodes
        if any(nodes[name] & nodes[other] for other in nodes if other != name)
    ]
    if not shared or "totalcpus" in blocks.get(_CLUSTER, {}):
        return ok("published totals", "TotalLogicalCPUs counts each core once")
    return ok(
        "published totals",
        f"the queues {', '.join(shared)} share nodes, so TotalLogicalCPUs counts their cores once "
        f"for each queue, which no job depends on; with totalcpus = {len(slots.up)} in "
        f"[{_CLUSTER}] it would count them once",
    )


def _check_vos(blocks: Blocks) -> Finding:
    titles = [_CLUSTER, *(title for title in blocks if title.startswith("queue:"))]
    if any("advertisedvo" in blocks.get(title, {}) for title in titles):
        return ok("published VOs", "advertisedvo is set")
    return ok(
        "published VOs",
        f"advertisedvo is not set in [{_CLUSTER}] or [queue:NAME], which only clients that select "
        "CEs by VO in GLUE2 need, such as DIRAC",
    )
