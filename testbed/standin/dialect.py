"""The differences between the OAR versions that the stand-in plays, in one table.

Holds facts only; what a command does with them is decided in its own module.
"""

from __future__ import annotations


class Dialect:
    """Facts about one version. (No dataclass: importing dataclasses takes 10 ms.)

    `hash_errors`: since 2.6, messages on stderr start with "# ", and a refusal prints no OAR_JOB_ID
    line. `rich_json`: since 2.6, `-J` alone prints as much as `-J -f`, `--format 3` renames keys,
    and `-e` and `-p` support -J.
    """

    def __init__(self, version: str, version_line: str, hash_errors: bool, rich_json: bool) -> None:
        self.version = version
        self.major = int(version.partition(".")[0])
        self.version_line = version_line
        self.hash_errors = hash_errors
        self.rich_json = rich_json


DIALECTS = {
    "2.5.9": Dialect("2.5.9", "OAR version : 2.5.9 (Canicule)", False, False),
    "2.6.1": Dialect("2.6.1", "OAR version: 2.6.1 (Liberty hope)", True, True),
    "3.0.2": Dialect("3.0.2", "OAR version : 3.0.2", True, True),
}


def dialect(version: str) -> Dialect:
    """Return the facts of `version`; raises ValueError for an unknown one."""
    if version not in DIALECTS:
        raise ValueError(f"no stand-in for OAR {version!r}: choose from {', '.join(DIALECTS)}")
    return DIALECTS[version]
