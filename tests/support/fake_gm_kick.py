"""A gm-kick for tests: an executable below ARC_LOCATION that records its arguments."""

from __future__ import annotations

import json
import sys
from pathlib import Path

FAKE = """\
#!{python}
import json, os, sys
with open({calls!r}, "a") as file:
    file.write(json.dumps([sys.argv[1:], sys.stdin.read()]) + "\\n")
print("noise on stdout")
sys.stderr.write("noise on stderr")
sys.exit({code})
"""


class FakeGmKick:
    """The gm-kick below one installation prefix of ARC. It does not exist before `install`."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.calls_file = prefix / "calls"

    def install(self, place: str = "libexec/arc", code: int = 0) -> Path:
        """Create the executable; it prints to both outputs and exits with status `code`."""
        path = self.prefix / place / "gm-kick"
        path.parent.mkdir(parents=True)
        path.write_text(FAKE.format(python=sys.executable, calls=str(self.calls_file), code=code))
        path.chmod(0o755)
        return path

    def calls(self) -> list[list[str]]:
        """Return the arguments of each call; its stdin must have been empty."""
        if not self.calls_file.exists():
            return []
        rows = [json.loads(line) for line in self.calls_file.read_text().splitlines()]
        assert all(stdin == "" for _, stdin in rows)
        return [argv for argv, _ in rows]
