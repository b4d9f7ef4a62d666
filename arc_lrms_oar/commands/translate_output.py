"""Format translations as text.

Values that users chose may hold any bytes. In the text, control characters are escaped for the
terminal; the oarsub command and the job script are printed unchanged.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from typing import Any

from arc_lrms_oar.commands.translate import Translation

_UNITS = {"cpu_time": "s", "wall_time": "s", "memory": "MB", "disk": "MB"}


def as_text(found: Sequence[Translation], with_script: bool) -> str:
    """Return the translations as text; the oarsub command can be copied to a shell."""
    parts = []
    for number, one in enumerate(found, 1):
        if len(found) > 1:
            parts.append(f"Job {number} of {len(found)}\n")
        parts.append("Description:\n" + description_text(one.description))
        parts.append(f"Command:\n  {shlex.join(one.oarsub)}\n")
        if one.assumed:
            parts.append("Assumed:\n" + "".join(f"  {_safe(x)}\n" for x in one.assumed))
        if one.ignored:
            parts.append(
                "Without effect on OAR:\n" + "".join(f"  {_safe(x)}\n" for x in one.ignored)
            )
        if one.refused:
            lines = "".join(f"  {_safe(x)}\n" for x in one.refused)
            parts.append(f"The CE refuses this job:\n{lines}")
        if with_script:
            parts.append(f"Job script:\n{one.script}")
    return "\n".join(parts)


def description_text(description: Mapping[str, Any]) -> str:
    """Return a line for each attribute that the user has set."""
    return "".join(_field(*item) for item in description.items())


def _field(name: str, value: Any) -> str:
    if value in (None, []):
        return ""
    if name == "environment":
        shown = " ".join(_list_item(f"{key}={text}") for key, text in value)
    elif name == "runtime_environments":
        shown = ", ".join(
            " ".join(map(_list_item, [rte["name"], *rte["options"]])) for rte in value
        )
    elif name == "start_time":
        shown = f"{value} ({time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(value))} UTC)"
    elif isinstance(value, list):
        shown = " ".join(map(_list_item, value))
    elif isinstance(value, bool):
        shown = "yes" if value else "no"
    else:
        shown = _safe(str(value))
    return f"  {name:<21} {shown} {_UNITS.get(name, '')}".rstrip() + "\n"


def _list_item(text: str) -> str:
    """Return `text` as `_safe` does, and in quotes if it has blanks."""
    return repr(text) if " " in text else _safe(text)


def _safe(text: str) -> str:
    """Return plain text unchanged, other text in quotes and with escapes."""
    plain = text.isprintable() and text.strip() == text and text and "'" not in text
    return text if plain else repr(text)
