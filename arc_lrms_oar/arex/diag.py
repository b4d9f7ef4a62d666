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
    )
}
_MOST_KEYS = 200
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
        match = re.fullmatch(r"([0-9]{1,12}([.,][0-9]{1,9})?)s?", self.values.get(name, ""))
        return float(match[1].replace(",", ".")) if match else None

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
