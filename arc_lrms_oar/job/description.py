"""What a grid user asked for, whichever language it came in: the one `JobDescription`.

A plain value with no behaviour of A-REX or OAR in it. Text that came from the user may hold any
bytes; they are kept as surrogate escapes and come out again unchanged.
"""

from __future__ import annotations

from typing import NamedTuple


class RuntimeEnvironment(NamedTuple):
    """A runtime environment (RTE) by name, with the options that the user gave it."""

    name: str
    options: tuple[str, ...] = ()


class JobDescription(NamedTuple):
    """A grid job; times in seconds, memory and disk in MB, None where the user said nothing.

    `cpu_time` is the total over all slots, `wall_time` the job's wall clock, `memory` is for one
    slot. `start_time` is seconds since 1970 (UTC). `stdin`, `stdout` and `stderr` are paths,
    empty where there is none.
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
    # A tuple's own method of this name is of no use here.
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
