"""The nodes of a testbed's OAR: sets of equal nodes in place of those of the root.

All nodes are this machine, on addresses of its loopback network. Cores and GPUs exist for OAR only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from .messages import BedError
from .namespace import Namespace

MEMORY = 4096
# Nodes have the addresses 127.0.0.1 to 127.0.0.254.
MOST_NODES = 254
# OAR has cpusets on the CPUs 0 and 1 (see cpusets.py).
CPUS = 2
_HOSTS = r"(?m)^127\.0\.0\.\d+ node\d+\n"
_COLUMNS = "network_address, host, cpu, core, cpuset, mem"


@dataclass(frozen=True)
class NodeSet:
    """`nodes` equal nodes, each with so many cores and GPUs and `mem` MB of memory."""

    nodes: int = 4
    cores: int = 2
    gpus: int = 0
    mem: int = MEMORY

    def __post_init__(self) -> None:
        if self.nodes < 1 or self.cores < 1 or self.gpus < 0 or self.mem < 1:
            raise BedError(f"{self}: nodes, cores and mem are at least 1, gpus at least 0")
        if self.gpus and self.cores % self.gpus:
            raise BedError(f"{self}: the cores of a node are divided evenly among its GPUs")

    def __str__(self) -> str:
        return " ".join(f"{item.name}={getattr(self, item.name)}" for item in fields(self))


Cluster = Sequence[NodeSet]


def parse(text: str, source: str) -> list[NodeSet]:
    """Parse a file of sets, one per line: `nodes=2 cores=8 gpus=2 mem=16384`; # begins a comment.

    What a line does not name has the default of NodeSet, but `nodes` is 1.
    """
    names = [item.name for item in fields(NodeSet)]
    sets = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        values = {"nodes": 1}
        for word in words:
            name, _, value = word.partition("=")
            if name not in names or not value.isdecimal():
                raise BedError(
                    f"{source}:{number}: {word!r}: expected NAME=NUMBER with one of "
                    f"{', '.join(names)}"
                )
            values[name] = int(value)
        if words:
            sets.append(NodeSet(**values))
    return checked(sets, source)


def read(path: Path) -> list[NodeSet]:
    """Read a file of sets."""
    try:
        return parse(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise BedError(f"cannot read the nodes of {path}: {error}") from None


def checked(sets: list[NodeSet], source: str) -> list[NodeSet]:
    """Return `sets` if there are between 1 and MOST_NODES nodes."""
    number = sum(item.nodes for item in sets)
    if not 1 <= number <= MOST_NODES:
        raise BedError(f"{source}: {number} nodes, expected 1 to {MOST_NODES}")
    return sets


def sql(sets: Cluster) -> str:
    """Return the statements that replace OAR's resources, one for each core."""
    with_gpus = any(item.gpus for item in sets)
    rows = []
    nodes = (item for item in sets for _ in range(item.nodes))
    core = gpu = 0
    for node, item in enumerate(nodes, 1):
        for slot in range(item.cores):
            core += 1
            values = f"'127.0.0.{node}', 'node{node}', {node}, {core}, '{slot % CPUS}', {item.mem}"
            if with_gpus:
                own = gpu + 1 + slot * item.gpus // item.cores if item.gpus else 0
                values += f", {own}"
            rows.append(f"({values})")
        gpu += item.gpus
    columns = _COLUMNS + (", gpu" if with_gpus else "")
    return (
        "DELETE FROM resources; DELETE FROM resource_logs;\n"
        f"INSERT INTO resources ({columns}) VALUES\n" + ",\n".join(rows) + ";\n"
        "INSERT INTO resource_logs (resource_id, attribute, value, date_start) "
        "SELECT resource_id, 'state', state, extract(epoch from now())::integer FROM resources;\n"
    )


def hosts(text: str, sets: Cluster) -> str:
    """Return the text of /etc/hosts with the names of these nodes."""
    number = sum(item.nodes for item in sets)
    names = "".join(f"127.0.0.{node} node{node}\n" for node in range(1, number + 1))
    return re.sub(_HOSTS, "", text) + names


def apply(inside: Namespace, sets: Cluster) -> None:
    """Replace the nodes in OAR's database, which must be up, before OAR is started."""
    failure = "cannot set up the nodes"
    path = inside.path("/etc/hosts")
    path.write_text(hosts(path.read_text(), sets))
    if any(item.gpus for item in sets):
        add = ["oarproperty", "-q", "-a", "gpu"]
        inside.run_checked(add, f"{failure}: {add[0]}", cwd="/", timeout=60)
    psql = ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", "oar"]
    inside.run_checked(
        psql,
        f"{failure}: {psql[0]}",
        user="postgres",
        input=sql(sets).encode(),
        cwd="/",
        timeout=60,
    )
