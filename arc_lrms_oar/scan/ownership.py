"""Check that an OAR job belongs to the grid job that names it, before root acts on it.

The files that name the OAR job belong to the mapped user: A-REX gives them `.local`, the GRAMi
file and the status file, in directories that everybody may enter (ARC 6.17 and 7.0
`files/ControlFileHandling.cpp`, fix_file_owner; `conf/GMConfig.cpp`, CreateControlDirectory). Any
user who can run a process on the CE could therefore claim another user's OAR job as their own, and
OAR lets root delete any job. Users cannot change the owner of these files, nor the owner of the
job in OAR's database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from arc_lrms_oar.arex.controldir import GridJob, read_job
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.scan.job_index import IndexedJob
from arc_lrms_oar.settings import Settings


class Ownership:
    """Compares the users of one control directory's jobs with the job owners in OAR."""

    def __init__(self, settings: Settings, control_dir: str) -> None:
        self._remote_user = settings.remote_user
        self._control_dir = control_dir
        self._names: dict[int, str] = {}

    def expected_owner(self, job: GridJob) -> str:
        """The user who must own the job in OAR.

        A user name, a user ID where the user has no name any more, "" where the job's files are
        gone.
        """
        if self._remote_user or job.owner is None:
            return self._remote_user
        uid = job.owner.uid
        if uid not in self._names:
            self._names[uid] = job.owner.name
        return self._names[uid]

    def is_own(self, record: JobRecord | None, indexed: IndexedJob) -> bool:
        """Whether OAR has the job and says that the grid job's user owns it."""
        job = read_job(self._control_dir, indexed.status_name)
        if job is None or record is None or not record.owner:
            return False
        return record.owner == self.expected_owner(job)

    def foreign(
        self, records: Mapping[int, JobRecord], jobs: Mapping[int, GridJob]
    ) -> dict[int, str]:
        """The jobs whose OAR job has another owner, by job ID, with a line for the log."""
        found = {}
        for job_id, job in jobs.items():
            record = records.get(job_id)
            if record is None or not record.owner:
                continue
            user = self.expected_owner(job)
            if user and not user.isdecimal() and user != record.owner:
                found[job_id] = (
                    f"{job.grid_id}: OAR job {job_id} belongs to {record.owner}, not to {user}; it "
                    "is left alone"
                )
        return found

    def owners_of_shared(
        self, client: OarClient, shared: Mapping[int, Sequence[IndexedJob]]
    ) -> dict[int, IndexedJob]:
        """For each job ID that several grid jobs name, the first of them whose user owns the job.

        Raises OarUnavailable.
        """
        records = client.records(dict.fromkeys(shared, "")) if shared else {}
        return {
            job_id: job
            for job_id, jobs in shared.items()
            for job in reversed(jobs)
            if self.is_own(records.get(job_id), job)
        }
