"""One job as OAR shows it, in one form for all its versions."""

from __future__ import annotations

from typing import NamedTuple


class Event(NamedTuple):
    """One event of a job. `date` is in seconds since 1970, None on OAR 3.

    `when` is the date as OAR 3 prints it, in local time without a zone: for people only.
    """

    kind: str
    text: str
    date: int | None = None
    number: int = 0
    when: str = ""


class JobRecord(NamedTuple):
    """What OAR shows about a job. Times are in seconds since 1970, `wall_time` in seconds.

    None means that OAR does not show it; `exit_code` is the raw wait status, and None is not 0.
    `cores` counts the resources assigned to the job, `resources` are their IDs, `wanted` is how
    many it requested, and `nodes` are its hosts, each once. `reserved` are the IDs of what an
    advance reservation holds before it starts. `cpuset` is the name of the job's cpuset, "" on a
    site that has none. `scheduled_start` is when OAR expects a waiting job to start; `request` is
    the oarsub line, which OAR shows to the job's owner and root only; `resource_request` has its
    -l options, on OAR 2 in full records only. `condition` is the SQL condition on all resources of
    the job, with what the admission rules have added.
    """

    job_id: int
    state: str
    exit_code: int | None = None
    name: str = ""
    owner: str = ""
    queue: str = ""
    project: str = ""
    command: str = ""
    directory: str = ""
    message: str = ""
    submission_time: int | None = None
    start_time: int | None = None
    stop_time: int | None = None
    wall_time: int | None = None
    cores: int | None = None
    nodes: tuple[str, ...] = ()
    cpuset: str = ""
    resources: tuple[int, ...] = ()
    wanted: int | None = None
    reserved: tuple[int, ...] = ()
    events: tuple[Event, ...] = ()
    resubmitted_from: int | None = None
    types: tuple[str, ...] = ()
    scheduled_start: int | None = None
    request: str = ""
    resource_request: str = ""
    condition: str = ""

    @property
    def is_noop(self) -> bool:
        """Whether OAR occupies the job's resources and runs nothing; as far as OAR shows it.

        OAR 3 shows no job types. The message is that of the deletion of such a job (2.5 and 2.6
        `sources/core/modules/leon.pl`).
        """
        return "noop" in self.types or self.message.startswith("NOOP job ")
