"""Scenarios: jobs whose wall time is changed, or that are suspended, before they end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .deletions import LONG, on_node
from .normal_ends import ONE_CORE
from .recorder import CONFIGURATION, HOOKS, Recorder
from .scenario import scenario

# The site's script that suspends and resumes a job: OAR runs it on the node as oar, with a hash in
# Perl on its standard input. As with a frozen cgroup, no signal of the server reaches a suspended
# job; OAR's own script needs systemd (2.6) or cgroup v1 (2.5).
_SUSPEND = """
my $job = eval(join("", <STDIN>));
my $suspend = $ARGV[0] eq "suspend";
for my $folder ("/var/lib/oar", "/tmp/oar_runtime") {
    my $file = "$folder/pid_of_oarexec_for_jobId_$job->{job_id}";
    $suspend ? rename($file, "$file.hidden") : rename("$file.hidden", $file);
}
exec("pkill", $suspend ? "-STOP" : "-CONT", "-u", "oar", "-f", " $job->{job_id} OAREXEC");
"""


def _change_wall_time(at: Recorder, job_id: int, change: str) -> None:
    """Change the wall time of a job as root, once it runs, and wait until OAR has applied it."""
    at.reach(job_id, "Running")
    at.root("oarwalltime", "oarwalltime", str(job_id), change)
    at.event(job_id, "WALLTIME")
    at.snapshot("changed", job_id)


@contextlib.contextmanager
def _suspended(at: Recorder, job_id: int) -> Iterator[None]:
    """Suspend a job as root, once it runs; OAR can resume it inside the block.

    OAR suspends jobs only on sites with cpusets. So cpusets are configured, by a script that does
    nothing.
    """
    at.reach(job_id, "Running")
    configuration = at.bed.path(CONFIGURATION)
    before = configuration.read_bytes()
    suspend, cpusets = f"{HOOKS}/suspend.pl", f"{HOOKS}/cpusets.pl"
    at.bed.path(suspend).write_text(_SUSPEND)
    at.bed.path(cpusets).write_text("exit(0);\n")
    lines = [
        'JOB_RESOURCE_MANAGER_PROPERTY_DB_FIELD="cpuset"',
        f'JOB_RESOURCE_MANAGER_FILE="{cpusets}"',
        f'SUSPEND_RESUME_FILE="{suspend}"',
    ]
    configuration.write_bytes(before + "\n".join([*lines, ""]).encode())
    try:
        at.root("oarhold-r", "oarhold", "-r", str(job_id))
        at.reach(job_id, "Suspended")
        at.snapshot("suspended", job_id)
        yield
    finally:
        configuration.write_bytes(before)


@scenario("changed-deleted")
def _changed_deleted(at: Recorder) -> None:
    """An administrator extends the wall time of a running job, then its owner deletes the job."""
    job_id = at.submit("-n", "changed-deleted", *ONE_CORE, LONG)
    _change_wall_time(at, job_id, "+0:1:0")
    at.call("oardel", ["oardel", str(job_id)])
    at.end(job_id)


@scenario("changed-exit3")
def _changed_exit3(at: Recorder) -> None:
    """An administrator extends the wall time of a running job, and the command exits with 3."""
    job_id = at.submit("-n", "changed-exit3", *ONE_CORE, "sleep 30; exit 3")
    _change_wall_time(at, job_id, "+0:1:0")
    at.end(job_id)


@scenario("changed-preempted")
def _changed_preempted(at: Recorder) -> None:
    """An administrator extends the wall time of a best-effort job, and OAR preempts the job."""
    job_id = at.submit("-n", "changed-preempted", "-t", "besteffort", *on_node(3, 2), LONG)
    _change_wall_time(at, job_id, "+0:1:0")
    other = at.submit("-n", "changed-normal", *on_node(3, 2), "true", step="normal.oarsub")
    at.end(job_id, other)


@scenario("changed-walltime", slow=True)
def _changed_walltime(at: Recorder) -> None:
    """An administrator reduces the wall time of a running job, and the job exceeds it."""
    job_id = at.submit("-n", "changed-walltime", *ONE_CORE, LONG)
    _change_wall_time(at, job_id, "0:1:0")
    at.end(job_id)


@scenario("suspended-deleted", disturbs=True, slow=True)
def _suspended_deleted(at: Recorder) -> None:
    """The owner deletes a suspended job, and OAR exterminates it five minutes later."""
    job_id = at.submit("-n", "suspended-deleted", *ONE_CORE, LONG)
    with _suspended(at, job_id):
        at.call("oardel", ["oardel", str(job_id)])
        at.event(job_id, "SEND_KILL_JOB")
        at.snapshot("deleted", job_id)
    at.reach(job_id, "Error", timeout=420)
    at.end(job_id)


@scenario("suspended-deleted-resumed", disturbs=True)
def _suspended_deleted_resumed(at: Recorder) -> None:
    """The owner deletes a suspended job, then an administrator resumes it."""
    job_id = at.submit("-n", "suspended-deleted-resumed", *ONE_CORE, LONG)
    with _suspended(at, job_id):
        at.call("oardel", ["oardel", str(job_id)])
        at.event(job_id, "SEND_KILL_JOB")
        at.root("oarresume", "oarresume", str(job_id))
        at.end(job_id)
