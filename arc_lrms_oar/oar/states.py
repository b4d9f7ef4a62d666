"""The twelve states of an OAR job, the same in 2.5, 2.6 and 3, as a complete partition.

Source: docs/internals/oar.md#states and OAR's own enumeration (2.5
`sources/core/database/pg_structure.sql`).
"""

from __future__ import annotations

import enum


class State(enum.Enum):
    """One state: whether the job has ended, and the letter that ARC's info system publishes."""

    WAITING = ("Waiting", False, "Q")
    HOLD = ("Hold", False, "S")
    TO_LAUNCH = ("toLaunch", False, "R")
    TO_ERROR = ("toError", False, "EXECUTED")
    TO_ACK_RESERVATION = ("toAckReservation", False, "Q")
    LAUNCHING = ("Launching", False, "R")
    RUNNING = ("Running", False, "R")
    SUSPENDED = ("Suspended", False, "S")
    RESUMING = ("Resuming", False, "R")
    FINISHING = ("Finishing", False, "R")
    TERMINATED = ("Terminated", True, "EXECUTED")
    ERROR = ("Error", True, "EXECUTED")

    def __init__(self, word: str, ended: bool, published: str) -> None:
        self.word = word
        self.ended = ended
        self.published = published


# What this package reports in place of a state for a job that OAR does not know.
UNKNOWN = "unknown"

BY_WORD = {state.word: state for state in State}


def state_of(word: str) -> State | None:
    """The state with OAR's name `word`, or None for an unknown name."""
    return BY_WORD.get(word)


def has_ended(word: str) -> bool:
    """Whether `word` is the state of a job that has ended; an unknown state is not."""
    state = BY_WORD.get(word)
    return state is not None and state.ended
