"""The options of `[custom:oar]` and `[custom:oar/QUEUE]` in arc.conf, each defined once.

The reader of arc.conf (`arex.config`), the defaults in `settings`, runtime environments
(`job.rte_overrides`) and `arc.conf.example` follow this table. A new option also needs a field in
`settings.Settings` or `settings.QueueSettings`, and a run of `tests/generate`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from arc_lrms_oar import option_types as types
from arc_lrms_oar.option_types import OptionType


class Option(NamedTuple):
    """One option of `[custom:oar]`.

    `default` is the text as it would be in arc.conf. `per_queue`: `[custom:oar/QUEUE]` may set it
    for one queue. `by_rte`: a runtime environment may set it for one job (see `rte_name`).
    `repeatable`: the option may be given several times; the values are joined by line breaks.
    """

    name: str
    type: OptionType
    default: str
    meaning: str
    per_queue: bool = False
    by_rte: bool = False
    repeatable: bool = False

    @property
    def convert(self) -> Callable[[str], Any]:
        """Returns the value of a text; raises ValueError with a phrase that follows "expected"."""
        return self.type.convert

    @property
    def rte_name(self) -> str:
        """The variable that stage 0 of a runtime environment sets for this option."""
        return "joboption_oar_" + self.name.removeprefix("oar_")


def _per_queue(
    name: str,
    type: OptionType,
    default: str,
    meaning: str,
    by_rte: bool = False,
    repeatable: bool = False,
) -> Option:
    return Option(name, type, default, meaning, True, by_rte, repeatable)


OPTIONS: tuple[Option, ...] = (
    # Where OAR's commands are.
    Option(
        "bin_path",
        types.DIRECTORY,
        "",
        "Directory of oarsub, oarstat, oardel and oarnodes; empty: searched in the usual "
        "directories",
    ),
    Option(
        "dialect",
        types.one_of("auto", "2", "3"),
        "auto",
        "Major version of OAR; auto runs `oarstat -V` once in each process",
    ),
    # How a job description becomes an OAR job.
    _per_queue(
        "oar_queue",
        types.WORD,
        "",
        "OAR queue for the jobs of an ARC queue; empty: the OAR queue of the same name",
        by_rte=True,
    ),
    _per_queue(
        "node_level", types.PROPERTY, "network_address", "OAR resource property of a whole node"
    ),
    _per_queue("core_level", types.PROPERTY, "core", "OAR resource property of one slot"),
    Option("cpu_level", types.PROPERTY, "cpu", "OAR resource property of a socket; only published"),
    _per_queue(
        "cores_per_node",
        types.NUMBER,
        "0",
        "Slots of one node, used to compute the number of whole nodes of a job, and the memory "
        "of the slots that may share a node; 0: the nodes differ",
    ),
    _per_queue(
        "memory_property",
        types.OPTIONAL_PROPERTY,
        "",
        "OAR property that holds the memory of a resource; empty: memory is not requested",
    ),
    _per_queue("memory_unit", types.one_of("kB", "MB", "GB"), "MB", "Unit of memory_property"),
    _per_queue(
        "memory_scope",
        types.one_of("core", "node"),
        "node",
        "Whether memory_property is the memory of one slot or of the whole node",
    ),
    _per_queue(
        "default_walltime",
        types.TIME,
        "0",
        "Wall time of jobs that request none, in seconds or h:m:s; 0: OAR's own default",
    ),
    _per_queue(
        "resources",
        types.RESOURCES,
        "",
        "Resource request that replaces the request for slots (oarsub -l), such as "
        "/switch=1/core={count} or {gpu='NO'}/core={count}+{type='licence'}/licence=1; "
        "alternatives (moldable jobs) are separated by |, each with its own ,walltime=h:m:s or "
        "that of the job",
        by_rte=True,
    ),
    _per_queue("gpu_level", types.PROPERTY, "gpu", "OAR resource property of one GPU"),
    _per_queue(
        "gpus",
        types.NUMBER,
        "0",
        "GPUs that a job gets on each of its nodes, with all slots that belong to them",
        by_rte=True,
    ),
    _per_queue(
        "properties",
        types.CONDITION,
        "",
        "SQL condition on the resources of every job (oarsub -p), such as gpu='NO'; a condition "
        "of a runtime environment is added with AND",
        by_rte=True,
    ),
    _per_queue(
        "types",
        types.JOB_TYPES,
        "",
        "OAR types of every job (oarsub -t), separated by spaces, such as besteffort, inner=4711 "
        "or deadline=2037-01-01 12:00:00; other values with blanks are in quotes; types of a "
        "runtime environment are added",
        by_rte=True,
    ),
    _per_queue(
        "project",
        types.WORD,
        "",
        "OAR project of jobs that get none from a runtime environment or from identity",
        by_rte=True,
    ),
    _per_queue(
        "identity",
        types.IDENTITY_RULES,
        "",
        "OAR project and queue by the identity of the user, such as voms /atlas/Role=pilot -> "
        "project=pilots oar_queue=pilot; may be repeated, the first matching rule applies",
        repeatable=True,
    ),
    _per_queue(
        "checkpoint",
        types.TIME,
        "0",
        "Time before the end of the wall time at which a program gets a signal to save its "
        "state, and time that a best-effort job gets after that signal to make room for another "
        "job; 0: no signal. The signal ends a program that does not expect it",
        by_rte=True,
    ),
    _per_queue(
        "checkpoint_signal",
        types.SIGNAL,
        "0",
        "Number of that signal; 0: OAR's default, 12 (SIGUSR2)",
        by_rte=True,
    ),
    _per_queue(
        "notify",
        types.NOTIFICATION,
        "",
        "Notification of OAR for each job (oarsub --notify): mail:ADDRESS or exec:/PROGRAM, "
        "preceded by [END,ERROR] for some events only; a runtime environment may only use mail",
        by_rte=True,
    ),
    # What is published.
    _per_queue(
        "acl_users",
        types.USERS,
        "",
        "Local users who alone may use the queue, separated by spaces; only published; empty: "
        "nothing is published",
    ),
    _per_queue(
        "best_effort_slots",
        types.one_of("free", "used"),
        "free",
        "Whether slots of best-effort jobs are published as free or as used for a queue with other "
        "jobs; OAR ends best-effort jobs to make room for those",
    ),
    _per_queue(
        "local_jobs",
        types.YES_NO,
        "yes",
        "Whether jobs in the OAR queue that do not come from A-REX are counted in the ARC queue; "
        "no for all but one of several ARC queues with the same oar_queue",
    ),
    _per_queue(
        "max_user_running",
        types.NUMBER,
        "0",
        "Limit of running jobs of one user, such as a quota of OAR; only published; 0: nothing is "
        "published",
    ),
    _per_queue(
        "max_waiting",
        types.NUMBER,
        "0",
        "Limit of waiting jobs; only published; 0: nothing is published",
    ),
    # How OAR's commands are run, and how long their failures are borne.
    Option("command_timeout", types.TIME, "120", "Time after which a command of OAR is killed"),
    Option(
        "submit_budget",
        types.TIME_UP_TO_600,
        "600",
        "Time for which a submission is retried while OAR is unavailable (at most 600)",
    ),
    Option(
        "scan_interval",
        types.TIME,
        "2",
        "Shortest time between two queries to OAR for ended jobs; it grows by itself up to 10 with "
        "the number of jobs, with the time that OAR takes to answer, and while no job starts or "
        "ends; 0: one query each time that A-REX starts scan, every 10 seconds",
    ),
    Option(
        "lost_cycles",
        types.NUMBER,
        "5",
        "Consecutive scan cycles after which a job that OAR does not know is reported as lost",
    ),
    Option(
        "lost_time",
        types.TIME,
        "600",
        "Minimum time for which such a job must be unknown before it is reported as lost",
    ),
    Option(
        "resubmitted",
        types.one_of("follow", "delete"),
        "follow",
        "What to do when OAR itself resubmits a job under a new job ID after a failed launch: "
        "follow the new OAR job, or delete it and fail the grid job",
    ),
    Option(
        "metrics_file",
        types.PROM_FILE,
        "",
        "File ending in .prom that scan writes for Prometheus after each cycle; the information "
        "provider writes a second one, NAME_site.prom, beside it; empty: none",
    ),
    # Jobs on their nodes.
    Option(
        "usage_interval",
        types.TIME,
        "60",
        "Longest time between two samples of the CPU time and memory of a job by a process on its "
        "first node, which counts jobs that OAR kills and detached processes; 0: no such process",
    ),
    # OAR's commands on another machine.
    Option(
        "remote_host",
        types.LOGIN,
        "",
        "Machine with OAR's commands, reached by ssh; empty: this machine",
    ),
    Option(
        "remote_user",
        types.LOGIN,
        "",
        "User on remote_host who owns the OAR jobs; required with remote_host",
    ),
    Option(
        "private_key",
        types.FILE,
        "",
        "Private ssh key without passphrase, accepted by remote_host from A-REX's user and from "
        "the mapped user; required with remote_host",
    ),
    Option(
        "remote_sessiondir",
        types.DIRECTORY,
        "",
        "Path of sessiondir on remote_host and on the compute nodes; empty: the same path",
    ),
    Option("ssh_timeout", types.POSITIVE_TIME, "10", "Timeout for connecting to remote_host"),
)

# ARC 6 has these options in a block of its own. If that block is in arc.conf, A-REX 6 and 7 do
# nothing until the session, runtime and cache directories are sshfs mounts (GridManager.cpp).
SSH_BLOCK = "lrms/ssh"
SSH_OPTIONS = ("remote_host", "remote_user", "private_key", "remote_sessiondir", "ssh_timeout")
