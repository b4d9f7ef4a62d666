"""OAR's resources as slots and nodes, by the properties that the settings name. Pure.

A resource is a row of OAR's table. A slot is one core of one node, however many rows it has. Jobs
and queues do not belong here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from functools import cached_property
from typing import Any

from arc_lrms_oar.oar.resources import resource_id
from arc_lrms_oar.settings import Settings

# The time until which a slot can be given to new jobs: seconds since 1970, or one of these.
NEVER = 0.0
FOREVER = float("inf")

# Special values of available_upto: never shut down, and shut down when idle. A node that OAR
# itself has put to sleep never has the first one (2.5 IO.pm, get_nodes_to_halt), which is also the
# default of a site that saves no energy.
_NOT_HALTED = 2147483647
_NO_END = 2147483646

_MB = {"kb": 1 / 1024, "mb": 1.0, "gb": 1024.0}
# An exabyte. More than that on one node, or NaN, is an error in OAR's table.
_MEMORY_LIMIT = 1 << 40

# OAR's own properties (2.5 Tools.pm, check_resource_system_property, and what 2.6 and 3 add). They
# do not describe the node to a grid user.
_OWN = {
    *("resource_id", "id", "network_address", "type", "cpuset", "jobs", "besteffort", "deploy"),
    *("state", "state_num", "next_state", "finaud_decision", "next_finaud_decision"),
    *("desktop_computing", "expiry_date", "last_job_date", "available_upto", "last_available_upto"),
    *("suspended_jobs", "scheduler_priority"),
}
_UNUSABLE = ("Absent", "Suspected", "Dead", "unknown")
# All conditions of a resource, and that of a node whose resources differ.
CONDITIONS = ("Alive", "draining", "asleep", *_UNUSABLE)
MIXED = "mixed"

Slot = tuple[str, str]


class Node:
    """One node: `memory` in MB, `condition` is its state in one word, `tags` its properties."""

    def __init__(self, name: str, condition: str, tags: dict[str, Any]) -> None:
        self.name = name
        self.condition = condition
        self.slots: list[Slot] = []
        self.sockets: set[str] = set()
        self.memory = 0.0
        self.tags = tags


class Slots:
    """All slots.

    `of` has the slot of each resource by its ID, `until` the time until which a slot can be used.
    `up` are the slots of working nodes, whether they take new jobs or not. Resources without a node
    and those of another type than default are left out. `last_used` is when a job last got or left
    a resource (OAR 2.5 `IO.pm`, `last_job_date`), in seconds since 1970, 0 if none ever did.
    """

    def __init__(self, resources: Iterable[dict[str, Any]], settings: Settings, now: float) -> None:
        self.of: dict[int, Slot] = {}
        self.nodes: dict[str, Node] = {}
        self.until: dict[Slot, float] = {}
        self.last_used = 0
        self.core_level = settings.common.core_level
        self._down: set[Slot] = set()
        self._node_level = settings.common.node_level
        self._cpu_level = settings.cpu_level
        self._common = settings.common
        for row in resources:
            if row.get("type", "default") == "default":
                self._add(row, now)
        self.up = self.until.keys() - self._down
        self.rows_of_a_slot = len(self.of) / len(self.until) if self.until else 1.0
        # Whether each slot has the same number of resources.
        self.alike = len(set(Counter(self.of.values()).values())) <= 1

    def _add(self, row: dict[str, Any], now: float) -> None:
        name = str(row.get(self._node_level) or row.get("network_address") or "").strip()
        if not name:
            return
        number = resource_id(row)
        core = row.get(self.core_level)
        slot = (name, str(number if core is None else core))
        condition, until = _condition(row, now)
        node = self.nodes.get(name)
        if node is None:
            node = self.nodes[name] = Node(name, condition, self._tags(row))
        elif node.condition != condition:
            node.condition = MIXED
        self.of[number] = slot
        self.last_used = max(self.last_used, _whole_number(row.get("last_job_date")) or 0)
        if condition in _UNUSABLE:
            self._down.add(slot)
        before = self.until.get(slot)
        self.until[slot] = until if before is None else min(before, until)
        tags = node.tags
        for key in [key for key, value in tags.items() if row.get(key) != value]:
            del tags[key]
        node.sockets.add(str(row.get(self._cpu_level)))
        if before is None:
            node.slots.append(slot)
            if self._common.memory_property:
                self._add_memory(node, row.get(self._common.memory_property))

    def _tags(self, row: dict[str, Any]) -> dict[str, Any]:
        hidden = _OWN.union((self._node_level, self.core_level, self._cpu_level))
        return {key: v for key, v in row.items() if key not in hidden and v not in (None, "")}

    def _add_memory(self, node: Node, memory: Any) -> None:
        try:
            size = float(memory) * _MB[self._common.memory_unit]
        except (TypeError, ValueError, OverflowError):
            return
        if not 0 <= size < _MEMORY_LIMIT:
            return
        scope = self._common.memory_scope
        node.memory = node.memory + size if scope == "core" else max(node.memory, size)

    def taken_by(self, resources: Iterable[int]) -> set[Slot]:
        """The slots of these resources, each once."""
        return {self.of[number] for number in resources if number in self.of}

    def free(self, taken: Collection[Slot]) -> set[Slot]:
        """The slots that a new job can get now, if these are taken."""
        return {slot for slot in self.up if self.until[slot] > NEVER and slot not in taken}

    def size_of(self, level: str, rows: float | None = None) -> float | None:
        """The mean number of slots of one unit of a resource level, None if it is not known.

        Only units with so many `rows` count, if there are some.
        """
        if level == self.core_level:
            return 1.0
        if level in (self._node_level, "network_address"):
            sizes = self._slots_of_node
            return sizes.get(rows) or sizes.get(None)
        if level == self._cpu_level:
            sockets = sum(len(node.sockets) for node in self.nodes.values())
            return len(self.until) / sockets if sockets else None
        return 1 / self.rows_of_a_slot if level in ("resource_id", "id") else None

    @cached_property
    def _slots_of_node(self) -> dict[float | None, float]:
        """The mean number of slots of the nodes with so many resources; None for that of all."""
        rows_of = Counter(slot[0] for slot in self.of.values())
        sizes: dict[float | None, list[int]] = {}
        for name, node in self.nodes.items():
            for key in (None, rows_of[name]):
                sizes.setdefault(key, []).append(len(node.slots))
        return {key: sum(found) / len(found) for key, found in sizes.items()}

    def distribution(self) -> str:
        """How many nodes have how many slots, such as `2cpu:4 16cpu:10`."""
        sizes = Counter(slot[0] for slot in self.up)
        return " ".join(f"{n}cpu:{count}" for n, count in sorted(Counter(sizes.values()).items()))


def _condition(row: dict[str, Any], now: float) -> tuple[str, float]:
    """A resource's state in one word, and the time until which it can be given to new jobs.

    OAR wakes up an "asleep" node for a job (2.5 IO.pm, get_energy_saving_resources_availability).
    The default admission rules keep new jobs off a "draining" one (pg_default_admission_rules).
    """
    state = str(row.get("state"))
    upto = _whole_number(row.get("available_upto"))
    end = float(_NOT_HALTED if upto is None else max(-1, min(upto, _NOT_HALTED)))
    until = FOREVER if end >= _NO_END or end == 0 else end
    if state.startswith("Absent"):
        return ("asleep", until) if now < end < _NOT_HALTED else ("Absent", NEVER)
    if state != "Alive":
        return (state if state in _UNUSABLE else "unknown"), NEVER
    if row.get("drain") == "YES":
        return "draining", NEVER
    return "Alive", until if until > now else NEVER


def _whole_number(value: Any) -> int | None:
    """A whole number, also as text: some database drivers make OAR print numbers as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
        return int(value)
    return value if isinstance(value, int) else None


def nodes_info(slots: Slots, taken: Collection[Slot]) -> dict[str, dict[str, Any]]:
    """The nodes, for the `nodes` of LRMSInfo.pm's schema.

    `pmem` is in MB: ARC1ClusterInfo.pm of ARC 6 and 7 copies it unchanged into GLUE2's
    MainMemorySize, which is in MB, and SLURMmod.pm and PBS.pm give MB. The comment in LRMSInfo.pm
    says kB and is wrong.
    """
    found = {}
    usable = {slot[0] for slot in slots.up if slots.until[slot] > NEVER}
    free = {slot[0] for slot in slots.free(taken)}
    for name, node in slots.nodes.items():
        row: dict[str, Any] = {
            "isavailable": int(name in usable),
            "isfree": int(name in free),
            "slots": len(node.slots),
            "lcpus": len(node.slots),
            "tags": [f"{key}={value}" for key, value in sorted(node.tags.items())],
        }
        if node.sockets != {"None"}:
            row["pcpus"] = len(node.sockets)
        if node.memory >= 1:
            row["pmem"] = int(node.memory)
        found[name] = row
    return found
