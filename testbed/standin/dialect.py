"""What differs between the OAR versions that the stand-in knows, in one small table.

Must not: hold behaviour; a module that prints asks for the fact and decides itself.
"""

from __future__ import annotations


class Dialect:
    """Facts about one version. (No dataclass: importing those costs ten milliseconds.)

    `hash_errors`: 2.6 puts "# " before what it says on stderr and prints no OAR_JOB_ID line when it
    refuses. `rich_json`: since 2.6 `-J` alone is as full as `-J -f`, `--format 3` renames keys, and
    `-e` and `-p` know -J.
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
    """The facts of `version`."""
    if version not in DIALECTS:
        raise ValueError(f"no stand-in for OAR {version!r}; there are {', '.join(DIALECTS)}")
    return DIALECTS[version]
