"""The accepted differences between jobs through `lrms = fork` and through this backend.

`test_against_fork` fails for a difference that is not listed here, and for an entry that is not
needed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Jobs whose program cannot be started.
NOT_STARTED = "missing|directory|interpreter"


class Expected(NamedTuple):
    """An accepted difference: patterns for the names of jobs and of facts, and the reason."""

    jobs: str
    facts: str
    reason: str
    # Whether it is there in each run. A measured value is not where the job ends before a measure.
    always: bool = True

    def matches(self, job: str, fact: str) -> bool:
        return bool(re.fullmatch(self.jobs, job) and re.fullmatch(self.facts, fact))


EXPECTED = [
    # The environment of the job.
    Expected(".*", "env OAR.*", "OAR sets these variables in every job."),
    Expected(
        ".*",
        "env (BASH_ENV|PATH|PERL5LIB|SHLVL|SSH_CONNECTION|SUDO_COMMAND|TERM|USER|LOGNAME|_)",
        "OAR starts jobs through ssh as their user; fork's jobs inherit A-REX's environment.",
    ),
    Expected(
        ".*",
        r"env (ARC_LOCATION|GLOBUS_\w+|HOSTNAME|LANG|LD_LIBRARY_PATH|MALLOC_ARENA_MAX"
        r"|RUNTIME_CONFIG_DIR|TMPDIR|X509_\w+)",
        "The environment of the A-REX process, which batch systems do not pass on to jobs.",
    ),
    # The diag file.
    Expected(
        ".*",
        r"diag (average(residentmemory|sharedmemory|unshared\w+)|forcedswitches|inputs|outputs"
        r"|(major|minor)pagefaults|pagesize|signals|socket(received|sent)|swaps|waitswitches)",
        "Values of GNU time that are 0 on Linux or that A-REX does not read.",
    ),
    Expected(".*", "diag ", "The format that fork gives GNU time ends with an empty line."),
    Expected(".*", "diag command (exited|terminated) .*", "A line of GNU time without a value."),
    Expected(".*", "diag walltime", "fork writes the wall time twice, by GNU time and the script."),
    Expected(
        ".*",
        "diag (lrmsexitcode|lrmsmessage|nodecount|usedscratch)",
        "From OAR's record of the job and from the node; fork has no batch system.",
    ),
    Expected(".*", "diag nodename", "fork runs jobs on the CE, OAR on its nodes."),
    Expected(
        "accounting",
        "diag benchmark|record Benchmark",
        "fork writes the default and the value of the RTE, and A-REX takes the default.",
    ),
    Expected(
        "stage 0 fails",
        "diag benchmark",
        "A job that was never submitted is accounted with the benchmark of its queue.",
    ),
    # The accounting record and GLUE2.
    Expected(".*", "record (Lrms|Nodenames)|glue2 ExecutionNode", "fork runs jobs on the CE."),
    Expected(".*", "record Used WN Scratch", "fork's scan does not pass the value on."),
    Expected("parallel", "record Used CPUs", "OAR spreads the slots over nodes."),
    # How jobs end.
    Expected(
        "(exit|signal) .*|missing|no diag|stage 2 sets result",
        "failure|glue2 Error",
        "Our sentence; the exit code is the same.",
    ),
    Expected(
        f"{NOT_STARTED}|stage [12] .*",
        "failure|glue2 Error|record Job failed .*",
        "fork loses the exit code of a job script that ends early: ours is 127, that of shells, or "
        "that of the runtime environment.",
    ),
    Expected(f"{NOT_STARTED}|stage [12] .*", "content err.txt", "Our sentence names the node."),
    Expected(
        f"{NOT_STARTED}|cancelled|stage [12] (fails|exits)",
        "diag (benchmark|exitcode|lrms(start|end)time|processors|runtimeenvironments"
        "|systemsoftware)"
        "|glue2 (ComputingManagerEndTime|ExitCode|StartTime|UsedTotalWallTime)"
        "|record (Job failed .*|Systemsoftware|TEST/.*|There are no RTEs .*)",
        "fork's job script has ended before it writes these.",
    ),
    Expected(
        f"{NOT_STARTED}|cancelled|stage [12] (fails|exits)",
        "diag (averagetotalmemory|kerneltime|maxresidentmemory|usertime)"
        "|glue2 (UsedMainMemory|UsedTotalCPUTime)|record Max .* memory",
        "Our watcher measures what no program or a killed one has used; fork does not.",
        always=False,
    ),
    Expected("stage 1 .*", "(file|content) (out|err).txt", "fork makes them after stage 1."),
    Expected("stage 0 fails", "arcctl job script", "Our job script is made after stage 0."),
    Expected(
        "stage 0 fails",
        "failure|states|glue2 (Error|RestartState|State)|record It was targeted .*",
        "The user reads our reason, which scan reports: for A-REX the job was submitted.",
    ),
    Expected(
        "cancelled early",
        "(content|file) (err|out).txt|diag .*|record (Systemsoftware|Used CPUs|Max .*)|glue2 .*",
        "fork has started the job at once; in OAR it was deleted while it waited.",
    ),
    Expected(
        "wall time",
        "failure|states|diag (cpuusage|exitcode|kerneltime|usertime)"
        "|glue2 (EndTime|Error|ExitCode|RestartState|State|UsedTotalCPUTime)|record Job .*",
        "fork has no limit of the wall time.",
    ),
    Expected(
        "below",
        "failure|states|(content|file) a.*|diag .*|glue2 .*|record (Job|Max) .*",
        "fork does not make the directories of stdout and stderr, so the job fails.",
    ),
    Expected(
        "own diag",
        "failure|states|diag exitcode|glue2 (EndTime|Error|RestartState|State)|record Job .*",
        "fork takes the first exit code in the diag, which the job has forged; ours is OAR's.",
    ),
    Expected("locked", "file .arc_oar", "The job keeps its user from deleting the directory."),
    Expected(
        "rte environment",
        "env (GRID_GLOBAL_JOBID|joboption_env_1)",
        "fork makes up a URL of gridftp, and lets the RTE's own variables into the program.",
    ),
    Expected(
        "arguments",
        "content out.txt",
        "fork puts arguments into double quotes, in which the shell expands $ and backquotes.",
    ),
]

WITHOUT_TIMES = Expected(
    ".*",
    "diag lrms(end|start)time|glue2 (ComputingManagerEndTime|StartTime)",
    "ARC 6.10's fork does not write these.",
)
