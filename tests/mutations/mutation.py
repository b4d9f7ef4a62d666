"""One mutation of one source file."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

PACKAGE = "arc_lrms_oar"


class Mutation(NamedTuple):
    """A change of one source file that a test must notice.

    Args:
        file: The path below the package.
        name: What the mutation breaks.
        old: A text that is in the file exactly once.
        new: Its replacement.
        tests: pytest node IDs; at least one of these tests must fail.
    """

    file: str
    name: str
    old: str
    new: str
    tests: tuple[str, ...]


def in_file(file: str, *tests: str) -> Callable[..., Mutation]:
    """Return a function that creates mutations of one file; `tests` are used if it gets none."""

    def mutation(name: str, old: str, new: str, *others: str) -> Mutation:
        return Mutation(file, name, old, new, others or tests)

    return mutation
