"""Selects grid jobs: by state, user, queue, virtual organisation, name, age and ID. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from arc_lrms_oar.admin.job_ids import SHORTEST_PREFIX, ids_in
from arc_lrms_oar.admin.job_row import JobRow
from arc_lrms_oar.arex.job_listing import ENDED, STATES, EndedJob
from arc_lrms_oar.errors import OarLrmsError
from arc_lrms_oar.oar.states import UNKNOWN, State

PROBLEM, FAILED = "problem", "failed"
_CHOICES = (*STATES, *(state.word for state in State), UNKNOWN, PROBLEM, FAILED)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


@dataclass(frozen=True)
class Selection:
    """Which jobs are meant: those that meet every condition. Empty and None: no condition.

    `users`, `queues`, `vos` and `states` are alternatives; `states` are states of A-REX or OAR,
    PROBLEM or FAILED. `dn` and `name` are patterns of fnmatch for the whole text, without regard to
    case. `older` and `newer` are ages in seconds: the time for which a job has been in its state of
    A-REX. `ids` are grid job IDs, their first characters, or job IDs of OAR.
    """

    users: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    vos: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()
    dn: str = ""
    name: str = ""
    older: float | None = None
    newer: float | None = None
    ids: frozenset[str] = frozenset()

    @property
    def is_empty(self) -> bool:
        """Whether it has no condition, so that every job is selected."""
        return self == EVERY_JOB

    def has(self, row: JobRow, now: float) -> bool:
        """Whether the job is selected; `now` is in seconds since 1970."""
        return (
            self._has_state(row) and self._has_age(row.since, now) and self.has_identity(vars(row))
        )

    def has_identity(self, values: Mapping[str, Any]) -> bool:
        """Whether the user, queue and the like that do not change are those of a selected job."""
        return (
            self.has_owner(values)
            and _matches(values["name"], self.name)
            and (not self.ids or self._has_id(values["grid_job_id"], values["job_id"]))
        )

    def has_owner(self, values: Mapping[str, Any]) -> bool:
        """Whether user, queue, VO and DN are those of a selected job."""
        return (
            (not self.users or values["user"] in self.users)
            and (not self.queues or values["queue"] in self.queues)
            and (not self.vos or values["vo"] in self.vos)
            and _matches(values["dn"], self.dn)
        )

    def may_have(self, entry: EndedJob, now: float) -> bool:
        """Whether an ended job may be selected, by its directory entry."""
        states = self.states
        by_state = not states or not states.isdisjoint(ENDED) or (FAILED in states and entry.failed)
        return by_state and self._has_age(entry.since, now)

    def _has_state(self, row: JobRow) -> bool:
        states = self.states
        return (
            not states
            or row.arex_state in states
            or row.state in states
            or (row.problem and PROBLEM in states)
            or (row.failed and FAILED in states)
        )

    def _has_age(self, since: float, now: float) -> bool:
        age = now - since
        return (self.older is None or age >= self.older) and (
            self.newer is None or age <= self.newer
        )

    def _has_id(self, grid_id: str, job_id: int | None) -> bool:
        return str(job_id) in self.ids or any(
            grid_id.startswith(text) for text in self.ids if not text.isdecimal()
        )


EVERY_JOB = Selection()


def selection(
    states: str = "",
    users: str = "",
    queues: str = "",
    vos: str = "",
    dn: str = "",
    name: str = "",
    older: str = "",
    newer: str = "",
    ids: Iterable[str] = (),
) -> Selection:
    """The selection that the arguments of a command name; lists are separated by commas.

    Raises OarLrmsError for an unknown state and for an age that is none.
    """
    return Selection(
        users=frozenset(_listed(users)),
        queues=frozenset(_listed(queues)),
        vos=frozenset(_listed(vos)),
        states=frozenset(map(parse_state, _listed(states))),
        dn=dn,
        name=name,
        older=parse_age("--older", older) if older else None,
        newer=parse_age("--newer", newer) if newer else None,
        ids=frozenset(found for text in ids for found in _ids(text)),
    )


def _ids(text: str) -> list[str]:
    found = ids_in(text)
    if not found or (len(found[0]) < SHORTEST_PREFIX and not found[0].isdecimal()):
        raise OarLrmsError(f"{text}: expected a job ID of OAR or the start of a grid job ID")
    return found


def parse_state(text: str) -> str:
    """The state that `text` is in any case; raises OarLrmsError for an unknown one."""
    for choice in _CHOICES:
        if choice.lower() == text.lower():
            return choice
    raise OarLrmsError(f"--state {text}: no such state; expected one of {', '.join(_CHOICES)}")


def parse_age(option: str, text: str) -> float:
    """The seconds of an age such as 90s, 30m, 2h, 7d or 1w; raises OarLrmsError."""
    match = re.fullmatch(r"([0-9]{1,9})([smhdw])", text)
    if not match:
        raise OarLrmsError(f"{option} {text}: expected an age such as 90s, 30m, 2h, 7d or 1w")
    return float(int(match[1]) * _SECONDS[match[2]])


def parse_names(option: str, text: str, known: Collection[str]) -> tuple[str, ...]:
    """The names in a list separated by commas; raises OarLrmsError for one that is not `known`."""
    names = tuple(name.lower() for name in _listed(text))
    for name in names:
        if name not in known:
            raise OarLrmsError(f"{option} {name}: expected some of {', '.join(known)}")
    return names


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _matches(text: str, pattern: str) -> bool:
    return not pattern or fnmatchcase(text.lower(), pattern.lower())
