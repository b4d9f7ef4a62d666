"""The type of a scenario and the registry of all scenarios."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .recorder import Recorder

Run = Callable[[Recorder], None]


@dataclass(frozen=True)
class Scenario:
    """`disturbs`: affects other users of the testbed; `slow`: takes more than a minute."""

    name: str
    how: str
    run: Run
    disturbs: bool = False
    slow: bool = False


SCENARIOS: dict[str, Scenario] = {}


def scenario(name: str, *, disturbs: bool = False, slow: bool = False) -> Callable[[Run], Run]:
    """Register a function as a scenario; its docstring becomes `how`."""

    def register(run: Run) -> Run:
        how = " ".join((run.__doc__ or "").split())
        SCENARIOS[name] = Scenario(name, how, run, disturbs, slow)
        return run

    return register
