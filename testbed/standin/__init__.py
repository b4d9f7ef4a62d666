"""A stand-in OAR made of real executables, for tests and for machines without the real one.

`from standin import Standin`, with `testbed/` on sys.path; see standin.py and README.md.
Must not: import the package under test.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own costs each command three milliseconds
if TYPE_CHECKING:
    from .standin import Call, Standin

__all__ = ["Call", "Standin"]


def __getattr__(name: str) -> object:
    # Lazy: the commands import this package too, and each of their starts costs every test.
    if name in __all__:
        from . import standin

        return getattr(standin, name)
    raise AttributeError(name)
