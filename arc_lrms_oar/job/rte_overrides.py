"""What runtime environments have set for one job by `joboption_oar_*`, put over a queue's settings.

Each variable is named after the option of arc.conf that it stands for, and its value is read by the
same rule. A-REX never writes one: only stage 0 of a runtime environment, which an admin has
enabled, can set them, but it may have made the value of an option that the user gave. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arc_lrms_oar import oarsub_values
from arc_lrms_oar.errors import JobError
from arc_lrms_oar.options import OPTIONS, Option
from arc_lrms_oar.settings import QueueSettings

_PREFIX = "joboption_oar_"
_KNOWN = {option.rte_name: option for option in OPTIONS if option.by_rte}
# A program that OAR runs on its server is the admin's to name, and in arc.conf alone.
_STRICTER = {"notify": oarsub_values.mail}


def for_one_job(queue: QueueSettings, values: Mapping[str, str]) -> QueueSettings:
    """`queue` with what the GRAMi values of one job say; an empty value says nothing.

    Raises JobError, with a text for the grid user, for a variable that there is not and for a
    value that is wrong.
    """
    changes: dict[str, Any] = {}
    for name in sorted(values):
        text = values[name]
        if not name.startswith(_PREFIX) or not text.strip():
            continue
        if name not in _KNOWN:
            raise JobError(
                f"a runtime environment has set {name}, which means nothing here; known are "
                + ", ".join(_KNOWN)
            )
        option = _KNOWN[name]
        value = _converted(option, text)
        changes[option.name] = _together(getattr(queue, option.name), value, option.name)
    return queue._replace(**changes)


def _converted(option: Option, text: str) -> Any:
    try:
        return _STRICTER.get(option.name, option.convert)(text)
    except ValueError as error:
        shown = text if len(text) < 60 else text[:57] + "..."
        raise JobError(
            f"a runtime environment has set {option.rte_name}={shown!r}, which is wrong: "
            f"it must be {error}"
        ) from None


def _together(before: Any, value: Any, name: str) -> Any:
    if name == "types":
        return before + tuple(kind for kind in value if kind not in before)
    if name == "properties" and before:
        return f"({before}) AND ({value})"
    return value
