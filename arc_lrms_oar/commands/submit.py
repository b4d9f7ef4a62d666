"""Submit: make one OAR job of one grid job, and write its job ID for A-REX.

In order: read the GRAMi file, run stage 0 of the runtime environments, write the job script into
the session directory, open the submit journal, run oarsub, write the job ID into the GRAMi file,
remove the journal. If any step is interrupted, the next attempt finds the journal and asks OAR for
its job before it submits again. A job whose job ID cannot be written for A-REX is deleted from OAR.
Runs as the mapped user, never as root.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from arc_lrms_oar import identity, replacement
from arc_lrms_oar.arex import controldir
from arc_lrms_oar.commands.oarsub_attempts import OarsubAttempts
from arc_lrms_oar.commands.prepare import benchmark_of, check_site, prepare
from arc_lrms_oar.console import printable
from arc_lrms_oar.errors import GramiError, JobError, OarRefused, OarUnavailable
from arc_lrms_oar.files import write_all
from arc_lrms_oar.job import grami, submit_journal
from arc_lrms_oar.log import complain
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.replacement import PackageReplaced
from arc_lrms_oar.retry import Retry
from arc_lrms_oar.safe_files import open_regular
from arc_lrms_oar.settings import Settings


class SubmitResult(NamedTuple):
    """The OAR job of a grid job; `grid_id` is empty where the GRAMi file names none."""

    job_id: int
    grid_id: str


def submit(
    settings: Settings,
    client: OarClient,
    path: str,
    retry: Retry | None = None,
    write_errors: Callable[[str], None] = complain,
) -> SubmitResult:
    """Submit the job of the GRAMi file at `path`, unless the file has a job ID already.

    `write_errors` gets the text for the job's file `errors`, into which A-REX puts stderr. Raises
    OarLrmsError; its text is for the grid user.
    """
    retry = retry or Retry(settings.submit_budget)
    size = grami.size(path)
    values = grami.read_values(path)
    grid_id = values.get("joboption_gridid", "")
    job_id = _written_id(values)
    if job_id is not None:
        return SubmitResult(job_id, grid_id)
    check_site(settings)
    session_dir = grami.describe(values, path).session_dir
    if not os.path.isdir(session_dir):
        raise JobError(f"the session directory {session_dir!r} does not exist")
    _write_benchmark(controldir.sibling(path, "diag"), benchmark_of(values, settings))
    journal = submit_journal.open_journal(session_dir, retry.seconds, retry.sleep)
    try:
        if grami.size(path) != size:
            # Another attempt may have written the job ID before this one got the lock.
            job_id = _written_id(grami.read_values(path))
        if job_id is None:
            user = identity.from_local(
                controldir.read_local_lines(controldir.sibling(path, "local"))
            )
            prepared = prepare(values, path, settings, journal.script, time.time(), user)
            replacement.check()
            write_errors(_between_marks(prepared.shown))
            attempts = OarsubAttempts(settings, client, prepared, journal, retry)
            job_id = attempts.run()
            _write_job_id(path, job_id, client, retry)
            for line in (*prepared.ignored, *attempts.ignored):
                write_errors(f"Without effect on OAR: {line}")
        journal.clear()
    except (GramiError, JobError, OarRefused, OarUnavailable, PackageReplaced):
        journal.discard()
        raise
    finally:
        journal.close()
    return SubmitResult(job_id, grid_id)


def _write_benchmark(path: str, benchmark: str) -> None:
    """Append the benchmark to the diag in the control directory, for a job that may never run.

    A-REX has made the file for the user. It replaces the file once a job has run (ARC 6.17 and 7.0
    `grid-manager/files/ControlFileHandling.cpp`, job_diagnostics_mark_move); without a benchmark it
    takes a default of its own.
    """
    with suppress(OSError):
        descriptor = open_regular(path, os.O_WRONLY | os.O_APPEND)
        try:
            write_all(descriptor, f"Benchmark={benchmark}\n".encode())
        finally:
            os.close(descriptor)


def _written_id(values: grami.Values) -> int | None:
    """The job ID that an earlier attempt has written; raises JobError if that attempt gave up."""
    if grami.is_unsubmitted(values):
        raise JobError("an earlier attempt to submit this job has failed")
    return grami.local_id(values)


def _between_marks(text: str) -> str:
    """The job script between the lines that `arcctl job script` searches for in `errors`.

    Source: ARC 6.17 and 7.0 `src/utils/python/arc/control/Jobs.py`, `job_script`.
    """
    if not text.replace("\n", "").isprintable():
        text = "".join(f"{printable(line.expandtabs())}\n" for line in text.splitlines())
    return f"----- starting submit-OAR-job -----\n{text}----- exiting submit-OAR-job -----"


def _write_job_id(path: str, job_id: int, client: OarClient, retry: Retry) -> None:
    """Write the job ID for A-REX; delete the job and raise GramiError where the disk stays full.

    A-REX regards the job as failed then, and would never cancel the OAR job.
    """
    failure = GramiError("the job ID was not written")
    for _ in retry.attempts():
        try:
            return grami.append_local_id(path, job_id)
        except GramiError as error:
            failure = error
    with suppress(OarRefused, OarUnavailable):
        client.delete([job_id])
    raise failure
