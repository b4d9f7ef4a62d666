"""OAR's resources as slots and nodes, counted as the site's settings name them. Pure.

A resource is a row of OAR's table; which of its properties says node, socket or core is the site's
choice. A slot is one core of one node, however many rows it has. Must not know of jobs or queues.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from arc_lrms_oar.oar.resources import resource_id
from arc_lrms_oar.settings import Settings

# Until when a slot can be given to new jobs: seconds since 1970, or one of these.
NEVER = 0.0
FOREVER = float("inf")

# OAR's marks for "for ever" in available_upto: never shut down, and shut down when idle. A node
# that OAR itself has put to sleep never has the first of them (2.5 IO.pm, get_nodes_to_halt), which
# is also the default where a site saves no energy.
_NOT_HALTED = 2147483647
_NO_END = 2147483646

_KB = {"kb": 1, "mb": 1024, "gb": 1024 * 1024}
# No node has an exabyte; what says so, or NaN, is nonsense that would spoil the sum.
_ALL_MEMORY = 1 << 50

# What OAR keeps for itself in each row (2.5 Tools.pm, check_resource_system_property, and what 2.6
# and 3 add); it says nothing of the node to a grid user.
_OWN = {
    *("resource_id", "id", "network_address", "type", "cpuset", "jobs", "besteffort", "deploy"),
    *("state", "state_num", "next_state", "finaud_decision", "next_finaud_decision"),
    *("desktop_computing", "expiry_date", "last_job_date", "available_upto", "last_available_upto"),
    *("suspended_jobs", "scheduler_priority"),
}

Slot = tuple[str, str]


class Node:
    """One node; `memory` in kB, `word` is its state in one word."""

    def __init__(self, name: str, word: str, tags: dict[str, Any]) -> None:
        self.name = name
        self.word = word
        self.slots: list[Slot] = []
        self.sockets: set[str] = set()
        self.memory = 0.0
        self.tags = tags


class Slots:
    """All slots: `of` gives the slot of a resource by its id, `until` how long it may be used.

    `up` are those that are there, whether they take new jobs or not.
    """

    def __init__(self, resources: Iterable[dict[str, Any]], settings: Settings, now: float) -> None:
        self.of: dict[int, Slot] = {}
        self.nodes: dict[str, Node] = {}
        self.until: dict[Slot, float] = {}
        self._down: set[Slot] = set()
        self._levels = (settings.common.node_level, settings.common.core_level, settings.cpu_level)
        self._common = settings.common
        for row in resources:
            if row.get("type", "default") == "default":
                self._add(row, now)
        self.up = self.until.keys() - self._down
        self.rows_of_a_slot = len(self.of) / len(self.until) if self.until else 1.0

    def _add(self, row: dict[str, Any], now: float) -> None:
        node_level, core_level, cpu_level = self._levels
        number = resource_id(row)
        name = str(row.get(node_level) or row.get("network_address") or "")
        core = row.get(core_level)
        slot = (name, str(number if core is None else core))
        word, until = _condition(row, now)
        node = self.nodes.get(name)
        if node is None:
            node = self.nodes[name] = Node(name, word, self._tags(row))
        elif node.word != word:
            node.word = "mixed"
        self.of[number] = slot
        if word in _UNUSABLE:
            self._down.add(slot)
        before = self.until.get(slot)
        self.until[slot] = until if before is None else min(before, until)
        tags = node.tags
        for key in [key for key, value in tags.items() if row.get(key) != value]:
            del tags[key]
        node.sockets.add(str(row.get(cpu_level)))
        if before is None:
            node.slots.append(slot)
            if self._common.memory_property:
                self._remember(node, row.get(self._common.memory_property))

    def _tags(self, row: dict[str, Any]) -> dict[str, Any]:
        hidden = _OWN.union(self._levels)
        return {key: v for key, v in row.items() if key not in hidden and v not in (None, "")}

    def _remember(self, node: Node, memory: Any) -> None:
        try:
            size = float(memory) * _KB[self._common.memory_unit]
        except (TypeError, ValueError, OverflowError):
            return
        if not 0 <= size < _ALL_MEMORY:
            return
        scope = self._common.memory_scope
        node.memory = node.memory + size if scope == "core" else max(node.memory, size)

    def taken_by(self, resources: Iterable[int]) -> set[Slot]:
        """The slots of these resources, each once."""
        return {self.of[number] for number in resources if number in self.of}

    def free(self, taken: Collection[Slot]) -> set[Slot]:
        """The slots that a new job can have now."""
        return {slot for slot in self.up if self.until[slot] > NEVER and slot not in taken}

    def distribution(self) -> str:
        """How many nodes have how many slots, such as `2cpu:4 16cpu:10`."""
        sizes = Counter(slot[0] for slot in self.up)
        return " ".join(f"{n}cpu:{count}" for n, count in sorted(Counter(sizes.values()).items()))


_UNUSABLE = ("Absent", "Suspected", "Dead", "unknown")


def _condition(row: dict[str, Any], now: float) -> tuple[str, float]:
    """A resource's state in one word, and until when it can be given to new jobs.

    Asleep is what OAR wakes up for a job (2.5 IO.pm, get_energy_saving_resources_availability);
    draining is what the default admission rules keep new jobs from (pg_default_admission_rules).
    """
    state = str(row.get("state"))
    upto = row.get("available_upto")
    end = float(max(-1, min(upto, _NOT_HALTED)) if isinstance(upto, int) else _NOT_HALTED)
    until = FOREVER if end >= _NO_END or end == 0 else end
    if state.startswith("Absent"):
        return ("asleep", until) if now < end < _NOT_HALTED else ("Absent", NEVER)
    if state != "Alive":
        return (state if state in _UNUSABLE else "unknown"), NEVER
    if row.get("drain") == "YES":
        return "draining", NEVER
    return "Alive", until if until > now else NEVER


def nodes_info(slots: Slots, taken: Collection[Slot]) -> dict[str, dict[str, Any]]:
    """The nodes as LRMSInfo.pm's schema has them; memory in kB."""
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
        if node.memory:
            row["pmem"] = int(node.memory)
        found[name] = row
    return found
