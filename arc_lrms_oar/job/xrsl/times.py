"""Times in xRSL: durations such as "2 hours 30 minutes", and the points in time of `starttime`.

Both are read exactly as ARC reads them, with its oddities: ARC ignores a time that it cannot read,
and accepts the job. python-dateutil only suggests what the user may have meant.

Source: ARC 6.17 and 7.0 `src/hed/libs/common/DateTime.cpp`.
"""

from __future__ import annotations

import calendar
import re
import time
import warnings
from collections.abc import Callable, Iterable

from arc_lrms_oar.job.xrsl.numbers import leading

PER_MINUTE = 60_000
LONGEST = 2**31 - 1
_ISO_UNITS = {"Y": 31536000, "W": 604800, "D": 86400, "H": 3600, "S": 1}
_ISO_MONTH = 2592000
_ISO_PART = re.compile(r"T|([0-9]+)([YMWDHS])")
# Per unit: its seconds, and the milliseconds of a number without a unit that follows it.
_UNITS = {
    "w": (604800, 86_400_000),
    "d": (86400, 3_600_000),
    "h": (3600, 60_000),
    "m": (60, 1000),
    "s": (1, 1),
}
# As %4d and %2d of sscanf: as many digits as there are, without backtracking.
_YEAR = r"\s*([0-9]{4}|[0-9]{1,3}(?![0-9]))"
_TWO = r"\s*([+-][0-9]|[0-9]{2}|[0-9](?![0-9]))"
_DATES = (
    (10, re.compile(f"{_YEAR}-{_TWO}-{_TWO}", re.ASCII)),
    (8, re.compile(f"{_YEAR}{_TWO}{_TWO}", re.ASCII)),
)
_CLOCKS = (
    (8, re.compile(f"{_TWO}:{_TWO}:{_TWO}", re.ASCII)),
    (6, re.compile(f"{_TWO}{_TWO}{_TWO}", re.ASCII)),
)
_ZONES = (
    (5, re.compile(f"{_TWO}:{_TWO}", re.ASCII)),
    (4, re.compile(f"{_TWO}{_TWO}", re.ASCII)),
)
_NAME = r"\s*(\S{3}|\S{1,2}(?!\S))"
_C_TIME = re.compile(f"{_NAME}{_NAME}{_TWO}{_TWO}:{_TWO}:{_TWO}{_YEAR}", re.ASCII)
_HTTP_TIME = re.compile(f"{_NAME},{_TWO}{_NAME}{_YEAR}{_TWO}:{_TWO}:{_TWO}", re.ASCII)
_Fields = tuple[int, ...]
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def span(text: str, unit: int = PER_MINUTE) -> int | None:
    """Return seconds, or None if ARC reads nothing; a number without unit is `unit` milliseconds.

    ARC skips signs, and every letter that does not directly follow a number.
    """
    if text.startswith("P"):
        return _iso_span(text)
    seconds = 0
    number = digits = -1
    for place, char in enumerate(text):
        if "0" <= char <= "9":
            number, digits = (place, 1) if number < 0 else (number, digits + 1)
        elif number >= 0 and char.lower() in _UNITS:
            size, unit = _UNITS[char.lower()]
            seconds += leading(text[number : number + digits]) * size
            number = -1
        elif number >= 0 and char != " ":
            return None
    if number < 0:
        return seconds if re.search("[0-9]", text) else None
    rest = text[number : number + digits]
    counting = rest.lstrip("0")
    if not rest.isdecimal() or len(counting) > 20:
        return seconds or None
    return seconds + int(counting or "0") * unit // 1000


def _iso_span(text: str) -> int | None:
    seconds = 0
    place = 1
    minutes = False
    while place < len(text):
        part = _ISO_PART.match(text, place)
        if not part:
            return None
        place = part.end()
        if part[2] == "M":
            seconds += leading(part[1]) * (60 if minutes else _ISO_MONTH)
        elif part[2]:
            seconds += leading(part[1]) * _ISO_UNITS[part[2]]
        minutes = minutes or part[2] not in ("Y", "S")
    return seconds


def moment(text: str) -> int | None:
    """Return the seconds since 1970 (UTC) of a `starttime`; None for text that ARC cannot read.

    A time without a zone is local time, as for ARC's client on the user's machine.
    """
    if "0" <= text[:1] <= "9":
        return _digits_moment(text)
    if len(text) == 24 and (found := _C_TIME.match(text)):
        _, month, day, hour, minute, second, year = found.groups()
        return _named_month(month, (year, day, hour, minute, second), _local)
    if len(text) == 29 and (found := _HTTP_TIME.match(text)):
        _, day, month, year, hour, minute, second = found.groups()
        return _named_month(month, (year, day, hour, minute, second), _utc)
    return None


def perhaps_meant(text: str) -> str | None:
    """Return the time that the user may have meant, in a form that ARC reads."""
    try:
        from dateutil.parser import parse
    except ImportError:
        return None
    with warnings.catch_warnings():
        # dateutil ignores an unknown time zone with a warning.
        warnings.simplefilter("error")
        try:
            return parse(text[:100]).strftime("%Y-%m-%d %H:%M:%S%z")
        except (ValueError, OverflowError, Warning):
            return None


def _digits_moment(text: str) -> int | None:
    date, place = _fields(_DATES, text, 0)
    if text[place : place + 1] in ("T", " "):
        place += 1
    clock, place = _fields(_CLOCKS, text, place)
    if not date or not clock:
        return None
    fraction = re.compile(r"\.[0-9]*").match(text, place)
    place = fraction.end() if fraction else place
    zone = text[place : place + 1]
    if zone not in ("+", "-"):
        return _utc(date + clock) if zone == "Z" else _local(date + clock)
    offset, _ = _fields(_ZONES, text, place + 1)
    moment = _utc(date + clock)
    if not offset or moment is None:
        return None
    seconds = offset[0] * 3600 + offset[1] * 60
    return moment - seconds if zone == "+" else moment + seconds


def _fields(
    patterns: Iterable[tuple[int, re.Pattern[str]]], text: str, place: int
) -> tuple[_Fields, int]:
    """Return the numbers of the first matching pattern, and the position after its full width."""
    for width, pattern in patterns:
        match = pattern.match(text[place : place + width])
        if match:
            return tuple(int(number) for number in match.groups()), place + width
    return (), place


def _named_month(
    name: str, rest: tuple[str, ...], make: Callable[[_Fields], int | None]
) -> int | None:
    if name not in _MONTHS:
        return None
    year, *others = (int(number) for number in rest)
    return make((year, _MONTHS.index(name) + 1, *others))


def _utc(fields: _Fields) -> int | None:
    year, month, *rest = fields
    try:
        return calendar.timegm((year + (month - 1) // 12, (month - 1) % 12 + 1, *rest, 0, 1, 0))
    except (ValueError, OverflowError):
        return None


def _local(fields: _Fields) -> int | None:
    year, month, day, hour, minute, second = fields
    try:
        return int(time.mktime((year, month, day, hour, minute, second, 0, 1, -1)))
    except (ValueError, OverflowError):
        return None
