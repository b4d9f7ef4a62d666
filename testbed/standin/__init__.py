"""A stand-in OAR: executables that answer like OAR's and run jobs, for machines without OAR.

Use `from standin import Standin` with `testbed/` on sys.path; see control.py and README.md.
The package under test is not imported here.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
if TYPE_CHECKING:
    from .control import Standin
    from .recorded_calls import Call

__all__ = ["Call", "Standin"]


def __getattr__(name: str) -> object:
    # Loaded late: each command imports this package too, and its start-up slows every test.
    if name in __all__:
        from . import control

        return getattr(control, name)
    raise AttributeError(name)
