"""Whose an OAR job is, before root acts on the id that a grid job's files name.

These files belong to the mapped user: A-REX gives him `.local`, the GRAMi file and the status file,
in directories that everybody may enter (ARC 6.17 and 7.0 `files/ControlFileHandling.cpp`,
fix_file_owner; `conf/GMConfig.cpp`, CreateControlDirectory). Whoever of the users has a process on
the CE can so name another's OAR job as his own, and for root OAR deletes any. The owner of the
files he cannot change, nor what OAR tells of its job's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from arc_lrms_oar.arex.controldir import GridJob, read_job
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.scan.job_index import Sighting
from arc_lrms_oar.settings import Settings


class Ownership:
    """Compares the users of one control directory's jobs with those that OAR knows."""

    def __init__(self, settings: Settings, control_dir: str) -> None:
        self._remote_user = settings.remote_user
        self._control_dir = control_dir
        self._names: dict[int, str] = {}

    def user_there(self, job: GridJob) -> str:
        """The user for whom OAR must have the job: a name, or a number where he has none, "" if it
        is not known whose the job is."""
        if self._remote_user or job.owner is None:
            return self._remote_user
        uid = job.owner.uid
        if uid not in self._names:
            self._names[uid] = job.owner.name
        return self._names[uid]

    def is_own(self, record: JobRecord | None, sighting: Sighting) -> bool:
        """Whether OAR says that the job is its grid job's user's; what is not known is not his."""
        job = self._read(sighting)
        if job is None or record is None or not record.owner:
            return False
        return record.owner == self.user_there(job)

    def anothers(
        self, records: Mapping[int, JobRecord], jobs: Mapping[int, GridJob]
    ) -> dict[int, str]:
        """Why a job of `records` is not the grid job's in `jobs`, by id, as far as OAR tells."""
        found = {}
        for job_id, job in jobs.items():
            record = records.get(job_id)
            if record is None or not record.owner:
                continue
            user = self.user_there(job)
            if user and not user.isdecimal() and user != record.owner:
                found[job_id] = (
                    f"{job.grid_id}: OAR job {job_id} is not {user}'s but {record.owner}'s; it is "
                    "left alone"
                )
        return found

    def rightful(
        self, client: OarClient, twice: Mapping[int, Sequence[Sighting]]
    ) -> dict[int, Sighting]:
        """Of the grid jobs that name the same OAR job the first that OAR has for its user.

        Raises OarUnavailable.
        """
        records = client.records(dict.fromkeys(twice, "")) if twice else {}
        return {
            job_id: sighting
            for job_id, sightings in twice.items()
            for sighting in reversed(sightings)
            if self.is_own(records.get(job_id), sighting)
        }

    def _read(self, sighting: Sighting) -> GridJob | None:
        return read_job(self._control_dir, sighting.status_name)
