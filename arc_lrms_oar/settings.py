"""The settings of a site as values: one `Settings` for the CE, one `QueueSettings` per queue.

`options` defines the options and their defaults; `arex.config` reads arc.conf into these classes.
This module does not read files.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from arc_lrms_oar.identity import Rule
from arc_lrms_oar.options import OPTIONS

_DEFAULTS: dict[str, Any] = {option.name: option.convert(option.default) for option in OPTIONS}


class QueueSettings(NamedTuple):
    """The settings of one queue. Times in seconds, `default_memory` in MB.

    The last three come from ARC's own options `defaultmemory`, `benchmark`, and `maxwalltime`,
    `minwalltime`, `maxcputime` and `mincputime`; `limits` holds those that are set, in seconds.
    """

    oar_queue: str = _DEFAULTS["oar_queue"]
    node_level: str = _DEFAULTS["node_level"]
    core_level: str = _DEFAULTS["core_level"]
    cores_per_node: int = _DEFAULTS["cores_per_node"]
    memory_property: str = _DEFAULTS["memory_property"]
    memory_unit: str = _DEFAULTS["memory_unit"]
    memory_scope: str = _DEFAULTS["memory_scope"]
    default_walltime: int = _DEFAULTS["default_walltime"]
    resources: tuple[str, ...] = _DEFAULTS["resources"]
    gpu_level: str = _DEFAULTS["gpu_level"]
    gpus: int = _DEFAULTS["gpus"]
    properties: str = _DEFAULTS["properties"]
    types: tuple[str, ...] = _DEFAULTS["types"]
    project: str = _DEFAULTS["project"]
    identity: tuple[Rule, ...] = _DEFAULTS["identity"]
    checkpoint: int = _DEFAULTS["checkpoint"]
    checkpoint_signal: int = _DEFAULTS["checkpoint_signal"]
    notify: str = _DEFAULTS["notify"]
    acl_users: tuple[str, ...] = _DEFAULTS["acl_users"]
    best_effort_slots: str = _DEFAULTS["best_effort_slots"]
    local_jobs: bool = _DEFAULTS["local_jobs"]
    max_user_running: int = _DEFAULTS["max_user_running"]
    max_waiting: int = _DEFAULTS["max_waiting"]
    default_memory: int | None = None
    benchmark: str = "HEPSPEC:1.0"
    limits: tuple[tuple[str, int], ...] = ()


class Settings(NamedTuple):
    """Everything in arc.conf that this package uses. Times in seconds, paths absolute.

    The fields up to `move_tool` come from ARC's own options; their defaults are ARC's.
    `default_queue` is the second word of `lrms`, or "". `common` holds for queues without settings
    of their own.
    """

    config_file: str = ""
    default_queue: str = ""
    control_dir: str = "/var/spool/arc/jobstatus"
    session_dirs: tuple[str, ...] = ()
    scratch_dir: str = ""
    shared_scratch: str = ""
    shared_filesystem: bool = True
    log_level: str = "INFO"
    gnu_time: str = "/usr/bin/time"
    nodename_command: str = ""
    move_tool: str = ""
    bin_path: str = _DEFAULTS["bin_path"]
    dialect: str = _DEFAULTS["dialect"]
    cpu_level: str = _DEFAULTS["cpu_level"]
    command_timeout: int = _DEFAULTS["command_timeout"]
    submit_budget: int = _DEFAULTS["submit_budget"]
    scan_interval: int = _DEFAULTS["scan_interval"]
    lost_cycles: int = _DEFAULTS["lost_cycles"]
    lost_time: int = _DEFAULTS["lost_time"]
    resubmitted: str = _DEFAULTS["resubmitted"]
    metrics_file: str = _DEFAULTS["metrics_file"]
    usage_interval: int = _DEFAULTS["usage_interval"]
    remote_host: str = _DEFAULTS["remote_host"]
    remote_user: str = _DEFAULTS["remote_user"]
    private_key: str = _DEFAULTS["private_key"]
    remote_sessiondir: str = _DEFAULTS["remote_sessiondir"]
    ssh_timeout: int = _DEFAULTS["ssh_timeout"]
    common: QueueSettings = QueueSettings()
    queues: Mapping[str, QueueSettings] = MappingProxyType({})

    def queue(self, name: str) -> QueueSettings:
        """The settings of ARC queue `name`, or `common` if it has none of its own."""
        return self.queues.get(name, self.common)
