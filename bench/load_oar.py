"""Run a load directly in a bed's OAR with `oarsub` and `oardel`, and read its database."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from bed import GRIDUSER, Bed, BedError
from load_judge import OarJob
from load_plan import Planned

# What the backend requests for a job of one slot.
_REQUEST = "/core=1,walltime=3:0:0"
_NODES = 4
# With cpusets, a core of OAR must be a CPU of the machine; the testbed uses this number of them.
_CPUS = 2
_ALREADY_KILLED = 6
# OAR writes stop_time when a job is Finishing; only the log of its states has the end of that.
_JOBS = """SELECT job_id, job_name, state, exit_code, (
    SELECT max(date_start) FROM job_state_logs
    WHERE job_state_logs.job_id = jobs.job_id AND job_state IN ('Terminated', 'Error')
), resubmit_job_id, EXISTS (
    SELECT 1 FROM job_state_logs WHERE job_state_logs.job_id = jobs.job_id AND job_state = 'Running'
) FROM jobs WHERE job_id > {before} ORDER BY job_id"""

_TRIGGER = """
CREATE TABLE IF NOT EXISTS bench_ends (job_id integer PRIMARY KEY, at double precision);
CREATE OR REPLACE FUNCTION bench_end() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
INSERT INTO public.bench_ends VALUES (NEW.job_id, extract(epoch FROM clock_timestamp()))
ON CONFLICT DO NOTHING;
RETURN NULL;
END $$;
DROP TRIGGER IF EXISTS bench_end ON jobs;
CREATE TRIGGER bench_end AFTER UPDATE OF state ON jobs FOR EACH ROW
WHEN (NEW.state IN ('Terminated', 'Error') AND OLD.state <> NEW.state)
EXECUTE FUNCTION bench_end();
"""


class Oar:
    """A bed's OAR, and the jobs submitted to it since this object was created."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.before = int(self.sql("SELECT coalesce(max(job_id), 0) FROM jobs"))

    def sql(self, query: str) -> str:
        """Query the database; return one line per row, with tabs between the columns."""
        psql = ["psql", "-q", "-At", "-F", "\t", "-d", "oar", "-c", query]
        return self.bed.run(psql, user="postgres").stdout

    def have_cores(self, cores: int) -> None:
        """Add cores to the bed's nodes until there are `cores` in total."""
        has = int(self.sql("SELECT count(*) FROM resources"))
        lines = []
        for core in range(has + 1, cores + 1):
            node = 1 + core % _NODES
            properties = f"-p host=node{node} -p cpu={node} -p core={core} -p cpuset={core % _CPUS}"
            lines.append(f"oarnodesetting -a -h 127.0.0.{node} {properties} -p mem=4096")
        self.bed.run(["sh", "-e"], input="\n".join(lines), timeout=600)

    def submit(self, jobs: Sequence[Planned]) -> list[str]:
        """Submit jobs and return their job IDs. Raises BedError if one was not accepted."""
        lines = [
            shlex.join(["oarsub", "-l", _REQUEST, "-O", "/dev/null", "-E", "/dev/null", command])
            for command in (shlex.join(job.command) for job in jobs)
        ]
        said = self.bed.run(["sh", "-e"], user=GRIDUSER, input="\n".join(lines), timeout=600)
        ids = re.findall(r"^OAR_JOB_ID=([0-9]+)$", said.stdout, re.M)
        if len(ids) != len(jobs):
            raise BedError(f"oarsub created {len(ids)} of {len(jobs)} jobs", said.stdout[-500:])
        return ids

    def kill(self, names: Sequence[str]) -> list[bool]:
        """Delete jobs; return whether oardel accepted all, repeated for each."""
        done = self.bed.run(["oardel", *names], user=GRIDUSER, check=False)
        return [done.returncode in (0, _ALREADY_KILLED)] * len(names)

    def ended(self) -> set[str]:
        """Return the IDs of the jobs that have ended."""
        where = f"job_id > {self.before} AND state IN ('Terminated', 'Error')"
        return set(self.sql(f"SELECT job_id FROM jobs WHERE {where}").split())

    def jobs(self) -> list[OarJob]:
        """Return all jobs submitted since this object was created."""
        found = []
        for line in self.sql(_JOBS.format(before=self.before)).splitlines():
            job_id, name, state, status, ended, before, ran = line.split("\t")
            code = int(status) if status else None
            job = OarJob(int(job_id), name, state, code, int(ended or 0), int(before), ran == "t")
            found.append(job)
        return found


class OarEnds:
    """The moments at which OAR writes the last states of jobs, noted by a trigger in its database.

    OAR's own times have a resolution of one second.
    """

    def __init__(self, oar: Oar) -> None:
        self._oar = oar
        oar.sql(_TRIGGER)

    def times(self) -> dict[str, float]:
        """Return the moments in seconds since 1970, by job ID."""
        rows = self._oar.sql("SELECT job_id, at FROM bench_ends").splitlines()
        return {job_id: float(when) for job_id, when in (row.split("\t") for row in rows)}

    def close(self) -> None:
        """Remove what was added to the database."""
        self._oar.sql("DROP TRIGGER bench_end ON jobs; DROP TABLE bench_ends")
