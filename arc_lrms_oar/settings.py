"""What a site can choose, as values: one `Settings` for the CE, `QueueSettings` for each queue.

The table `OPTIONS` is the single list of the options of `[custom:oar]` and `[custom:oar/QUEUE]`;
the reader of arc.conf, `arc.conf.example` and the tests all follow it. This module must not read
files: `arex.config` does that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from arc_lrms_oar import oarsub_values
from arc_lrms_oar.identity import Rule
from arc_lrms_oar.identity import rules as identity_rules


def _text(value: str) -> str:
    return value


def _seconds(value: str) -> int:
    if _is_number(value):
        return int(value)
    match = re.fullmatch(r"([0-9]{1,6}):([0-5]?[0-9]):([0-5]?[0-9])", value)
    if not match:
        raise ValueError("seconds (3600) or hours:minutes:seconds (1:00:00)")
    hours, minutes, seconds = (int(part) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _is_number(value: str) -> bool:
    """What holds for each submission is not asked by patterns, which take long to compile."""
    return value.isascii() and value.isdigit() and len(value) < 10


def _count(value: str) -> int:
    if not _is_number(value):
        raise ValueError("a whole number, 0 or more")
    return int(value)


def _level(value: str) -> str:
    if not (value.isascii() and value.isidentifier() and len(value) < 64):
        raise ValueError("the name of one of OAR's resource properties, such as core")
    return value


def _login(value: str) -> str:
    if value and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,252}", value):
        raise ValueError("a name or address of letters, digits, '.', ':', '_' and '-'")
    return value


def _wait(value: str) -> int:
    seconds = _seconds(value)
    if seconds == 0:
        raise ValueError("a time of 1 second or more")
    return seconds


def _property(value: str) -> str:
    return _level(value) if value else ""


def _word(value: str) -> str:
    if value and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", value):
        raise ValueError("one word of letters, digits, '.', '_' and '-'")
    return value


def _users(value: str) -> tuple[str, ...]:
    if not all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,99}", name) for name in value.split()):
        raise ValueError("names of local users with blanks between them")
    return tuple(value.split())


def _one_of(*allowed: str) -> Callable[[str], str]:
    def convert(value: str) -> str:
        if value.lower() not in allowed:
            raise ValueError("one of " + ", ".join(allowed))
        return value.lower()

    return convert


def _prom_file(value: str) -> str:
    if value and not (value.startswith("/") and value.endswith(".prom")):
        raise ValueError("the absolute path of a file whose name ends in .prom")
    return value


def _directory(value: str) -> str:
    if value and not value.startswith("/"):
        raise ValueError("the absolute path of a directory")
    return value.rstrip("/") or value


def _file(value: str) -> str:
    if value and not value.startswith("/"):
        raise ValueError("the absolute path of a file")
    return value


class Option(NamedTuple):
    """One option of `[custom:oar]`.

    `convert` turns the text into the value or raises ValueError with what would be right;
    `per_queue` tells whether `[custom:oar/QUEUE]` may set it too, `by_rte` whether a runtime
    environment may do so for one job (see `rte_name`), and `lines` whether it may be given several
    times, each value a line of the text.
    """

    name: str
    type: str
    default: str
    convert: Callable[[str], Any]
    per_queue: bool
    meaning: str
    by_rte: bool = False
    lines: bool = False

    @property
    def rte_name(self) -> str:
        """The variable by which a runtime environment's stage 0 sets it."""
        return "joboption_oar_" + self.name.removeprefix("oar_")


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
        by_rte=True,
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
        "cpu_level",
        "property",
        "cpu",
        _level,
        False,
        "Name of OAR's resource level for a socket; only published",
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
        "resources",
        "levels",
        "",
        oarsub_values.resources,
        True,
        "Resource levels that jobs get in place of slots, such as /switch=1/core={count}; several "
        "with | between them are alternatives (moldable jobs), each with its own ,walltime=h:m:s "
        "or the job's",
        by_rte=True,
    ),
    Option(
        "gpu_level", "property", "gpu", _level, True, "Name of OAR's resource level for one GPU"
    ),
    Option(
        "gpus",
        "number",
        "0",
        _count,
        True,
        "GPUs that a job gets on each of its nodes, with all slots that belong to them",
        by_rte=True,
    ),
    Option(
        "properties",
        "text",
        "",
        oarsub_values.condition,
        True,
        "SQL condition on resources that every job gets (oarsub -p), such as gpu='NO'; one of a "
        "runtime environment comes on top",
        by_rte=True,
    ),
    Option(
        "types",
        "words",
        "",
        oarsub_values.job_types,
        True,
        "OAR job types that every job gets (oarsub -t), separated by spaces, such as besteffort, "
        "container or inner=4711; those of a runtime environment come on top",
        by_rte=True,
    ),
    Option(
        "project",
        "word",
        "",
        _word,
        True,
        "OAR project of jobs to which neither a runtime environment nor identity has given one",
        by_rte=True,
    ),
    Option(
        "identity",
        "rules",
        "",
        identity_rules,
        True,
        "OAR project and queue by who the user is, such as voms /atlas/Role=pilot -> "
        "project=pilots oar_queue=pilot; may be given several times, the first that fits counts",
        lines=True,
    ),
    Option(
        "checkpoint",
        "time",
        "0",
        _seconds,
        True,
        "How long before the end of its wall time a program gets a signal to save its state; 0: "
        "none",
        by_rte=True,
    ),
    Option(
        "checkpoint_signal",
        "number",
        "0",
        oarsub_values.signal_number,
        True,
        "Number of that signal; 0: OAR's own choice, 12 (SIGUSR2)",
        by_rte=True,
    ),
    Option(
        "notify",
        "text",
        "",
        oarsub_values.notification,
        True,
        "Whom OAR tells of each job (oarsub --notify): mail:ADDRESS or exec:/PROGRAM, with "
        "[END,ERROR] before it for some events alone; a runtime environment may only say mail",
        by_rte=True,
    ),
    Option(
        "acl_users",
        "words",
        "",
        _users,
        True,
        "Local users who alone may use the queue, separated by spaces; only published; empty: it "
        "is not known who may",
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
    Option(
        "metrics_file",
        "path",
        "",
        _prom_file,
        False,
        "File ending in .prom that scan writes for Prometheus after each cycle; empty: none",
    ),
    Option(
        "remote_host",
        "name",
        "",
        _login,
        False,
        "Machine with OAR's commands, reached by ssh; empty: this machine has them",
    ),
    Option(
        "remote_user",
        "name",
        "",
        _login,
        False,
        "User on remote_host whose the jobs are; needed with remote_host",
    ),
    Option(
        "private_key",
        "path",
        "",
        _file,
        False,
        "File of the ssh key without a passphrase that remote_host takes from A-REX's user and "
        "from the mapped user; needed with remote_host",
    ),
    Option(
        "remote_sessiondir",
        "path",
        "",
        _directory,
        False,
        "Path on remote_host and on the nodes of the directory that is sessiondir here; empty: the "
        "same path",
    ),
    Option(
        "ssh_timeout",
        "time",
        "10",
        _wait,
        False,
        "How long making a connection to remote_host may take",
    ),
)

# Of these ARC 6 has made a block of its own; A-REX 6 and 7 wait until its sessiondir, its runtime
# and its cache directory are sshfs mounts once the block stands in arc.conf (GridManager.cpp).
SSH_BLOCK = "lrms/ssh"
SSH_OPTIONS = ("remote_host", "remote_user", "private_key", "remote_sessiondir", "ssh_timeout")


class QueueSettings(NamedTuple):
    """The settings that hold for one queue; times in seconds, memory in MB.

    `limits` are those of ARC's own options for them that are set, by ARC's names.
    """

    oar_queue: str = ""
    node_level: str = "network_address"
    core_level: str = "core"
    cores_per_node: int = 0
    memory_property: str = ""
    memory_unit: str = "mb"
    memory_scope: str = "node"
    default_walltime: int = 0
    resources: tuple[str, ...] = ()
    gpu_level: str = "gpu"
    gpus: int = 0
    properties: str = ""
    types: tuple[str, ...] = ()
    project: str = ""
    identity: tuple[Rule, ...] = ()
    checkpoint: int = 0
    checkpoint_signal: int = 0
    notify: str = ""
    acl_users: tuple[str, ...] = ()
    default_memory: int | None = None
    benchmark: str = "HEPSPEC:1.0"
    limits: tuple[tuple[str, int], ...] = ()


class Settings(NamedTuple):
    """All that arc.conf says to this package; times in seconds, paths absolute.

    Without a `remote_host` OAR's commands are on this machine.
    """

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
    cpu_level: str = "cpu"
    command_timeout: int = 120
    submit_budget: int = 600
    lost_cycles: int = 5
    lost_time: int = 600
    resubmitted: str = "follow"
    metrics_file: str = ""
    remote_host: str = ""
    remote_user: str = ""
    private_key: str = ""
    remote_sessiondir: str = ""
    ssh_timeout: int = 10
    common: QueueSettings = QueueSettings()
    queues: Mapping[str, QueueSettings] = MappingProxyType({})

    def queue(self, name: str) -> QueueSettings:
        """The settings of ARC queue `name`, or those common to all where it has none."""
        return self.queues.get(name, self.common)
