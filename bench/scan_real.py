"""One scan over jobs of a real OAR 2, beside the queries that are candidates for its bulk query.

Runs as root on a machine with OAR's server, such as the testbed. The jobs are a held array. Ended
jobs are set in the database (Terminated, exit code 0, a time span), since OAR takes hours to run
thousands. All jobs are deleted at the end.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from measure import Result, Run, median, run_command
from scan_site import Site

_USER = "griduser"
# Without PWD, oarsub has no launching directory and its INSERT fails (OAR 2.5.9).
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/", "LC_ALL": "C.UTF-8", "PWD": "/"}
_ONE_ARGUMENT = 120_000
# The name by which a job proves to be a grid job's, as `scan_site.grid_job_id`.
_SQL_GRID_ID = "'bench' || lpad((job_id - {first})::text, 8, '0') || 'KDmABFKDmuPZcKDmABFKDm'"


def measure(jobs: int, ended: int, again: int = 5) -> list[Result]:
    """Return the medians of scans and of the cheapest bulk query, measured alternately.

    A scan reports an ended job only once. With `ended` there is therefore a single scan, the first.
    """
    scans, queries = [], []
    with _real_jobs(jobs, ended) as ids, tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder), jobs, ended, ids)
        _give(site, Path(folder))
        argv = _cheapest(ids)
        for number in range(again + 1 if not ended else 1):
            query = _query(argv, Path(folder))
            run = site.run()
            site.check(run)
            if number or ended:
                scans.append(run)
                queries.append(query)
    return [
        median("real", jobs, ended, scans, 4 if ended else 1),
        median("query", jobs, ended, queries, 1),
    ]


def _give(site: Site, folder: Path) -> None:
    """Make the owner of the jobs in OAR the owner of their files, as A-REX does."""
    folder.chmod(0o755)
    for path in (*site.control.iterdir(), site.sessions, *site.sessions.iterdir()):
        if path != site.control / "processing":
            shutil.chown(path, _USER, _USER)


def measure_queries(jobs: int, ended: int, again: int = 3) -> list[Result]:
    """Return the median of each candidate for the bulk query."""
    with _real_jobs(jobs, ended) as ids, tempfile.TemporaryDirectory() as folder:
        return [
            median(kind, jobs, ended, [_query(argv, Path(folder)) for _ in range(again)], 1)
            for kind, argv in _candidates(ids).items()
        ]


def _candidates(ids: Sequence[int]) -> dict[str, list[str]]:
    each = [word for job_id in ids for word in ("-j", str(job_id))]
    listed = f"job_id IN ({','.join(map(str, ids))})"
    listed = listed if len(listed) < _ONE_ARGUMENT else _range(ids)
    return {
        "ended": _cheapest(ids),
        "text": ["oarstat", "--format", "2", "--sql", listed],
        "states": ["oarstat", "-s", "-J", *each],
        "all text": ["oarstat", "--format", "2"],
        "json": ["oarstat", "--format", "2", "-J", "--sql", _range(ids)],
        "json full": ["oarstat", "--format", "2", "-J", "-f", "--sql", _range(ids)],
        "version": ["oarstat", "-V"],
    }


def _cheapest(ids: Sequence[int]) -> list[str]:
    where = f"state IN ('Terminated','Error') AND ({_range(ids)})"
    return ["oarstat", "--format", "2", "--sql", where]


def _range(ids: Sequence[int]) -> str:
    return f"job_id BETWEEN {min(ids)} AND {max(ids)}"


def _query(argv: list[str], place: Path) -> Run:
    run = run_command(["/usr/bin/" + argv[0], *argv[1:]], _ENVIRONMENT, place / "answer")
    if run.status != 0:
        raise SystemExit(f"{argv[0]} {argv[1]}: wait status {run.status}")
    return run


@contextmanager
def _real_jobs(jobs: int, ended: int) -> Iterator[list[int]]:
    """Yield the job IDs of a held array; the first `ended` have ended."""
    submit = ["oarsub", "--hold", "--array", str(jobs), "true"]
    said = _as(_USER, submit)
    ids = sorted(int(found) for found in re.findall(r"^OAR_JOB_ID=([0-9]+)$", said, re.M))
    if len(ids) != jobs:
        raise SystemExit(f"oarsub created {len(ids)} of {jobs} jobs: {said[-500:]}")
    try:
        if ended:
            _sql(
                "UPDATE jobs SET state = 'Terminated', exit_code = 0, start_time = 1795247000, "
                "stop_time = 1795247010, "
                f"job_name = {_SQL_GRID_ID.format(first=ids[0])} "
                f"WHERE job_id BETWEEN {ids[0]} AND {ids[ended - 1]}"
            )
        yield ids
    finally:
        _sql(f"UPDATE jobs SET state = 'Error' WHERE {_range(ids)} AND state = 'Hold'")


def _sql(statement: str) -> None:
    _as("postgres", ["psql", "-q", "-d", "oar", "-c", statement])


def _as(user: str, argv: Sequence[str]) -> str:
    """Run a command as another user in / and return what it prints."""
    done = subprocess.run(
        ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *argv],
        capture_output=True,
        text=True,
        cwd="/",
        env={**_ENVIRONMENT, "USER": user, "LOGNAME": user, "HOME": os.path.expanduser(f"~{user}")},
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{argv[0]}: exit status {done.returncode}: {done.stderr[-500:]}")
    return done.stdout
