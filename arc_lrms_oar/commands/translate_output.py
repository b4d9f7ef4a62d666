"""Shows translations: as text for people, or as JSON; and prints them.

What users chose may hold any bytes. In the text they are escaped where a terminal would obey them;
in the oarsub line and in the script they stand as they are.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from arc_lrms_oar.commands.translate import Translation, read_text, settings_for, translate
from arc_lrms_oar.errors import OarLrmsError

_UNITS = {"cpu_time": "s", "wall_time": "s", "memory": "MB", "disk": "MB"}


def show(
    file: str,
    config: str | None = None,
    queue: str | None = None,
    language: str | None = None,
    as_json: bool = False,
    with_script: bool = False,
) -> int:
    """Prints what becomes of the job description in `file` (`-`: standard input); the exit code."""
    source = "standard input" if file == "-" else file
    try:
        found = translate(read_text(file), settings_for(config), queue, language, source)
    except OarLrmsError as error:
        shown = getattr(error, "shown", "")
        if not shown:
            raise
        print(f"{source}: {shown}", file=sys.stderr)
        return 1
    text = as_text(found, with_script)
    if as_json:
        text = json.dumps([vars(one) for one in found], indent=2) + "\n"
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()
    return 0


def as_text(found: Sequence[Translation], with_script: bool) -> str:
    """Each job in three or four parts, the oarsub line as one that can be copied."""
    parts = []
    for number, one in enumerate(found, 1):
        if len(found) > 1:
            parts.append(f"Job {number} of {len(found)}\n")
        parts.append("Description:\n" + description_text(one.description))
        parts.append(f"OAR is asked:\n  {shlex.join(one.oarsub)}\n")
        if one.ignored:
            parts.append(
                "Without effect on OAR:\n" + "".join(f"  {_safe(x)}\n" for x in one.ignored)
            )
        if with_script:
            parts.append(f"Job script:\n{one.script}")
    return "\n".join(parts)


def description_text(description: Mapping[str, Any]) -> str:
    """What the user asked for, a line each, without what he has not said."""
    return "".join(_field(*item) for item in description.items())


def _field(name: str, value: Any) -> str:
    if value in (None, []):
        return ""
    if name == "environment":
        shown = " ".join(_one_of_several(f"{key}={text}") for key, text in value)
    elif name == "runtime_environments":
        shown = ", ".join(
            " ".join(map(_one_of_several, [rte["name"], *rte["options"]])) for rte in value
        )
    elif name == "start_time":
        shown = f"{value} ({time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(value))} UTC)"
    elif isinstance(value, list):
        shown = " ".join(map(_one_of_several, value))
    elif isinstance(value, bool):
        shown = "yes" if value else "no"
    else:
        shown = _safe(str(value))
    return f"  {name:<21} {shown} {_UNITS.get(name, '')}".rstrip() + "\n"


def _one_of_several(text: str) -> str:
    """As `_safe`, and in quotes where blanks would make two words of it."""
    return repr(text) if " " in text else _safe(text)


def _safe(text: str) -> str:
    """Text as it stands where it is plain, else in quotes and with escapes."""
    plain = text.isprintable() and text.strip() == text and text and "'" not in text
    return text if plain else repr(text)
