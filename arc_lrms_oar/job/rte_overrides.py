"""Settings of a queue that runtime environments change for one job, by `joboption_oar_*`.

Each variable is named after an option of arc.conf, and its value is read by the same rule. A-REX
never writes such a variable: only stage 0 of a runtime environment that the administrator has
enabled sets it, perhaps from an option that the user gave. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arc_lrms_oar import oarsub_values
from arc_lrms_oar.errors import JobError
from arc_lrms_oar.options import OPTIONS, Option
from arc_lrms_oar.settings import QueueSettings

_PREFIX = "joboption_oar_"
_OPTIONS = {option.rte_name: option for option in OPTIONS if option.by_rte}
# Only the administrator, in arc.conf, may name a program that OAR runs on its server.
_STRICTER = {"notify": oarsub_values.mail}


def for_one_job(queue: QueueSettings, values: Mapping[str, str]) -> QueueSettings:
    """Return `queue` with the `joboption_oar_*` values of one job; empty values have no effect.

    Raises JobError, with a text for the grid user, for an unknown variable or a wrong value.
    """
    changes: dict[str, Any] = {}
    for name in sorted(values):
        text = values[name]
        if not name.startswith(_PREFIX) or not text.strip():
            continue
        if name not in _OPTIONS:
            raise JobError(
                f"a runtime environment has set {name}, which does not exist; there are "
                + ", ".join(_OPTIONS)
            )
        option = _OPTIONS[name]
        value = _converted(option, text)
        changes[option.name] = _combined(getattr(queue, option.name), value, option.name)
    return queue._replace(**changes)


def _converted(option: Option, text: str) -> Any:
    try:
        return _STRICTER.get(option.name, option.convert)(text)
    except ValueError as error:
        shown = text if len(text) < 60 else text[:57] + "..."
        raise JobError(
            f"a runtime environment has set {option.rte_name}={shown!r}, which is wrong: "
            f"it must be {error}",
            getattr(error, "details", ""),
        ) from None


def _combined(before: Any, value: Any, name: str) -> Any:
    if name == "types":
        return before + tuple(kind for kind in value if kind not in before)
    if name == "properties" and before:
        return f"({before}) AND ({value})"
    return value
