"""The arc.conf of A-REX: its template and the values for it.

The running testbed is not read or changed here.
"""

from __future__ import annotations

import re
from pathlib import Path

from .layout import TESTBED
from .messages import BedError
from .suites import GRIDUSER, HOST

DEFAULT_TEMPLATE = TESTBED / "arc.conf.in"

CONTROLDIR = "/var/spool/arc/jobstatus"
SESSIONDIR = "/var/spool/arc/sessiondir"
WSPORT = 8443
WSURL = f"https://localhost:{WSPORT}/arex"

VALUES = {
    "HOSTNAME": HOST,
    "HOSTKEY": "/etc/grid-security/testCA-hostkey.pem",
    "HOSTCERT": "/etc/grid-security/testCA-hostcert.pem",
    "GRIDUSER": GRIDUSER,
    "CONTROLDIR": CONTROLDIR,
    "SESSIONDIR": SESSIONDIR,
    "WSURL": WSURL,
}


def render(template: str) -> str:
    """Replace each known @NAME@; all other text, including other @ signs, is kept."""
    return re.sub(r"@([A-Z]+)@", lambda m: VALUES.get(m[1], m[0]), template)


def read_template(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BedError(f"cannot read the arc.conf template {path}: {error}") from None


def has_block(conf: str, name: str) -> bool:
    return re.search(rf"^\s*\[{re.escape(name)}\]", conf, re.MULTILINE) is not None


def controldir(conf: str) -> str:
    """Return the control directory that an arc.conf sets, or A-REX's default."""
    found = re.search(r"^\s*controldir\s*=\s*(\S+)", conf, re.MULTILINE)
    return found[1].strip("\"'") if found else CONTROLDIR
