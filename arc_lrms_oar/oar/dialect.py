"""What differs between the generations of OAR's commands: the words to ask and the way to read.

A dialect runs nothing; `oar.client` does. OAR 3's text output is Rich tables, wrapped and
rewritten on the way, and is never read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from arc_lrms_oar.id_ranges import IdRange, ranges_of

if TYPE_CHECKING:
    from arc_lrms_oar.oar.job_record import JobRecord

OARDEL_OK = 0
OARDEL_SERVER_NOT_TOLD = 2
OARDEL_ALREADY = 6

# Linux takes no single argument over 128 KiB (MAX_ARG_STRLEN).
_ARGUMENT_LIMIT = 120_000
_LONG_RUN = 6


def _each(ids: Iterable[int]) -> list[str]:
    return [word for job_id in ids for word in ("-j", str(job_id))]


def _conditions(column: str, runs: Iterable[IdRange]) -> Iterator[str]:
    """SQL conditions for exactly the ids of `runs`, none longer than an argument may be."""
    singles: list[str] = []
    ranges: list[str] = []
    size = 0
    for first, last in runs:
        if last - first >= _LONG_RUN:
            pieces, words = ranges, [f"{column} BETWEEN {first} AND {last}"]
        else:
            pieces, words = singles, [str(job_id) for job_id in range(first, last + 1)]
        for word in words:
            pieces.append(word)
            size += len(word) + 4
        if size > _ARGUMENT_LIMIT:
            yield _either(column, singles, ranges)
            singles, ranges, size = [], [], 0
    if size:
        yield _either(column, singles, ranges)


def _either(column: str, singles: list[str], ranges: list[str]) -> str:
    listed = [f"{column} IN ({','.join(singles)})"] if singles else []
    return " OR ".join([*listed, *ranges])


class Dialect:
    """What all generations have in common."""

    generation = 0
    # Whether `ask_active` tells when a waiting job is expected to start.
    foretells = False

    def ask_states(self, ids: Sequence[int]) -> list[str]:
        """The state of each of `ids` that OAR knows; also of those that -J hides (OAR 3)."""
        return ["oarstat", "-s", "-J", *_each(ids)]

    def ask_ended(self, runs: Iterable[IdRange]) -> list[list[str]] | None:
        """The commands that list which ids of `runs` have ended, or None where none can.

        Their answer is only a hint: text rows can be forged, and an SQL error looks like no rows.
        """
        raise NotImplementedError

    def ask_records(self, ids: Sequence[int]) -> list[str]:
        """All that OAR tells of `ids`."""
        raise NotImplementedError

    def read_records(self, stdout: str) -> dict[int, JobRecord]:
        """The answer to `ask_records`, `ask_active` or `ask_named`."""
        raise NotImplementedError

    def ask_events(self, ids: Sequence[int]) -> list[str] | None:
        """The events of `ids`, or None where `ask_records` brings them."""
        raise NotImplementedError

    def ask_followers(self, ids: Sequence[int]) -> list[list[str]]:
        """The jobs that OAR made of `ids` without an event that tells it; none where it tells."""
        return []

    def ask_active(self) -> list[str]:
        """All jobs that have not ended, whoever's they are."""
        raise NotImplementedError

    def ask_assigned(self, ids: Sequence[int]) -> list[str] | None:
        """The resources given to `ids`, or None where `ask_active` brings them."""
        raise NotImplementedError

    def ask_queues(self) -> list[str]:
        """All queues, with their states."""
        raise NotImplementedError

    def ask_named(self, name: str) -> list[str]:
        """The jobs called `name`, a word of letters, digits, `_` and `-` of our own making."""
        raise NotImplementedError


class Dialect2(Dialect):
    """OAR 2.5 and 2.6. `--format 2` pins the keys that a site's default format may rename."""

    generation = 2

    def ask_ended(self, runs: Iterable[IdRange]) -> list[list[str]] | None:
        """One SQL query a command, however many jobs there are."""
        return [
            ["oarstat", "--format", "2", "--sql", f"state IN ('Terminated','Error') AND ({where})"]
            for where in _conditions("job_id", runs)
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

    def ask_named(self, name: str) -> list[str]:
        return ["oarstat", "--format", "2", "-J", "--sql", f"job_name = '{name}'"]


class Dialect3(Dialect):
    """OAR 3. `--sql` lists active jobs only."""

    generation = 3
    foretells = True

    def ask_ended(self, runs: Iterable[IdRange]) -> list[list[str]] | None:
        return None

    def ask_records(self, ids: Sequence[int]) -> list[str]:
        return ["oarstat", "-J", "-f", *_each(ids)]

    def read_records(self, stdout: str) -> dict[int, JobRecord]:
        from arc_lrms_oar.oar import json_parser

        return json_parser.records_3(stdout)

    def ask_events(self, ids: Sequence[int]) -> list[str] | None:
        return ["oarstat", "-e", "-J", *_each(ids)]

    def ask_followers(self, ids: Sequence[int]) -> list[list[str]]:
        """Recorded: an idempotent job that exited with 99. Finds only those still active."""
        wheres = _conditions("resubmit_job_id", ranges_of(ids))
        return [["oarstat", "-J", "-f", "--sql", where] for where in wheres]

    def ask_active(self) -> list[str]:
        return ["oarstat", "-J", "-f"]

    def ask_assigned(self, ids: Sequence[int]) -> list[str] | None:
        return ["oarstat", "-p", "-J", *_each(ids)]

    def ask_queues(self) -> list[str]:
        return ["oarqueue", "-l"]

    def ask_named(self, name: str) -> list[str]:
        return ["oarstat", "-J", "-f", "--sql", f"job_name = '{name}'"]


def dialect_of(version: str) -> Dialect:
    """The dialect that OAR `version`, such as 2.5.9 or 3, speaks."""
    return Dialect3() if int(version.split(".")[0]) >= 3 else Dialect2()
