"""Mutations of the package, each with the tests that must notice it; `tests/mutate` runs them.

Each module lists the mutations of one part of the package. They are subtle ones: two calls in
another order, a limit, a flag, a check or an exception left out. The texts are short, so that they
survive changes nearby. A text that has changed is reported as stale; rewrite its mutation then.
"""

from __future__ import annotations

from mutations import admin, dialect, outcome, scan, submit, submit_journal, userfiles
from mutations.mutation import PACKAGE, Mutation

ALL: tuple[Mutation, ...] = (
    *scan.MUTATIONS,
    *submit.MUTATIONS,
    *submit_journal.MUTATIONS,
    *userfiles.MUTATIONS,
    *dialect.MUTATIONS,
    *outcome.MUTATIONS,
    *admin.MUTATIONS,
)

__all__ = ["ALL", "PACKAGE", "Mutation"]
