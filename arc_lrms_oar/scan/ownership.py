"""Check that an OAR job belongs to the grid job that names it, before root acts on it.

The files that name the OAR job belong to the mapped user: A-REX gives them `.local`, the GRAMi
file and the status file, in directories that everybody may enter (ARC 6.17 and 7.0
`files/ControlFileHandling.cpp`, fix_file_owner; `conf/GMConfig.cpp`, CreateControlDirectory). Any
user who can run a process on the CE could therefore claim another user's OAR job as their own, and
OAR lets root delete any job. A job ID alone proves nothing either: OAR assigns it again after its
database was restored or created anew.

So an OAR job is the grid job's only if it has what submission put into it (`job.oar_name`), and if
its owner in OAR is the owner of the grid job's files, which users cannot change. For a user who
has been deleted from the system only the first remains. Any other OAR job counts as unknown to
OAR.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from arc_lrms_oar.arex.controldir import GridJob, read_job
from arc_lrms_oar.job.oar_name import is_job_of
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.scan.job_index import IndexedJob
from arc_lrms_oar.settings import Settings


class Ownership:
    """Compares the jobs of one control directory with the records of their OAR jobs."""

    def __init__(self, settings: Settings, control_dir: str) -> None:
        self._remote_user = settings.remote_user
        self._control_dir = control_dir
        self._names: dict[int, str] = {}

    def mismatch(self, record: JobRecord, job: GridJob) -> str:
        """Why the OAR job is not the grid job's, to follow "OAR job N"; "" if it is.

        OAR 3 gives only state and events of a job that was deleted while it waited: that is no
        mismatch, and no proof.
        """
        if not (record.owner or record.name or record.command):
            return ""
        if not is_job_of(job.grid_id, record.name, record.command):
            return f"is another job, named {record.name!r}"
        user = self._expected_owner(job)
        if user and record.owner and user != record.owner:
            return f"belongs to {record.owner}, not to {user}"
        return ""

    def is_proven(self, record: JobRecord, job: GridJob) -> bool:
        """Whether the OAR job is the grid job's, as is required before it is deleted."""
        return bool(record.owner) and not self.mismatch(record, job)

    def read(self, indexed: IndexedJob) -> GridJob | None:
        """The job with its files as they are now, None if A-REX has moved it on."""
        return read_job(self._control_dir, indexed.status_name)

    def is_own(self, record: JobRecord | None, indexed: IndexedJob) -> bool:
        """Whether OAR has the job and it is the grid job's, with the files as they are now."""
        job = self.read(indexed)
        return job is not None and record is not None and self.is_proven(record, job)

    def owners_of_shared(
        self, client: OarClient, shared: Mapping[int, Sequence[IndexedJob]]
    ) -> dict[int, IndexedJob]:
        """For each job ID that several grid jobs name, the grid job that the OAR job belongs to.

        Raises OarUnavailable.
        """
        records = client.records(dict.fromkeys(shared, ""))
        return {
            job_id: job
            for job_id, jobs in shared.items()
            for job in reversed(jobs)
            if self.is_own(records.get(job_id), job)
        }

    def _expected_owner(self, job: GridJob) -> str:
        """The user who must own the job in OAR; "" if the user has been deleted from the system."""
        if self._remote_user or job.owner is None:
            return self._remote_user
        uid = job.owner.uid
        if uid not in self._names:
            name = job.owner.name
            self._names[uid] = "" if name == str(uid) else name
        return self._names[uid]
