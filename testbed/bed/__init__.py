"""A real OAR and a real A-REX in a throw-away Debian root.

    from bed import Bed
    bed = Bed("bookworm")
    bed.up()
    bed.run(["oarstat"], user="griduser")

Loads `Bed` when it is first asked for: `testbed run`, which is called often, does without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .report import BedError
from .suites import DEFAULT_SUITE, GRIDUSER, OTHERUSER, SUITES

if TYPE_CHECKING:
    from .bed import Bed

__all__ = ["DEFAULT_SUITE", "GRIDUSER", "OTHERUSER", "SUITES", "Bed", "BedError"]


def __getattr__(name: str) -> Any:
    if name == "Bed":
        from .bed import Bed

        return Bed
    raise AttributeError(name)
