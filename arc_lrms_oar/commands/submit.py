"""Submit: one grid job becomes one OAR job, and A-REX learns its id.

The story: read the GRAMi file, run stage 0 of the runtime environments, write the job script into
the session directory, leave a mark, call oarsub, write the id into the GRAMi file, take the mark
away. Whatever kills this half-way, the next attempt finds the mark and asks OAR for its job before
it submits again. A job whose id A-REX cannot learn is taken out of OAR. Runs as the mapped user;
never as root.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from arc_lrms_oar import identity
from arc_lrms_oar.arex import controldir
from arc_lrms_oar.arex.userfiles import Owner
from arc_lrms_oar.errors import GramiError, JobError, OarRefused, OarUnavailable
from arc_lrms_oar.job import grami, remote_paths, rte_overrides, runtime_env, script, submit_journal
from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.job.ignored_attributes import unheeded, unused_keys
from arc_lrms_oar.job.request import OarRequest, checkpoint_signal, make_request
from arc_lrms_oar.log import complain
from arc_lrms_oar.oar import text_parser
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.runner import Command, Completed
from arc_lrms_oar.oar.states import State
from arc_lrms_oar.retry import Retry
from arc_lrms_oar.settings import Settings

if TYPE_CHECKING:
    from arc_lrms_oar.oar.job_record import JobRecord

_SERVER_DOWN = 9
# What oarsub says where its server or database does not answer; anything else is a refusal.
_TROUBLE = (
    "db connection",
    "dbi connect",
    "cannot connect to executor",
    "could not connect",
    "connection refused",
    "operationalerror",
    "psycopg2",
    "server closed the connection",
    "cannot be run",
)


class Prepared(NamedTuple):
    """A job ready to be submitted: what OAR is asked, and the text of the job script.

    `ignored` are lines "what: reason" on what has no effect.
    """

    job: JobDescription
    request: OarRequest
    text: str
    ignored: list[str]


def submit(settings: Settings, client: OarClient, path: str, retry: Retry | None = None) -> int:
    """Submits the job whose GRAMi file is at `path` and gives its OAR id, also if it has one.

    Raises OarLrmsError; the text is a sentence for the grid user.
    """
    retry = retry or Retry(settings.submit_budget)
    values = grami.read_values(path)
    known = grami.local_id(values)
    if known is not None:
        return known
    check_site(settings)
    session_dir = grami.describe(values, path).session_dir
    if not os.path.isdir(session_dir):
        raise JobError(f"the session directory {session_dir!r} does not exist")
    held = submit_journal.open_mark(session_dir, retry.seconds, retry.sleep)
    try:
        known = grami.local_id(grami.read_values(path))
        if known is None:
            who = identity.of_local(controldir.read_local_lines(controldir.sibling(path, "local")))
            prepared = prepare(values, path, settings, held.script, time.time(), who)
            known = _Submission(settings, client, prepared, held, retry).run()
            _tell(path, known, client, retry)
            _say_ignored(prepared.ignored)
        held.clear()
    except (GramiError, JobError, OarRefused, OarUnavailable):
        held.discard()
        raise
    finally:
        held.close()
    return known


def check_site(settings: Settings) -> None:
    """Raises JobError for a site on which no job could run."""
    if not settings.shared_filesystem:
        raise JobError(
            "the site has shared_filesystem=no, but OAR brings no files to its nodes: "
            "the session directory must be on a file system that the nodes see"
        )


def prepare(
    values: grami.Values,
    path: str,
    settings: Settings,
    script_path: str,
    now: float,
    who: identity.Identity,
) -> Prepared:
    """Everything up to oarsub, for the job of GRAMi `values`; raises OarLrmsError."""
    values = runtime_env.run_stage_0(values, settings)
    try:
        job = grami.describe(values, path)
    except GramiError as error:
        raise JobError(f"a runtime environment has changed the job: {error}") from None
    script_path = remote_paths.there(script_path, job.session_dir, settings.remote_sessiondir)
    job = remote_paths.moved(job, settings.remote_sessiondir)
    queue = settings.queue(job.queue or "")
    project, oar_queue = identity.choose(queue.identity, who)
    queue = queue._replace(project=project or queue.project, oar_queue=oar_queue or queue.oar_queue)
    queue = rte_overrides.for_one_job(queue, values)
    environments = tuple((rte.name, rte.options) for rte in job.runtime_environments)
    plan = script.NodePlan(
        gnu_time=settings.gnu_time,
        nodename_command=settings.nodename_command,
        scratch_dir=settings.scratch_dir,
        shared_scratch=settings.shared_scratch,
        move_tool=settings.move_tool,
        benchmark=queue.benchmark,
        checkpoint_signal=checkpoint_signal(job, queue),
        runtime={name: text for name, text in values.items() if name.startswith("RUNTIME_")},
    )
    request = make_request(job, queue, script_path, now)
    text = script.build(job, runtime_env.node_scripts(environments, settings.control_dir), plan)
    return Prepared(job, request, text, [*unused_keys(values), *unheeded(job, queue, now)])


def _say_ignored(lines: list[str]) -> None:
    """On stderr, which A-REX puts into the job's `errors` file."""
    for line in lines:
        complain(f"Without effect on OAR: {line}")


def _tell(path: str, job_id: int, client: OarClient, retry: Retry) -> None:
    """Writes the id for A-REX; raises GramiError where the disk stays full, and deletes the job.

    A-REX takes the job for failed then, and would never look after what is left in OAR.
    """
    trouble = GramiError("the id was not written")
    for _ in retry.attempts():
        try:
            return grami.append_local_id(path, job_id)
        except GramiError as error:
            trouble = error
    with suppress(OarRefused, OarUnavailable):
        client.delete([job_id])
    raise trouble


class _Submission:
    """One job on its way into OAR, through as many tries as the time allows.

    An oarsub that hangs in front of a dead database cannot be killed and may still bring its job
    in, so no other is started while it lives, and none before OAR was asked for the job by name.
    It holds the mark's lock with us, so that there is no moment in which it lives and nobody knows.
    """

    def __init__(
        self,
        settings: Settings,
        client: OarClient,
        prepared: Prepared,
        held: submit_journal.Mark,
        retry: Retry,
    ) -> None:
        self.settings = settings
        self.client = client
        self.prepared = prepared
        self.mark = held
        self.retry = retry
        self.timeout = settings.command_timeout
        self.hanging: Command | None = None

    def run(self) -> int:
        """The id of the job in OAR; raises OarRefused or OarUnavailable."""
        sure = not self.mark.earlier
        trouble = OarUnavailable("OAR was not asked")
        for _ in self.retry.attempts():
            try:
                found = None if sure else self._find_earlier()
                return found or self._oarsub()
            except OarUnavailable as error:
                trouble = error
                sure = False
        minutes = max(1, round(self.retry.elapsed() / 60))
        raise OarUnavailable(
            f"The batch system OAR did not answer for {minutes} min, so the job was not submitted; "
            f"please try again later ({trouble})"
        )

    def _find_earlier(self) -> int | None:
        """The job that an earlier try has brought in, None where it is certain that none has."""
        alive = self._earlier_lives()
        me = self.settings.remote_user or _user_name()
        torn = []
        for record in self.client.named(self.prepared.request.name):
            if self.mark.script_name not in record.command or record.owner != me:
                continue
            if not _is_torn(record):
                return record.job_id
            torn.append(record)
        if alive:
            raise OarUnavailable("an earlier oarsub still hangs")
        held = [record.job_id for record in torn if record.state == State.HOLD.word]
        if held:
            self.client.delete(held)
        return None

    def _earlier_lives(self) -> bool:
        if self.hanging is not None:
            if self.hanging.wait(0) is None:
                return True
            self.hanging = None
            return False
        return self.client.runner.lives(self.mark.pid, self._ticket())

    def _ticket(self) -> str:
        session_dir = os.path.dirname(self.mark.folder)
        return remote_paths.there(self.mark.ticket, session_dir, self.settings.remote_sessiondir)

    def _oarsub(self) -> int:
        script.write(self.mark.script, self.prepared.text)
        self.mark.note(0)
        argv = ["oarsub", *self.prepared.request.argv()]
        command = self.client.runner.start(argv, [self.mark.lock], self._ticket())
        # The disk may be full by now; the lock still tells that oarsub is under way.
        with suppress(JobError):
            self.mark.note(command.pid)
        done = command.wait(self.timeout)
        if done is None:
            if command.kill():
                command.abandon()
            else:
                self.hanging = command
            raise OarUnavailable(f"oarsub gave no answer in {self.timeout} s")
        return _judge(done)


def _is_torn(record: JobRecord) -> bool:
    """Whether the oarsub that made the job was killed before it had made all of it.

    oarsub writes a job in several transactions, in Hold until the last one (OAR 2.5 and 2.6
    `lib/OAR/IO.pm`, `add_micheline_simple_job`); such a job never runs. Once deleted it is in Error
    without ever having started.
    """
    if record.state == State.HOLD.word:
        return True
    return record.state == State.ERROR.word and not record.start_time


def _judge(done: Completed) -> int:
    """The id of the job that oarsub made; a positive one counts whatever the exit code."""
    job_id = text_parser.submitted_id(done.stdout)
    if job_id is not None:
        return job_id
    reason = text_parser.refusal(done.stdout, done.stderr)
    said = (done.stderr + done.stdout).lower()
    if done.code <= 0 or done.code == _SERVER_DOWN or any(word in said for word in _TROUBLE):
        raise OarUnavailable(f"oarsub: exit code {done.code}: {reason or 'no job id'}")
    if not reason:
        raise OarRefused(f"OAR refused the job without a reason (oarsub: exit code {done.code})")
    raise OarRefused(f"OAR refused the job: {reason}")


def _user_name() -> str:
    return Owner(os.geteuid(), os.getegid()).name
