"""doctor's checks of what A-REX publishes: totals of queues that share nodes, and VOs.

They concern numbers and visibility only; jobs run without them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from arc_lrms_oar.admin.findings import Finding, ok
from arc_lrms_oar.arex.config import Blocks
from arc_lrms_oar.info.slots import Slots
from arc_lrms_oar.settings import Settings

_CLUSTER = "infosys/cluster"


def check_published(
    settings: Settings, blocks: Blocks, rows: list[dict[str, Any]]
) -> Iterator[Finding]:
    """Whether GLUE2 totals are right and clients find the CE; `rows` are OAR's resources."""
    slots = Slots(rows, settings, time.time())
    yield from _check_totals(settings, blocks, slots)
    yield _check_vos(blocks)


def _check_totals(settings: Settings, blocks: Blocks, slots: Slots) -> Iterator[Finding]:
    """A-REX adds up the nodes of all queues (`infoproviders/ARC1ClusterInfo.pm` of 6.17 and 7.0).

    Queues with the same condition on resources have the same nodes.
    """
    queues: dict[str, list[str]] = {}
    for name, queue in settings.queues.items():
        queues.setdefault(queue.properties, []).append(name)
    shared = [name for names in queues.values() if len(names) > 1 for name in names]
    if not shared or "totalcpus" in blocks.get(_CLUSTER, {}):
        yield ok("published totals", "TotalLogicalCPUs counts each core once")
        return
    # No warning: this is common, and the option also fixes TotalSlots while nodes are down.
    yield ok(
        "published totals",
        f"the queues {', '.join(shared)} share nodes, and A-REX counts their cores once for each "
        f"queue in TotalLogicalCPUs; totalcpus = {len(slots.up)} in [{_CLUSTER}] overrides it",
    )


def _check_vos(blocks: Blocks) -> Finding:
    titles = [_CLUSTER, *(title for title in blocks if title.startswith("queue:"))]
    if any("advertisedvo" in blocks.get(title, {}) for title in titles):
        return ok("published VOs", "advertisedvo is set")
    return ok(
        "published VOs",
        f"advertisedvo is not set in [{_CLUSTER}] or [queue:NAME]: clients that select CEs by VO "
        "in GLUE2, such as DIRAC, do not find this CE",
    )
