"""The diag file: the accounting that the job script writes and A-REX reads, line by line.

Keys are case-insensitive. The last line with a key counts, except that `nodename` may repeat. When
A-REX finds `lrms_done` it replaces its own diag by the one beside the session directory
(docs/internals/arc.md#diag).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping

LIMIT = 1 << 20

_LINE = re.compile(r"([A-Za-z][A-Za-z0-9_]{0,63})=([^\x00-\x1f\x7f]{0,4096})")
_SECONDS = re.compile(r"([0-9]{1,12}([.,][0-9]{1,9})?)s?")
_KILOBYTES = re.compile(r"([0-9]{1,15})kB")
_COUNT = re.compile(r"[1-9][0-9]{0,8}")
_SPELLED = {
    name.lower(): name
    for name in (
        "Processors",
        "Nodecount",
        "WallTime",
        "UserTime",
        "KernelTime",
        "CPUUsage",
        "AverageTotalMemory",
        "AverageResidentMemory",
        "MaxResidentMemory",
        "LRMSStartTime",
        "LRMSEndTime",
        "LRMSExitcode",
        "LRMSMessage",
        "Benchmark",
        "exitcode",
        "runtimeenvironments",
        "WatchedUserTime",
        "WatchedKernelTime",
        "WatchedMemory",
        "OutOfMemoryKills",
        "MemoryLimit",
    )
}
_MOST_KEYS = 200
_CPU_TIMES = ("usertime", "kerneltime")
# What share/job_usage.sh writes.
_WATCHED = {"watchedusertime", "watchedkerneltime", "watchedmemory"}
# About the CE, so a job must not set them (ARC 6.17 `lrms/arc/lrms/common/scan.py`).
_FRONTEND = "frontend_"


class Diag:
    """The content of a diag file: `values` by lower-case key, `nodes` in order, each once."""

    def __init__(self, values: dict[str, str] | None = None, nodes: Iterable[str] = ()) -> None:
        self.values = dict(values or {})
        self.nodes = list(dict.fromkeys(nodes))

    @classmethod
    def parse(cls, content: bytes) -> Diag:
        """Parse the content of a diag file, which the user can write; drop invalid lines."""
        values: dict[str, str] = {}
        nodes = []
        for line in content[:LIMIT].decode("utf-8", "replace").splitlines():
            match = _LINE.fullmatch(line.strip())
            if match and match[1].lower() == "nodename":
                nodes.append(match[2])
            elif match and _is_kept(match[1].lower(), values):
                values[match[1].lower()] = match[2]
        return cls(values, nodes)

    @property
    def complete(self) -> bool:
        """Whether the job script has ended: the exit code is the last thing that it writes."""
        return "exitcode" in self.values

    def seconds(self, name: str) -> float | None:
        """The value of key `name` in seconds, None if it is missing or no time."""
        match = _SECONDS.fullmatch(self.values.get(name, ""))
        return float(match[1].replace(",", ".")) if match else None

    @property
    def out_of_memory(self) -> tuple[int, int | None] | None:
        """How many processes the kernel killed at the memory limit of the job, and that limit (MB).

        None if it killed none. The limit is None if the node did not say it.
        """
        kills = _COUNT.fullmatch(self.values.get("outofmemorykills", ""))
        limit = self._kilobytes("memorylimit")
        return (int(kills[0]), limit and limit // 1024) if kills else None

    def with_watched_usage(self) -> dict[str, str]:
        """The values with one CPU time and memory: the larger of GNU time's and the watcher's.

        The watcher counts all processes of the job, also those of a killed job; GNU time only what
        the program has waited for. The memory is also the AverageTotalMemory, which A-REX publishes
        (docs/internals/arc.md#diag).
        """
        values = {key: text for key, text in self.values.items() if key not in _WATCHED}
        own = [self.seconds(name) or 0.0 for name in _CPU_TIMES]
        watched = [self.seconds(f"watched{name}") or 0.0 for name in _CPU_TIMES]
        if sum(watched) > sum(own):
            values.update({name: f"{time:.2f}s" for name, time in zip(_CPU_TIMES, watched)})
        memory = self._kilobytes("watchedmemory") or 0
        if memory > (self._kilobytes("maxresidentmemory") or 0):
            values.update(dict.fromkeys(("maxresidentmemory", "averagetotalmemory"), f"{memory}kB"))
        return values

    def _kilobytes(self, name: str) -> int | None:
        match = _KILOBYTES.fullmatch(self.values.get(name, ""))
        return int(match[1]) if match else None

    def format(self) -> bytes:
        """The content of the file that A-REX reads."""
        lines = [f"nodename={node}" for node in self.nodes]
        lines += [f"{_SPELLED.get(key, key)}={value}" for key, value in self.values.items()]
        return ("\n".join(lines) + "\n").encode()


def _is_kept(key: str, values: Mapping[str, str]) -> bool:
    if key in _SPELLED or key in values:
        return True
    return not key.startswith(_FRONTEND) and len(values) < _MOST_KEYS


def utc(moment: int) -> str:
    """Format a time in seconds since 1970 as A-REX does: YYYYMMDDHHMMSSZ."""
    return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(moment))
