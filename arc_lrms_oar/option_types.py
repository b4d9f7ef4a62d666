"""The types of the options in `arc_lrms_oar.settings`: text in, value out.

Each `convert` raises ValueError with a phrase that follows "expected". The values that end up on
OAR's command line have their own rules in `oarsub_values`, the identity rules in `identity`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from arc_lrms_oar import identity, oarsub_values


class OptionType(NamedTuple):
    """A type: its name in the documentation and the function that checks and converts a value."""

    name: str
    convert: Callable[[str], Any]


def one_of(*allowed: str) -> OptionType:
    """One of several keywords, upper or lower case; the value is in lower case."""
    *first, last = allowed
    name = f"{', '.join(first)} or {last}"

    def convert(value: str) -> str:
        if value.lower() not in map(str.lower, allowed):
            raise ValueError(name)
        return value.lower()

    return OptionType(name, convert)


def _number(value: str) -> int:
    # No pattern: this runs for every submission, and compiling one takes longer than the check.
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise ValueError("a whole number, 0 or more")
    return int(value)


def _time(value: str) -> int:
    if value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    match = re.fullmatch(r"([0-9]{1,6}):([0-5]?[0-9]):([0-5]?[0-9])", value)
    if not match:
        raise ValueError("seconds (3600) or hours:minutes:seconds (1:00:00)")
    hours, minutes, seconds = (int(part) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds


def _positive_time(value: str) -> int:
    seconds = _time(value)
    if seconds == 0:
        raise ValueError("a time of 1 second or more")
    return seconds


def _time_up_to_600(value: str) -> int:
    seconds = _time(value)
    if seconds > 600:
        raise ValueError("at most 600 seconds")
    return seconds


def _property(value: str) -> str:
    if not (value.isascii() and value.isidentifier() and len(value) < 64):
        raise ValueError("the name of one of OAR's resource properties, such as core")
    return value


def _optional_property(value: str) -> str:
    return _property(value) if value else ""


def _word(value: str) -> str:
    if value and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", value):
        raise ValueError("one word of letters, digits, '.', '_' and '-'")
    return value


def _login(value: str) -> str:
    if value and not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,252}", value):
        raise ValueError("a name or address of letters, digits, '.', ':', '_' and '-'")
    return value


def _users(value: str) -> tuple[str, ...]:
    if not all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,99}", name) for name in value.split()):
        raise ValueError("names of local users separated by spaces")
    return tuple(value.split())


def _prom_file(value: str) -> str:
    if value and not (value.startswith("/") and value.endswith(".prom")):
        raise ValueError("the absolute path of a file that ends in .prom")
    return value


def _directory(value: str) -> str:
    if value and not value.startswith("/"):
        raise ValueError("the absolute path of a directory")
    return value.rstrip("/") or value


def _file(value: str) -> str:
    if value and not value.startswith("/"):
        raise ValueError("the absolute path of a file")
    return value


def _yes_no(value: str) -> bool:
    if value.lower() not in ("yes", "no"):
        raise ValueError("yes or no")
    return value.lower() == "yes"


YES_NO = OptionType("yes or no", _yes_no)
NUMBER = OptionType("number", _number)
TIME = OptionType("time", _time)
POSITIVE_TIME = OptionType("time", _positive_time)
TIME_UP_TO_600 = OptionType("time", _time_up_to_600)
PROPERTY = OptionType("property", _property)
OPTIONAL_PROPERTY = OptionType("property", _optional_property)
WORD = OptionType("word", _word)
LOGIN = OptionType("name", _login)
USERS = OptionType("names", _users)
DIRECTORY = OptionType("path", _directory)
FILE = OptionType("path", _file)
PROM_FILE = OptionType("path", _prom_file)
RESOURCES = OptionType("levels", oarsub_values.resources)
CONDITION = OptionType("condition", oarsub_values.condition)
JOB_TYPES = OptionType("words", oarsub_values.job_types)
SIGNAL = OptionType("number", oarsub_values.signal_number)
NOTIFICATION = OptionType("text", oarsub_values.notification)
IDENTITY_RULES = OptionType("rules", identity.rules)
