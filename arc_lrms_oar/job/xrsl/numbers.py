"""Numbers and URLs in xRSL, read as ARC's library reads them.

ARC reads the beginning of a value and silently ignores the rest; so does this module.

Sources (ARC 6.17 and 7.0): `src/hed/libs/common/StringConv.h`, `src/hed/libs/common/URL.cpp`.
"""

from __future__ import annotations

import re

_INT = re.compile(r"[ \t\n\v\f\r]*([+-]?[0-9]+)")
_REAL = re.compile(r"[ \t\n\v\f\r]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SCHEME = re.compile(r"[A-Za-z0-9+.-]*(?=:)")
_LARGEST = 2**31 - 1
_PATH_ALONE = ("file", "urllist", "link")
_WITH_LOCATIONS = ("rc", "fireman", "lfc")


def whole(text: str) -> int | None:
    """Return a whole number without further text; None for text that ARC would refuse."""
    match = _INT.fullmatch(text)
    return _fitting(match[1]) if match else None


def leading(text: str) -> int:
    """Return the number at the beginning of a text; 0 for none, or for one that is too large."""
    match = _INT.match(text)
    return _fitting(match[1]) or 0 if match else 0


def _fitting(digits: str) -> int | None:
    counting = digits.lstrip("+-0")
    if len(counting) > 10:
        return None
    number = int(counting or "0") * (-1 if digits[0] == "-" else 1)
    return number if -_LARGEST - 1 <= number <= _LARGEST else None


def is_real(text: str) -> bool:
    """Return whether a text is a number, with or without a fraction."""
    return bool(_REAL.fullmatch(text))


def scheme(url: str) -> str:
    """Return the protocol of a URL, `file` for a path, `urllist` for the name of a list of URLs."""
    if not url or url[0] == "#":
        return ""
    match = _SCHEME.match(url)
    if match:
        return match[0].lower()
    return "urllist" if url[0] == "@" else "file"


def is_url(url: str) -> bool:
    """Return whether ARC accepts a text as a URL; a path without a protocol is one."""
    if not url or url[0] == "#":
        return False
    match = _SCHEME.match(url)
    if not match:
        return True
    protocol, rest = match[0].lower(), url[match.end() + 1 :]
    if not rest.startswith("//"):
        return protocol in _PATH_ALONE or (protocol == "arc" and rest.startswith("/"))
    rest = rest[2:]
    at = rest.find("@")
    if at >= 0 and (protocol in _WITH_LOCATIONS or "/" not in rest[:at]):
        rest = rest[at + 1 :]
    host = rest.partition("/")[0]
    if not host.startswith("["):
        return True
    closing = host.find("]")
    return closing >= 0 and host[closing + 1 : closing + 2] in ("", ":", ";")
