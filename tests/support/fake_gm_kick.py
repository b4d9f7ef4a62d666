"""A gm-kick below ARC_LOCATION: a real executable that notes how it was called."""

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
    """The fake gm-kick below one prefix."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self.calls_file = prefix / "calls"

    def install(self, place: str = "libexec/arc", code: int = 0) -> Path:
        path = self.prefix / place / "gm-kick"
        path.parent.mkdir(parents=True)
        path.write_text(FAKE.format(python=sys.executable, calls=str(self.calls_file), code=code))
        path.chmod(0o755)
        return path

    def calls(self) -> list[list[str]]:
        if not self.calls_file.exists():
            return []
        rows = [json.loads(line) for line in self.calls_file.read_text().splitlines()]
        assert all(stdin == "" for _, stdin in rows)
        return [argv for argv, _ in rows]
