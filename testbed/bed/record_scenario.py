"""What a scenario is, and the registry of them all.

Must not run anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .record_call import Recorder

Story = Callable[[Recorder], None]


@dataclass(frozen=True)
class Scenario:
    """`disturbs` others who use the same bed meanwhile; `slow` takes more than a minute."""

    name: str
    how: str
    story: Story
    disturbs: bool = False
    slow: bool = False


SCENARIOS: dict[str, Scenario] = {}


def scenario(name: str, *, disturbs: bool = False, slow: bool = False) -> Callable[[Story], Story]:
    """Register a story; its docstring says how the situation is brought about."""

    def register(story: Story) -> Story:
        how = " ".join((story.__doc__ or "").split())
        SCENARIOS[name] = Scenario(name, how, story, disturbs, slow)
        return story

    return register
