"""One job as OAR tells it, in one form for all its dialects."""

from __future__ import annotations

from typing import NamedTuple


class Event(NamedTuple):
    """One event of a job's life: `date` seconds since 1970, None where OAR gives no number.

    `when` is the date as OAR 3 writes it, local time without a zone: for people only.
    """

    kind: str
    text: str
    date: int | None = None
    number: int = 0
    when: str = ""


class JobRecord(NamedTuple):
    """What OAR knows of a job. Times are seconds since 1970, `wall_time` seconds.

    None stands for what OAR does not tell; `exit_code` is the raw wait status, and None is not 0.
    `cores` counts the resources given to the job, `resources` are their ids, `wanted` is how many
    it asked for, and `nodes` are its hosts, each once. `reserved` are the ids of what an advance
    reservation holds before it starts. `cpuset` is the name of the job's cpuset, "" on a site that
    has none. `scheduled_start` is when OAR expects a waiting job to start; `request` is the oarsub
    line, which OAR tells the job's owner and root only; `resource_request` has its -l options, in
    full records of OAR 2 only.
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

    @property
    def is_noop(self) -> bool:
        """Whether OAR occupies the job's resources and runs nothing; as far as OAR shows it.

        OAR 3 shows no job types. The message is that of the deletion of such a job (2.5 and 2.6
        `sources/core/modules/leon.pl`).
        """
        return "noop" in self.types or self.message.startswith("NOOP job ")
