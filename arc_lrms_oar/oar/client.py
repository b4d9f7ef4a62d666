"""Asks OAR and gives it orders: the only module that calls OAR's commands.

Three answers are kept apart: OAR is unavailable (OarUnavailable), OAR does not know the job (it is
not in the result), and OAR reports something about it (it is).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from arc_lrms_oar.errors import OarRefused
from arc_lrms_oar.id_ranges import IdRange, ranges_of
from arc_lrms_oar.oar import text_parser
from arc_lrms_oar.oar.dialect import (
    OARDEL_ALREADY,
    OARDEL_DONE,
    OARDEL_SERVER_DOWN,
    Dialect,
    dialect_of,
)
from arc_lrms_oar.oar.transport import CommandFailed, CommandTimeout, Completed, Transport

# The JSON parser is imported where it is used, which for scan is while its query is running.
if TYPE_CHECKING:
    from arc_lrms_oar.oar.job_record import JobRecord
    from arc_lrms_oar.oar.resources import Queue

# One command line of Linux holds 2 MiB; "-j", an ID and their two pointers take some 40 bytes.
STATES_IN_ONE_CALL = 20000
RECORDS_IN_ONE_CALL = 1000

# With a failed SQL query OAR 2 exits with 0 and no rows, and prints this if LOG_LEVEL allows.
_SQL_FAILED = r"(?m)^DBD::\w+::\w+ \w+ failed"
# A wrong --sql condition of OAR 3: a traceback of this error, with the query.
_WRONG_CONDITION = r"ProgrammingError|DataError|psycopg2\.errors\.(?:Syntax|Undefined)"
# A shell's exit status for a program that the caller may not run, and that of OAR 3's oarqueue for
# everybody but root and oar.
_NOT_PERMITTED = (126, 8)
# So many refused deletions are named in an error.
_MOST_REFUSALS = 5

# Called with the name of a command that has ended, its duration in seconds, and whether it failed:
# did not run, did not end in time, or had another exit status than 0.
Observer = Callable[[str, float, bool], None]


class OarClient:
    """OAR, as its commands show it to the calling user. `dialect` is "auto", "2" or "3"."""

    def __init__(self, transport: Transport, dialect: str) -> None:
        self.transport = transport
        self._observers: list[Observer] = []
        self._configured = dialect
        self._dialect: Dialect | None = None
        self._version = ""

    def observe(self, observer: Observer) -> None:
        """Report each command that this client runs to its end to `observer`, too."""
        self._observers.append(observer)

    @property
    def dialect(self) -> Dialect:
        """The dialect, asked for once; raises OarUnavailable."""
        if self._dialect is None:
            version = self.version() if self._configured == "auto" else self._configured
            self._dialect = dialect_of(version)
        return self._dialect

    def assume(self, generation: int) -> None:
        """Use the dialect of this generation, which OAR had a while ago, without asking.

        If OAR was upgraded since, its commands fail, or print rows that are skipped.
        """
        if self._configured == "auto":
            self._dialect = dialect_of(str(generation))

    def version(self) -> str:
        """OAR's version, such as 2.5.9, asked for once; raises OarUnavailable."""
        if not self._version:
            self._version = text_parser.version(self._ask(["oarstat", "-V"]))
        return self._version

    def states(self, ids: Iterable[int]) -> dict[int, str]:
        """OAR's states of those of `ids` that it knows, by job ID; raises OarUnavailable."""
        from arc_lrms_oar.oar import json_parser

        found: dict[int, str] = {}
        for block in _blocks(ids, STATES_IN_ONE_CALL):
            found.update(json_parser.states(self._ask(self.dialect.ask_states(block)), block))
        return found

    def ended(self, ids: Iterable[int]) -> set[int] | None:
        """Those of `ids` that seem to have ended, by the cheapest query; None without such a query.

        Only a hint that `records` must confirm; a job that is missing may have ended all the same.
        Raises OarUnavailable.
        """
        asked = set(ids)
        answer = self.begin_ended(ranges_of(asked))
        return None if answer is None else answer().intersection(asked)

    def begin_ended(self, ranges: Iterable[IdRange]) -> Callable[[], set[int]] | None:
        """Start the query of `ended` for these IDs and return what waits for its answer.

        Both raise OarUnavailable.
        """
        commands = self.dialect.ask_ended(ranges)
        if commands is None:
            return None
        if not commands:
            return set
        first, *others = commands
        waiting = self._begin(first)

        def answer() -> set[int]:
            found = text_parser.ended_hint(_output(waiting()))
            for command in others:
                found |= text_parser.ended_hint(self._ask(command))
            return found

        return answer

    def records(self, states: Mapping[int, str]) -> dict[int, JobRecord]:
        """The records of the jobs in `states` (OAR's states by job ID), where OAR shows them.

        Raises OarUnavailable.
        """
        from arc_lrms_oar.oar import json_parser

        found: dict[int, JobRecord] = {}
        for block in _blocks(states, RECORDS_IN_ONE_CALL):
            records = self.dialect.read_records(self._ask(self.dialect.ask_records(block)))
            ask_events = self.dialect.ask_events(block)
            if ask_events is not None:
                records = json_parser.with_events(block, states, records, self._ask(ask_events))
            found.update((job_id, records[job_id]) for job_id in block if job_id in records)
        return found

    def silent_successors(self, ids: Iterable[int]) -> dict[int, int]:
        """The jobs as which OAR has resubmitted some of `ids` without an event, by old job ID.

        Raises OarUnavailable.
        """
        asked = sorted(set(ids))
        found: dict[int, int] = {}
        for command in self.dialect.ask_successors(asked):
            for record in self.dialect.read_records(self._ask(command)).values():
                old = record.resubmitted_from
                if old in asked and record.job_id > old:
                    found[old] = record.job_id
        return found

    def named(self, name: str) -> list[JobRecord]:
        """The jobs called `name`, in every state, oldest first; raises OarUnavailable."""
        records = self.dialect.read_records(self._ask(self.dialect.ask_named(name)))
        return sorted(
            (record for record in records.values() if record.name == name),
            key=lambda record: record.job_id,
        )

    def named_like(self, endings: Sequence[str]) -> list[JobRecord]:
        """The jobs, in every state, whose names end in one of these, and jobs of similar names.

        Raises OarUnavailable.
        """
        found: dict[int, JobRecord] = {}
        for command in self.dialect.ask_names_ending(endings):
            found.update(self.dialect.read_records(self._ask(command)))
        return [record for _, record in sorted(found.items())]

    def alive_with_command(self, pattern: str, but: Iterable[int]) -> list[JobRecord]:
        """The jobs that have not ended and whose command matches an SQL pattern, by job ID.

        Those of the IDs `but` may be left out. Raises OarUnavailable.
        """
        asked = self.dialect.ask_commands_like(pattern, ranges_of(but))
        found = self.dialect.read_records(self._ask(asked))
        return [record for _, record in sorted(found.items())]

    def active(self) -> list[JobRecord]:
        """The jobs of all users that have not ended; raises OarUnavailable."""
        return list(self.dialect.read_records(self._ask(self.dialect.ask_active())).values())

    def with_resources(self, records: Sequence[JobRecord]) -> list[JobRecord]:
        """`records` with the assigned resources, which OAR 3 shows by a command of its own.

        Raises OarUnavailable.
        """
        from arc_lrms_oar.oar import json_parser, resources

        started = [
            record.job_id
            for record in records
            if not record.resources and record.state not in json_parser.WAITING
        ]
        ask = self.dialect.ask_assigned(started) if started else None
        if ask is None:
            return list(records)
        found = resources.assigned(self._ask(ask))
        return [
            record
            if own is None
            else record._replace(
                resources=own.resources, cores=len(own.resources) or None, nodes=own.nodes
            )
            for record in records
            for own in [found.get(record.job_id)]
        ]

    def resources(self, where: str = "") -> Iterator[dict[str, Any]]:
        """The properties of OAR's resources: of all, or of those that the SQL condition selects.

        A wrong condition selects nothing. Raises OarUnavailable, also while the result is iterated
        over and the output turns out to be broken.
        """
        from arc_lrms_oar.oar import resources

        condition = ["--sql", where] if where else []
        try:
            return resources.resources(self._ask(["oarnodes", "-J", *condition]))
        except CommandFailed as failed:
            # OAR 2 exits with 0 and prints nothing.
            if where and failed.code == 1 and re.search(_WRONG_CONDITION, failed.stderr):
                return iter(())
            raise

    def queues(self) -> dict[str, Queue] | None:
        """OAR's queues by name; None where the caller may not list them, unlike root and oar.

        Raises OarUnavailable.
        """
        from arc_lrms_oar.oar import resources

        try:
            return resources.queues(self._ask(self.dialect.ask_queues()))
        except CommandFailed as failed:
            if failed.code in (None, *_NOT_PERMITTED) and not isinstance(failed, CommandTimeout):
                return None
            raise

    def delete(self, ids: Iterable[int]) -> None:
        """Request the deletion of jobs; OAR deletes them some seconds later.

        A job that has ended or whose deletion was requested before is no error. Raises
        OarUnavailable, and OarRefused where OAR refuses one of the jobs: it does not exist or
        belongs to another user. The others are deleted all the same.
        """
        argv = ["oardel", *(str(job_id) for job_id in ids)]
        done = self._run(argv)
        refused = text_parser.refused_deletions(f"{done.stdout}\n{done.stderr}")
        if refused:
            several = len(argv) > 2
            reasons = [
                f"job {job_id}: {why}" if several else why
                for job_id, why in sorted(refused.items())
            ]
            more = len(reasons) - _MOST_REFUSALS
            shown = "; ".join(reasons[:_MOST_REFUSALS])
            raise OarRefused(f"{shown}; and {more} more" if more > 0 else shown)
        if done.code not in (OARDEL_DONE, OARDEL_SERVER_DOWN, OARDEL_ALREADY):
            raise _failed(done)

    def hold(self, ids: Iterable[int], running: bool = False) -> None:
        """Ask OAR not to start waiting jobs, or to suspend `running` ones.

        Only root and oar may suspend jobs. Raises OarUnavailable if oarhold cannot be run,
        OarRefused for any exit status but 0.
        """
        flags = ["-r"] if running else []
        self._request(["oarhold", *flags, *(str(job_id) for job_id in ids)])

    def resume(self, ids: Iterable[int]) -> None:
        """Ask OAR to resume held and suspended jobs; for these the caller must be root or oar.

        Raises OarUnavailable if oarresume cannot be run, OarRefused for any exit status but 0.
        """
        self._request(["oarresume", *(str(job_id) for job_id in ids)])

    def _request(self, argv: Sequence[str]) -> None:
        done = self._run(argv)
        if done.code != 0:
            said = text_parser.refusal("", done.stderr) or f"exit code {done.code}"
            raise OarRefused(f"{argv[0]}: {said}")

    def _ask(self, argv: Sequence[str]) -> str:
        return _output(self._run(argv))

    def _run(self, argv: Sequence[str]) -> Completed:
        return self._observed(argv[0], time.monotonic(), lambda: self.transport.run(argv))

    def _begin(self, argv: Sequence[str]) -> Callable[[], Completed]:
        """Start a command; its duration ends when the result is asked for and has come."""
        started = time.monotonic()
        waiting = self.transport.begin(argv)
        return lambda: self._observed(argv[0], started, waiting)

    def _observed(self, command: str, started: float, work: Callable[[], Completed]) -> Completed:
        failed = True
        try:
            completed = work()
            failed = completed.code != 0
        finally:
            for observer in self._observers:
                observer(command, time.monotonic() - started, failed)
        return completed


def _output(done: Completed) -> str:
    """The output of a command that was to answer a question; raises CommandFailed."""
    if done.code != 0 or re.search(_SQL_FAILED, done.stderr):
        raise _failed(done)
    return done.stdout


def _failed(done: Completed) -> CommandFailed:
    message = text_parser.refusal("", done.stderr) or "no message"
    why = f"exit code {done.code}: {message}"
    return CommandFailed(why, done.argv, done.code, done.stdout, done.stderr)


def _blocks(ids: Iterable[int], size: int) -> Iterator[list[int]]:
    ordered = sorted(set(ids))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]
