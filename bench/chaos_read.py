"""Read what A-REX and OAR have recorded of a chaos run, as plain values for the checker."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from bed import Bed
from bed.arcconf import CONTROLDIR, SESSIONDIR
from bed.layout import CHECKOUT_INSIDE
from chaos_jobs import NOTES
from chaos_records import Account, GridJob, OarJob, Records
from load_oar import Oar

_NAME = re.compile(r"chaos-([0-9]{4,})")
# A path has no tab and no newline, and OAR's texts get none from the run's jobs.
_JOBS = """SELECT job_id, job_name, state, coalesce(exit_code, -1), start_time, stop_time,
    resubmit_job_id,
    (SELECT string_agg(type || ' ' || replace(description, E'\\n', ' '), E'\\x01' ORDER BY event_id)
     FROM event_logs WHERE event_logs.job_id = jobs.job_id),
    (SELECT count(DISTINCT network_address) || ' ' || count(*)
     FROM assigned_resources JOIN resources USING (resource_id)
     WHERE moldable_job_id = assigned_moldable_job)
FROM jobs WHERE job_name LIKE 'chaos-%' OR command LIKE '%/.arc_oar/%' ORDER BY job_id"""


def read_records(bed: Bed) -> Records:
    """Return everything that the checker needs."""
    raw = _inside(bed)
    accounts = {name: _account(values) for name, values in raw["accounts"].items()}
    jobs = [_grid_job(name, job, accounts.get(name)) for name, job in raw["jobs"].items()]
    return Records(jobs, read_oar_jobs(bed), raw["notes"], [*raw["left"], *raw["scripts"]])


def unfinished(bed: Bed) -> dict[str, str]:
    """Return the jobs that A-REX has not finished, with their job names."""
    jobs = _inside(bed)["jobs"].items()
    return {name: str(job["name"]) for name, job in jobs if job["state"] != "FINISHED"}


def unaccounted(bed: Bed) -> int:
    """Return the number of accounting records that A-REX has not completed."""
    return sum(not account["complete"] for account in _inside(bed)["accounts"].values())


def read_oar_jobs(bed: Bed) -> list[OarJob]:
    """Return all OAR jobs of the run."""
    return [_oar_job(line) for line in Oar(bed).sql(_JOBS).splitlines()]


def _inside(bed: Bed) -> dict[str, Any]:
    script = f"{CHECKOUT_INSIDE}/bench/chaos_inside.py"
    done = bed.run(["python3", script, CONTROLDIR, SESSIONDIR, NOTES])
    return dict(json.loads(done.stdout))


def _grid_job(name: str, job: Mapping[str, Any], account: Account | None) -> GridJob:
    named = _NAME.fullmatch(job["name"])
    return GridJob(
        name,
        int(named[1]) if named else None,
        job["state"],
        str(job["failure"]),
        str(job["local_id"]),
        account,
        tuple(job["left"]),
        job["begun"],
        job["ended"],
        unexplained=job["failed"] and not job["failure"],
    )


def _account(values: Mapping[str, Any]) -> Account:
    start, end = values.get("lrmsstart", 0), values.get("lrmsend", 0)
    return Account(
        values["complete"],
        values["exit_code"],
        values["wall"],
        values["nodes"],
        values["cpus"],
        start,
        end,
    )


def _oar_job(line: str) -> OarJob:
    job_id, name, state, status, start, stop, resubmits, events, resources = line.split("\t")
    nodes, _, cores = resources.partition(" ")
    return OarJob(
        int(job_id),
        name.rpartition("-")[2],
        state,
        int(status) if int(status) >= 0 else None,
        int(start),
        int(stop),
        int(resubmits),
        tuple(events.split("\x01")) if events else (),
        int(nodes),
        int(cores),
    )
