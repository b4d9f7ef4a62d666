"""A real OAR and a real A-REX in a disposable Debian root.

    from bed import Bed
    bed = Bed("bookworm")
    bed.up()
    bed.run(["oarstat"], user="griduser")

`Bed` is loaded when it is first used: `testbed run`, which is called often, does not need it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .messages import BedError
from .suites import DEFAULT_SUITE, GRIDUSER, OTHERUSER, SUITES

if TYPE_CHECKING:
    from .bed import Bed

__all__ = ["DEFAULT_SUITE", "GRIDUSER", "OTHERUSER", "SUITES", "Bed", "BedError"]


def __getattr__(name: str) -> Any:
    if name == "Bed":
        from .bed import Bed

        return Bed
    raise AttributeError(name)
