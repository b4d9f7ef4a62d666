"""The result of `info.provider.lrms_info` as tables for an administrator. Pure."""

from __future__ import annotations

from collections import Counter
from typing import Any

from arc_lrms_oar.console import columns

_CLUSTER = (
    ("OAR", "lrms_version"),
    ("slots", "totalcpus"),
    ("slots used", "usedcpus"),
    ("slots requested", "queuedcpus"),
    ("jobs running", "runningjobs"),
    ("jobs waiting", "queuedjobs"),
    ("scheduling", "schedpolicy"),
    ("nodes by slots", "cpudistribution"),
)
_QUEUE = ("running", "queued", "suspended", "totalcpus", "freeslots")
_HEADING = ("queue", "state", "running", "waiting", "suspended", "slots", "free", "nodes")
_NODES = ("nodes", "state", "slots", "memory")


def as_text(info: dict[str, Any]) -> str:
    """Format the result of `lrms_info`: the cluster, one line for each queue, the nodes."""
    cluster = info["cluster"]
    width = max(len(title) for title, _ in _CLUSTER)
    lines = [f"{title:<{width}}  {cluster[key]}" for title, key in _CLUSTER if key in cluster]
    if info["jobs"]:
        states = Counter(row["status"] for row in info["jobs"].values())
        counted = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
        lines.append(f"{'grid jobs':<{width}}  {counted}")
    queues = [_queue(name, row) for name, row in sorted(info["queues"].items())]
    parts = ["\n".join(lines), columns([_HEADING, *queues])]
    if info["nodes"]:
        parts.append(columns([_NODES, *_alike(info["nodes"])]))
    return "\n\n".join(parts)


def _queue(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    state = "active" if row["status"] > 0 else "inactive"
    return (name, state, *(str(row[key]) for key in _QUEUE), str(len(row["nodes"])))


def _alike(nodes: dict[str, dict[str, Any]]) -> list[tuple[str, ...]]:
    """The number of nodes of each state and size."""
    kinds = Counter(
        (_state(row), str(row["slots"]), f"{row['pmem']} MB" if "pmem" in row else "-")
        for row in nodes.values()
    )
    return [(str(count), *kind) for kind, count in sorted(kinds.items())]


def _state(row: dict[str, Any]) -> str:
    if row["isfree"]:
        return "free"
    return "busy" if row["isavailable"] else "unavailable"
