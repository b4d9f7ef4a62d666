"""OAR's server process (Almighty): its address, and whether it accepts connections.

OAR's query commands need the database only, so a stopped server is not noticed by them: jobs are
listed but do not start (docs/internals/oar.md#server-and-database).
"""

from __future__ import annotations

import re
import socket

OAR_CONF = "/etc/oar/oar.conf"

_OPTION = r"(?m)^\s*SERVER_(HOSTNAME|PORT)\s*=\s*[\"']?([^\"'\s]+)"
_DEFAULT_PORT = 6666
_TIMEOUT = 5.0


def server_address() -> tuple[str, int]:
    """The host and port of OAR's server from oar.conf; raises OSError if it is not readable."""
    with open(OAR_CONF, encoding="utf-8", errors="replace") as file:
        values = dict(re.findall(_OPTION, file.read()))
    port = values.get("PORT", "")
    return values.get("HOSTNAME", "localhost"), int(port) if port.isdecimal() else _DEFAULT_PORT


def server_error(address: tuple[str, int]) -> str:
    """Why OAR's server does not accept a connection at `address`, or "".

    The server ignores a connection that sends no command.
    """
    try:
        socket.create_connection(address, _TIMEOUT).close()
    except OSError as error:
        return f"{address[0]} port {address[1]} does not answer: {error.strerror or error}"
    return ""
