"""What differs between OAR 2 and OAR 3: the command lines to ask and the way to read the answers.

A dialect runs nothing; `oar.client` does. The text output of OAR 3 is wrapped and rewritten by a
table formatter, so it is never read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from arc_lrms_oar.id_ranges import IdRange, ranges_of

if TYPE_CHECKING:
    from arc_lrms_oar.oar.job_record import JobRecord

# Exit statuses of oardel for jobs that are deleted or soon will be (docs/internals/oar.md#oardel,
# docs/internals/oar3.md#commands).
OARDEL_DONE = 0
OARDEL_SERVER_DOWN = 2
OARDEL_ALREADY = 6

# Linux takes no single argument over 128 KiB (MAX_ARG_STRLEN).
_ARGUMENT_LIMIT = 120_000
# So many names of up to 100 characters fit into an argument.
_MOST_NAMES = 800
# A range in SQL is shorter than a list from this many IDs on.
_LONG_RANGE = 6
# With --sql OAR 3 lists jobs of all states for a time window only (`oar/lib/basequery.py`); this
# one, in local time, holds all jobs.
_ALWAYS = "2000-01-01 00:00:00, 2037-12-31 23:59:59"
# The job types that the default admission rules of OAR 3 accept; all others are "unknown job type"
# (`etc/oar/admission_rules.d/15_check_types.py`, docs/internals/oar3.md#refused-job-types).
_TYPES_3 = (
    r"(?:besteffort|container|cosystem|deploy|desktop_computing|idempotent)$"
    r"|(?:allowed|container|cosystem|deploy|inner|placeholder|timesharing)="
)


def _each(ids: Iterable[int]) -> list[str]:
    return [word for job_id in ids for word in ("-j", str(job_id))]


def _conditions(column: str, ranges: Iterable[IdRange]) -> Iterator[str]:
    """SQL conditions for exactly the IDs of `ranges`, none longer than an argument may be."""
    singles: list[str] = []
    betweens: list[str] = []
    size = 0
    for first, last in ranges:
        if last - first >= _LONG_RANGE:
            target, words = betweens, [f"{column} BETWEEN {first} AND {last}"]
        else:
            target, words = singles, [str(job_id) for job_id in range(first, last + 1)]
        for word in words:
            target.append(word)
            size += len(word) + 4
        if size > _ARGUMENT_LIMIT:
            yield _either(column, singles, betweens)
            singles, betweens, size = [], [], 0
    if size:
        yield _either(column, singles, betweens)


def _either(column: str, singles: list[str], betweens: list[str]) -> str:
    listed = [f"{column} IN ({','.join(singles)})"] if singles else []
    return " OR ".join([*listed, *betweens])


def _ends_in(ending: str) -> str:
    return f"job_name LIKE '%{ending}'"


class Dialect:
    """What all generations have in common."""

    generation = 0
    # Whether `oarhold -r` suspends a running job.
    suspends = True
    # Whether `ask_active` shows when a waiting job is expected to start.
    predicts_starts = False

    def ask_states(self, ids: Sequence[int]) -> list[str]:
        """The states of those of `ids` that OAR knows, including those that -J hides (OAR 3)."""
        return ["oarstat", "-s", "-J", *_each(ids)]

    def ask_ended(self, ranges: Iterable[IdRange]) -> list[list[str]] | None:
        """The commands that list which IDs of `ranges` have ended; None where there are none.

        The answer is only a hint: text rows can be forged, and an SQL error looks like no rows.
        """
        raise NotImplementedError

    def ask_records(self, ids: Sequence[int]) -> list[str]:
        """All about the jobs `ids`."""
        raise NotImplementedError

    def read_records(self, stdout: str) -> dict[int, JobRecord]:
        """The answer to `ask_records`, `ask_active` or `ask_named`."""
        raise NotImplementedError

    def ask_events(self, ids: Sequence[int]) -> list[str] | None:
        """The events of the jobs `ids`, or None where `ask_records` includes them."""
        raise NotImplementedError

    def ask_successors(self, ids: Sequence[int]) -> list[list[str]]:
        """The jobs as which OAR has resubmitted `ids` without an event; none if it writes one."""
        return []

    def ask_active(self) -> list[str]:
        """All jobs of all users that have not ended."""
        raise NotImplementedError

    def ask_assigned(self, ids: Sequence[int]) -> list[str] | None:
        """The resources assigned to the jobs `ids`, or None where `ask_active` includes them."""
        raise NotImplementedError

    def ask_queues(self) -> list[str]:
        """All queues with their states."""
        raise NotImplementedError

    def ask_where(self, condition: str) -> list[str]:
        """The jobs that fulfil an SQL condition, in every state.

        A condition with OR needs brackets: OAR puts it between others as it is.
        """
        raise NotImplementedError

    def ask_named(self, name: str) -> list[str]:
        """The jobs called `name`, in every state. It has letters, digits, `_` and `-` only."""
        return self.ask_where(f"job_name = '{name}'")

    def ask_names_ending(self, endings: Sequence[str]) -> list[list[str]]:
        """The jobs, in every state, whose names end in one of these; also of similar names.

        They have letters, digits, `_` and `-` only.
        """
        blocks = [endings[i : i + _MOST_NAMES] for i in range(0, len(endings), _MOST_NAMES)]
        return [
            self.ask_where(f"({' OR '.join(_ends_in(ending) for ending in block)})")
            for block in blocks
        ]

    def ask_commands_like(self, pattern: str, but: Iterable[IdRange]) -> list[str]:
        """The jobs that have not ended and whose command matches an SQL pattern.

        Those with an ID in `but` are left out, as far as an argument can hold the condition.
        """
        alive = f"state NOT IN ('Terminated','Error') AND command LIKE '{pattern}'"
        known = next(_conditions("job_id", but), "")
        return self.ask_where(f"({alive} AND NOT ({known}))" if known else f"({alive})")

    def refused_types(self, types: Iterable[str]) -> list[str]:
        """Those of the job types that OAR's default admission rules refuse."""
        return []


class Dialect2(Dialect):
    """OAR 2.5 and 2.6. `--format 2` pins the keys that a site's default format may rename."""

    generation = 2

    def ask_ended(self, ranges: Iterable[IdRange]) -> list[list[str]] | None:
        """One SQL query per command, for as many jobs as an argument can hold."""
        return [
            ["oarstat", "--format", "2", "--sql", f"state IN ('Terminated','Error') AND ({where})"]
            for where in _conditions("job_id", ranges)
        ]

    def ask_records(self, ids: Sequence[int]) -> list[str]:
        return ["oarstat", "--format", "2", "-J", "-f", *_each(ids)]

    def read_records(self, stdout: str) -> dict[int, JobRecord]:
        from arc_lrms_oar.oar import json_parser

        return json_parser.records_2(stdout)

    def ask_events(self, ids: Sequence[int]) -> list[str] | None:
        return None

    def ask_active(self) -> list[str]:
        return ["oarstat", "--format", "2", "-J"]

    def ask_assigned(self, ids: Sequence[int]) -> list[str] | None:
        return None

    def ask_queues(self) -> list[str]:
        return ["oarnotify", "-l"]

    def ask_where(self, condition: str) -> list[str]:
        return ["oarstat", "--format", "2", "-J", "--sql", condition]


class Dialect3(Dialect):
    """OAR 3."""

    generation = 3
    # docs/internals/oar3.md#events
    suspends = False
    predicts_starts = True

    def ask_ended(self, ranges: Iterable[IdRange]) -> list[list[str]] | None:
        return None

    def ask_records(self, ids: Sequence[int]) -> list[str]:
        return ["oarstat", "-J", "-f", *_each(ids)]

    def read_records(self, stdout: str) -> dict[int, JobRecord]:
        from arc_lrms_oar.oar import json_parser

        return json_parser.records_3(stdout)

    def ask_events(self, ids: Sequence[int]) -> list[str] | None:
        return ["oarstat", "-e", "-J", *_each(ids)]

    def ask_successors(self, ids: Sequence[int]) -> list[list[str]]:
        """Those of idempotent jobs that exited with 99, as recorded."""
        found = _conditions("resubmit_job_id", ranges_of(ids))
        return [self.ask_where(f"({where})") for where in found]

    def ask_active(self) -> list[str]:
        return ["oarstat", "-J", "-f"]

    def ask_assigned(self, ids: Sequence[int]) -> list[str] | None:
        return ["oarstat", "-p", "-J", *_each(ids)]

    def ask_queues(self) -> list[str]:
        return ["oarqueue", "-l"]

    def ask_where(self, condition: str) -> list[str]:
        return ["oarstat", "-J", "-f", "-g", _ALWAYS, "--sql", condition]

    def refused_types(self, types: Iterable[str]) -> list[str]:
        return [word for word in types if not re.match(_TYPES_3, word)]


def dialect_of(version: str) -> Dialect:
    """The dialect of OAR `version`, such as 2.5.9 or 3."""
    return Dialect3() if int(version.split(".")[0]) >= 3 else Dialect2()
