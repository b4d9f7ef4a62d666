"""The CONFIG_* variables that ARC's own backends make of arc.conf.

Runtime environments may read them in stage 0. Source: ARC 6.10, 6.17 and 7.0
`src/services/a-rex/lrms/lrms_common.sh.in` (`parse_arc_conf`) and
`src/utils/python/arc/utils/config.py` (`export_bash`).
"""

from __future__ import annotations

from collections.abc import Iterator

from arc_lrms_oar.arex.config import Blocks

# Of an option that two blocks have, the later block applies.
_OPTIONS = {
    "common": ("enable_perflog_reporting", "perflogdir", "hostname"),
    "arex": ("controldir", "scratchdir", "shared_filesystem", "shared_scratch", "runtimedir"),
    "lrms": ("gnu_time", "nodename", "defaultmemory", "benchmark", "movetool"),
    "queue": ("defaultmemory", "benchmark"),
}


def shell_variables(blocks: Blocks, queue: str) -> dict[str, str]:
    """Return the variables for a job in `queue`; several values of one option become an array.

    ARC writes such an array as NAME=__array__, NAME_0, NAME_1 and so on.
    """
    variables: dict[str, str] = {}
    for block, names in _OPTIONS.items():
        title = f"queue:{queue}" if block == "queue" else block
        for name in names:
            variables.update(_variable(f"CONFIG_{name}", blocks.get(title, {}).get(name, [])))
    return variables


def _variable(name: str, values: list[str]) -> Iterator[tuple[str, str]]:
    if len(values) == 1:
        yield name, values[0]
    elif values:
        yield name, "__array__"
        for index, value in enumerate(values):
            yield f"{name}_{index}", value
