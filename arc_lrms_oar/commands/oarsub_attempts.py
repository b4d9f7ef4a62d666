"""Run oarsub for one grid job until OAR has answered, without ever making two OAR jobs.

An oarsub that hangs before a dead database cannot be killed and may still create its job. So no
other oarsub starts while one is alive, and none before OAR was asked for the job by name. oarsub
inherits the lock of the submit journal, so a live oarsub always holds the lock.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from arc_lrms_oar.arex.userfiles import Owner
from arc_lrms_oar.commands.prepare import Prepared, without_postponement
from arc_lrms_oar.errors import JobError, OarRefused, OarUnavailable
from arc_lrms_oar.job import remote_paths, script
from arc_lrms_oar.job.submit_journal import SubmitJournal
from arc_lrms_oar.oar import text_parser
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.states import State
from arc_lrms_oar.oar.transport import Command, Completed
from arc_lrms_oar.retry import Retry
from arc_lrms_oar.settings import Settings

if TYPE_CHECKING:
    from arc_lrms_oar.oar.job_record import JobRecord

_SERVER_DOWN = 9
# oarsub prints one of these where its server or database does not answer; any other text is a
# refusal.
_UNAVAILABLE = (
    "db connection",
    "dbi connect",
    "cannot connect to executor",
    "could not connect",
    "connection refused",
    "operationalerror",
    "psycopg2",
    "server closed the connection",
    # The database ended while oarsub used it (OAR 2.5.9 and 2.6.1, seen).
    "terminating connection",
    "no connection to the server",
    "cannot be run",
)


class OarsubAttempts:
    """The attempts to submit one prepared job, as many as the time allows.

    After `run`, `ignored` has what OAR's version does not accept and the job was submitted without.
    """

    def __init__(
        self,
        settings: Settings,
        client: OarClient,
        prepared: Prepared,
        journal: SubmitJournal,
        retry: Retry,
    ) -> None:
        self.settings = settings
        self.client = client
        self.prepared = prepared
        self.journal = journal
        self.retry = retry
        self.timeout = settings.command_timeout
        self.hanging: Command | None = None
        self.ignored: list[str] = []

    def run(self) -> int:
        """Return the job ID in OAR; raises OarRefused or OarUnavailable."""
        certain = not self.journal.earlier
        failure = OarUnavailable("OAR was not asked")
        for _ in self.retry.attempts():
            try:
                found = None if certain else self._find_earlier()
                return found or self._oarsub()
            except OarUnavailable as error:
                failure = error
                certain = False
        minutes = max(1, round(self.retry.elapsed() / 60))
        raise OarUnavailable(
            f"The batch system OAR did not answer for {minutes} min, so the job was not submitted; "
            f"please try again later ({failure})"
        )

    def _find_earlier(self) -> int | None:
        """Return the job that an earlier oarsub has created, None if certainly none has."""
        alive = self._earlier_lives()
        owner = self.settings.remote_user or Owner(os.geteuid(), os.getegid()).name
        incomplete = []
        for record in self.client.named(self.prepared.request.name):
            if self.journal.script_name not in record.command or record.owner != owner:
                continue
            if not _is_incomplete(record):
                return record.job_id
            incomplete.append(record)
        if alive:
            raise OarUnavailable("an earlier oarsub still hangs")
        in_hold = [record.job_id for record in incomplete if record.state == State.HOLD.word]
        if in_hold:
            self.client.delete(in_hold)
        return None

    def _earlier_lives(self) -> bool:
        if self.hanging is not None:
            if self.hanging.wait(0) is None:
                return True
            self.hanging = None
            return False
        return self.client.transport.is_running(self.journal.pid, self._ticket())

    def _ticket(self) -> str:
        session_dir = os.path.dirname(self.journal.folder)
        return remote_paths.remote_path(
            self.journal.ticket, session_dir, self.settings.remote_sessiondir
        )

    def _oarsub(self) -> int:
        script.write(self.journal.script, self.prepared.text)
        self.journal.record(0)
        request, self.ignored = without_postponement(
            self.prepared.request, lambda: self.client.dialect
        )
        argv = ["oarsub", *request.argv()]
        command = self.client.transport.start(argv, [self.journal.lock], self._ticket())
        # The disk may be full by now; the lock still shows that oarsub is running.
        with suppress(JobError):
            self.journal.record(command.pid)
        done = command.wait(self.timeout)
        if done is None:
            if command.kill():
                command.abandon()
            else:
                self.hanging = command
            raise OarUnavailable(f"oarsub gave no answer in {self.timeout} s")
        return _job_id(done)


def _is_incomplete(record: JobRecord) -> bool:
    """Whether the oarsub that created the job was killed before the job was complete.

    oarsub writes a job in several transactions, in Hold until the last one (OAR 2.5 and 2.6
    `lib/OAR/IO.pm`, `add_micheline_simple_job`); such a job never runs. Once deleted it is in Error
    without ever having started.
    """
    if record.state == State.HOLD.word:
        return True
    return record.state == State.ERROR.word and not record.start_time


def _job_id(done: Completed) -> int:
    """Return the ID of the job that oarsub created; a positive one counts at any exit status."""
    job_id = text_parser.submitted_id(done.stdout)
    if job_id is not None:
        return job_id
    reason = text_parser.refusal(done.stdout, done.stderr)
    output = (done.stderr + done.stdout).lower()
    unavailable = any(text in output for text in _UNAVAILABLE)
    if done.code <= 0 or done.code == _SERVER_DOWN or unavailable:
        raise OarUnavailable(f"oarsub: exit code {done.code}: {reason or 'no job id'}")
    if not reason:
        raise OarRefused(f"OAR refused the job without a reason (oarsub: exit code {done.code})")
    raise OarRefused(f"OAR refused the job: {reason}")
