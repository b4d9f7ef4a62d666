"""The command `query`: state, exit code and reason of jobs, by job IDs of OAR or grid job IDs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from arc_lrms_oar.admin.job_lookup import Found, find_job
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.job_listing import JobListing, failure_of
from arc_lrms_oar.commands.query import QueryResult, query, table
from arc_lrms_oar.errors import OarLrmsError
from arc_lrms_oar.local_ids import oar_job_id
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.states import UNKNOWN
from arc_lrms_oar.settings import Settings


def query_jobs(settings: Settings, client: OarClient, texts: Sequence[str], as_json: bool) -> int:
    """Print one line for each of `texts`.

    Returns:
        The exit status: 1 if neither A-REX nor OAR knows one of them.

    Raises:
        OarUnavailable: OAR does not answer.
    """
    every = JobListing(settings.control_dir)
    targets = []
    failed = False
    for text in texts:
        # A job ID of OAR needs no control directory.
        job_id = oar_job_id(text)
        if job_id is not None:
            targets.append(Found(None, job_id))
            continue
        try:
            targets.append(find_job(every, text))
        except OarLrmsError as error:
            print(error, file=sys.stderr)
            failed = True
    answers = iter(query(client, [job_id for _, job_id in targets if job_id is not None]))
    results = []
    for job, job_id in targets:
        result = QueryResult(None, UNKNOWN) if job_id is None else next(answers)
        if result.state == UNKNOWN:
            result = _with_arex_state(result, job or _grid_job(every, job_id))
        results.append(result)
    if as_json:
        print(json.dumps([result._asdict() for result in results], indent=2))
    elif results:
        print(table(results))
    return int(failed or any(result.state == UNKNOWN for result in results))


def _grid_job(every: JobListing, job_id: int | None) -> GridJob | None:
    try:
        return find_job(every, str(job_id)).job
    except OarLrmsError:
        return None


def _with_arex_state(result: QueryResult, job: GridJob | None) -> QueryResult:
    if job is None:
        return result
    return result._replace(state=job.state, reason=failure_of(job) or "OAR does not know this job")
