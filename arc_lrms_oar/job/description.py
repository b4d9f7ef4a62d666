"""`JobDescription`: what a grid user asks for, the same for every language it was read from.

A plain value without behaviour of A-REX or OAR. Text from the user may hold any bytes; those that
are not UTF-8 are kept as surrogate escapes and are written unchanged.
"""

from __future__ import annotations

from typing import NamedTuple


class RuntimeEnvironment(NamedTuple):
    """A runtime environment (RTE): its name and the options from the user."""

    name: str
    options: tuple[str, ...] = ()


class JobDescription(NamedTuple):
    """A grid job; times in seconds, memory and disk in MB, None for an attribute that is not set.

    `cpu_time` is the total over all slots, `wall_time` the job's wall clock, `memory` is per slot.
    `start_time` is in seconds since 1970 (UTC). `stdin`, `stdout` and `stderr` are paths.
    """

    executable: str
    arguments: tuple[str, ...] = ()
    name: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    stdin: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    queue: str | None = None
    cpu_time: int | None = None
    wall_time: int | None = None
    memory: int | None = None
    virtual_memory: int | None = None
    disk: int | None = None
    # It replaces the method of tuple, which nothing uses here.
    count: int = 1  # type: ignore[assignment]
    count_per_node: int | None = None
    num_nodes: int | None = None
    exclusive: bool = False
    runtime_environments: tuple[RuntimeEnvironment, ...] = ()
    start_time: int | None = None
    priority: int | None = None
    project: str | None = None
    node_properties: tuple[str, ...] = ()
    input_files: tuple[str, ...] = ()
    output_files: tuple[str, ...] = ()
    success_code: int | None = None
    grid_id: str = ""
    session_dir: str = ""
    control_dir: str = ""
