"""Asks OAR and tells it: the only place where its commands are called.

Three answers are kept apart: OAR could not be asked (OarUnavailable), OAR does not know the job
(it is not in the result), OAR says something (it is).
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
    OARDEL_OK,
    OARDEL_SERVER_NOT_TOLD,
    Dialect,
    dialect_of,
)
from arc_lrms_oar.oar.transport import CommandFailed, CommandTimeout, Completed, Transport

# What reads JSON is loaded where it is needed, which for scan is when its question is on its way.
if TYPE_CHECKING:
    from arc_lrms_oar.oar.job_record import JobRecord
    from arc_lrms_oar.oar.resources import Queue

# One command line of Linux holds 2 MiB; "-j", an id and their two pointers take some 40 bytes.
STATES_IN_ONE_CALL = 20000
RECORDS_IN_ONE_CALL = 1000

# An SQL query that fails ends with exit code 0 and no rows; with some LOG_LEVEL it says this.
_SQL_FAILED = r"(?m)^DBD::\w+::\w+ \w+ failed"
# Of several ids oardel's exit code tells of the last one only.
_NOT_YOURS = "You are not the right user"
# A shell's exit code for a program that the caller may not run.
_NOT_PERMITTED = 126


# Called with the name of a command that has ended, its duration in seconds, and whether it failed:
# did not run, did not end in time, or had another exit status than 0.
Observer = Callable[[str, float, bool], None]


class OarClient:
    """OAR, as its commands show it to the calling user. `dialect` is "auto", "2" or "3"."""

    def __init__(self, transport: Transport, dialect: str) -> None:
        self.transport = transport
        self._observers: list[Observer] = []
        self._wanted = dialect
        self._dialect: Dialect | None = None
        self._version = ""

    def observe(self, observer: Observer) -> None:
        """Report each command that this client runs to its end to `observer`, too."""
        self._observers.append(observer)

    @property
    def dialect(self) -> Dialect:
        """The dialect, found out once; raises OarUnavailable."""
        if self._dialect is None:
            wanted = self.version() if self._wanted == "auto" else self._wanted
            self._dialect = dialect_of(wanted)
        return self._dialect

    def assume(self, generation: int) -> None:
        """Saves the question for the version: OAR was of this generation a while ago.

        Where it is so no more its commands fail, or give rows that are left out.
        """
        if self._wanted == "auto":
            self._dialect = dialect_of(str(generation))

    def version(self) -> str:
        """OAR's version, such as 2.5.9, asked for once; raises OarUnavailable."""
        if not self._version:
            self._version = text_parser.version(self._ask(["oarstat", "-V"]))
        return self._version

    def states(self, ids: Iterable[int]) -> dict[int, str]:
        """OAR's word for the state of each of `ids` that it knows; raises OarUnavailable."""
        from arc_lrms_oar.oar import json_parser

        found: dict[int, str] = {}
        for block in _blocks(ids, STATES_IN_ONE_CALL):
            found.update(json_parser.states(self._ask(self.dialect.ask_states(block)), block))
        return found

    def ended(self, ids: Iterable[int]) -> set[int] | None:
        """Those of `ids` that seem to have ended, by the cheapest query; None where there is none.

        Only a hint, for `records` to confirm: what is missing here may have ended all the same.
        Raises OarUnavailable.
        """
        asked = set(ids)
        answer = self.begin_ended(ranges_of(asked))
        return None if answer is None else answer().intersection(asked)

    def begin_ended(self, runs: Iterable[IdRange]) -> Callable[[], set[int]] | None:
        """Asks which jobs of these ids seem to have ended; what it gives waits for the answer.

        As for `ended`, which see. Both raise OarUnavailable.
        """
        commands = self.dialect.ask_ended(runs)
        if commands is None:
            return None
        if not commands:
            return set
        first, *others = commands
        waiting = self._begin(first)

        def answer() -> set[int]:
            found = text_parser.ended_hint(_said(waiting()))
            for command in others:
                found |= text_parser.ended_hint(self._ask(command))
            return found

        return answer

    def records(self, states: Mapping[int, str]) -> dict[int, JobRecord]:
        """All that OAR tells of the jobs in `states` (state words by id), as far as it does.

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

    def followers(self, ids: Iterable[int]) -> dict[int, int]:
        """The ids of the jobs that OAR made of `ids` without telling it by an event, by old id.

        Raises OarUnavailable.
        """
        asked = sorted(set(ids))
        found: dict[int, int] = {}
        for command in self.dialect.ask_followers(asked):
            for record in self.dialect.read_records(self._ask(command)).values():
                old = record.resubmitted_from
                if old in asked and record.job_id > old:
                    found[old] = record.job_id
        return found

    def named(self, name: str) -> list[JobRecord]:
        """The jobs called `name` that OAR knows, oldest first; raises OarUnavailable."""
        records = self.dialect.read_records(self._ask(self.dialect.ask_named(name)))
        return sorted(
            (record for record in records.values() if record.name == name),
            key=lambda record: record.job_id,
        )

    def active(self) -> list[JobRecord]:
        """The jobs that have not ended, whoever's they are; raises OarUnavailable."""
        return list(self.dialect.read_records(self._ask(self.dialect.ask_active())).values())

    def with_resources(self, records: Sequence[JobRecord]) -> list[JobRecord]:
        """`records` with the resources that the jobs were given, which OAR 3 tells apart.

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
        """The properties of OAR's resources, of all or of those that fulfil the SQL condition.

        Raises OarUnavailable, also at the place where the answer is found to be broken. Of a
        wrong condition OAR 2 finds nothing.
        """
        from arc_lrms_oar.oar import resources

        chosen = ["--sql", where] if where else []
        return resources.resources(self._ask(["oarnodes", "-J", *chosen]))

    def queues(self) -> dict[str, Queue] | None:
        """OAR's queues by name; None where the caller may not list them (only root and oar may).

        Raises OarUnavailable.
        """
        from arc_lrms_oar.oar import resources

        try:
            return resources.queues(self._ask(self.dialect.ask_queues()))
        except CommandFailed as failed:
            if failed.code in (None, _NOT_PERMITTED) and not isinstance(failed, CommandTimeout):
                return None
            raise

    def delete(self, ids: Iterable[int]) -> None:
        """Asks OAR to delete jobs; it does so some seconds later.

        Raises OarUnavailable where OAR could not be asked, OarRefused where it said no to one of
        them: not the caller's, or unknown. A job that is deleted or ended already is no error.
        """
        done = self._run(["oardel", *(str(job_id) for job_id in ids)])
        if _NOT_YOURS in done.stdout + done.stderr:
            raise OarRefused(text_parser.refusal("", done.stderr) or _NOT_YOURS)
        if done.code in (OARDEL_OK, OARDEL_SERVER_NOT_TOLD, OARDEL_ALREADY):
            return
        if _is_refusal(done):
            raise OarRefused(
                text_parser.refusal("", done.stderr) or f"oardel: exit code {done.code}"
            )
        raise _failed(done)

    def _ask(self, argv: Sequence[str]) -> str:
        return _said(self._run(argv))

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


def _said(done: Completed) -> str:
    """What a command has printed that was to answer; raises CommandFailed."""
    if done.code != 0 or re.search(_SQL_FAILED, done.stderr):
        raise _failed(done)
    return done.stdout


def _is_refusal(done: Completed) -> bool:
    """Of oardel's codes only those that speak of the job itself; OAR 3 uses 1 for all else too."""
    return done.code == 7 or (done.code == 1 and "Cannot frag" in done.stderr + done.stdout)


def _failed(done: Completed) -> CommandFailed:
    said = text_parser.refusal("", done.stderr) or "no message"
    why = f"exit code {done.code}: {said}"
    return CommandFailed(why, done.argv, done.code, done.stdout, done.stderr)


def _blocks(ids: Iterable[int], size: int) -> Iterator[list[int]]:
    ordered = sorted(set(ids))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]
