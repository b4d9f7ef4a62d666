"""What a site can choose, as values: one `Settings` for the CE, `QueueSettings` for each queue.

The table `OPTIONS` is the single list of the options of `[custom:oar]` and `[custom:oar/QUEUE]`;
the reader of arc.conf, `arc.conf.example` and the tests all follow it. This module must not read
files: `arex.config` does that.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Callable, NamedTuple


def _text(value: str) -> str:
    return value


def _seconds(value: str) -> int:
    if re.fullmatch(r"[0-9]{1,9}", value):
        return int(value)
    match = re.fullmatch(r"([0-9]{1,6}):([0-5]?[0-9]):([0-5]?[0-9])", value)
    if not match:
        raise ValueError("seconds (3600) or hours:minutes:seconds (1:00:00)")
    hours, minutes, seconds = (int(part) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _count(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("a whole number, 0 or more")
    return int(value)


def _level(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", value):
        raise ValueError("the name of one of OAR's resource properties, such as core")
    return value


def _property(value: str) -> str:
    return _level(value) if value else ""


def _word(value: str) -> str:
    if not re.fullmatch(r"([A-Za-z0-9_][A-Za-z0-9_.-]{0,99})?", value):
        raise ValueError("one word of letters, digits, '.', '_' and '-'")
    return value


def _words(value: str) -> tuple[str, ...]:
    words = tuple(value.replace(",", " ").split())
    for word in words:
        if not re.fullmatch(r"[A-Za-z0-9_]+(=[A-Za-z0-9_.:-]+)?", word):
            raise ValueError("OAR job types separated by spaces, such as besteffort")
    return words


def _one_of(*allowed: str) -> Callable[[str], str]:
    def convert(value: str) -> str:
        if value.lower() not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return value.lower()

    return convert


def _directory(value: str) -> str:
    if value and not value.startswith("/"):
        raise ValueError("the absolute path of a directory")
    return value.rstrip("/") or value


class Option(NamedTuple):
    """One option of `[custom:oar]`.

    `convert` turns the text into the value or raises ValueError with what would be right;
    `per_queue` tells whether `[custom:oar/QUEUE]` may set it too.
    """

    name: str
    type: str
    default: str
    convert: Callable[[str], Any]
    per_queue: bool
    meaning: str


OPTIONS: tuple[Option, ...] = (
    Option(
        "bin_path",
        "path",
        "",
        _directory,
        False,
        "Directory of oarsub, oarstat, oardel and oarnodes; empty: looked for in the usual places",
    ),
    Option(
        "dialect",
        "auto, 2 or 3",
        "auto",
        _one_of("auto", "2", "3"),
        False,
        "Generation of OAR's commands; auto asks `oarstat -V` once in a run",
    ),
    Option(
        "oar_queue",
        "word",
        "",
        _word,
        True,
        "OAR queue that an ARC queue stands for; empty: the queue of the same name",
    ),
    Option(
        "node_level",
        "property",
        "network_address",
        _level,
        True,
        "Name of OAR's resource level for a whole node",
    ),
    Option(
        "core_level", "property", "core", _level, True, "Name of OAR's resource level for one slot"
    ),
    Option(
        "cores_per_node",
        "number",
        "0",
        _count,
        True,
        "Slots of one node, to tell how many whole nodes a job needs; 0: not all nodes are alike",
    ),
    Option(
        "memory_property",
        "property",
        "",
        _property,
        True,
        "OAR property that holds the memory of a resource; empty: memory is not asked for",
    ),
    Option(
        "memory_unit",
        "kB, MB or GB",
        "MB",
        _one_of("kb", "mb", "gb"),
        True,
        "Unit of memory_property",
    ),
    Option(
        "memory_scope",
        "core or node",
        "node",
        _one_of("core", "node"),
        True,
        "Whether memory_property tells the memory for one slot or that of the whole node",
    ),
    Option(
        "default_walltime",
        "time",
        "0",
        _seconds,
        True,
        "Wall time of jobs that ask for none, in seconds or h:m:s; 0 leaves it to OAR",
    ),
    Option(
        "properties",
        "text",
        "",
        _text,
        True,
        "SQL condition on resources that every job gets (oarsub -p), such as gpu='NO'",
    ),
    Option(
        "types",
        "words",
        "",
        _words,
        True,
        "OAR job types that every job gets (oarsub -t), separated by spaces",
    ),
    Option(
        "project",
        "word",
        "",
        _word,
        True,
        "OAR project of jobs to which no runtime environment has given one",
    ),
    Option(
        "command_timeout",
        "time",
        "120",
        _seconds,
        False,
        "How long one OAR command may take before it counts as hanging",
    ),
    Option(
        "submit_budget",
        "time",
        "600",
        _seconds,
        False,
        "How long a submission is tried again while OAR does not answer (at most 600)",
    ),
    Option(
        "lost_cycles",
        "number",
        "5",
        _count,
        False,
        "After how many scans in a row a job that OAR does not know counts as lost",
    ),
    Option(
        "lost_time",
        "time",
        "600",
        _seconds,
        False,
        "How long at least such a job stays unknown before it counts as lost",
    ),
    Option(
        "resubmitted",
        "follow or delete",
        "follow",
        _one_of("follow", "delete"),
        False,
        "What becomes of a job that OAR by itself submits again under a new id, after trouble at "
        "launch: it is followed, or the new OAR job is deleted and the grid job has failed",
    ),
)


@dataclass(frozen=True)
class QueueSettings:
    """The settings that hold for one queue; times in seconds, memory in MB."""

    oar_queue: str = ""
    node_level: str = "network_address"
    core_level: str = "core"
    cores_per_node: int = 0
    memory_property: str = ""
    memory_unit: str = "mb"
    memory_scope: str = "node"
    default_walltime: int = 0
    properties: str = ""
    types: tuple[str, ...] = ()
    project: str = ""
    default_memory: int | None = None
    benchmark: str = "HEPSPEC:1.0"


@dataclass(frozen=True)
class Settings:
    """All that arc.conf says to this package; times in seconds, paths absolute."""

    config_file: str = ""
    control_dir: str = "/var/spool/arc/jobstatus"
    scratch_dir: str = ""
    shared_scratch: str = ""
    shared_filesystem: bool = True
    log_level: str = "INFO"
    gnu_time: str = "/usr/bin/time"
    nodename_command: str = ""
    move_tool: str = ""
    bin_path: str = ""
    dialect: str = "auto"
    command_timeout: int = 120
    submit_budget: int = 600
    lost_cycles: int = 5
    lost_time: int = 600
    resubmitted: str = "follow"
    common: QueueSettings = field(default_factory=QueueSettings)
    queues: dict[str, QueueSettings] = field(default_factory=dict)

    def queue(self, name: str) -> QueueSettings:
        """The settings of ARC queue `name`, or those common to all where it has none."""
        return self.queues.get(name, self.common)
