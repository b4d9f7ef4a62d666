"""The same jobs through ARC's own backend `lrms = fork` and through ours, on the same A-REX.

The tests compare everything that A-REX, its tools and the user see of a job: the failure, the diag
file, the environment, the session directory, the state changes and arcctl's output. Each
difference must be listed in EXPECTED with its reason, and each entry there must still be needed.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from bed import Bed
from bed.grid import Grid, Job, rsl_string, shell, xrsl

pytestmark = pytest.mark.live

HERE = Path(__file__).parent
BACKENDS = ("fork", "OAR")
RTE_DIR = "/var/spool/arc/jobstatus/rte/enabled/TEST"
ACCOUNTING_RTE = """\
if [ "$1" = 1 ]; then
    ACCOUNTING_BENCHMARK=HEPSPEC:12.3
    ACCOUNTING_WN_INSTANCE=large
    export ACCOUNTING_BENCHMARK ACCOUNTING_WN_INSTANCE
    echo "sitekey=sitevalue" >>"$RUNTIME_JOB_DIAG"
fi
"""
ENV_FILE = "environment"
ENV = f"env -0 >{ENV_FILE}; "
KEEP_ENV = f'(outputfiles=("{ENV_FILE}" ""))'
ODD = ("  two  blanks ", 'a "quote"', "it's", "$HOME `id` $(id)", "back\\slash", "")
# Numbers in these keys are compared; in all others they are measurements.
EXACT = {"exitcode", "lrmsexitcode", "processors", "nodecount", "benchmark", "wninstance"}

JOBS: dict[str, tuple[str, dict[str, str]]] = {
    "success": (shell(f"{ENV}echo hello; echo oops >&2; umask", KEEP_ENV), {}),
    "exit3": (shell("echo partial; exit 3"), {}),
    # In a separate script, because fork's job script replaces $$ in an argument by its own PID.
    "signal": (xrsl("die.sh"), {"die.sh": "#!/bin/sh\nkill -9 $$\n"}),
    "missing": (xrsl("/nonexistent/program"), {}),
    "cancelled": (shell("echo started; sleep 300"), {}),
    "environment": (
        shell(ENV, KEEP_ENV + f'(environment=("ODD" {rsl_string(ODD[1])})("EMPTY" ""))'),
        {},
    ),
    "arguments": (xrsl("show.sh", *ODD), {"show.sh": '#!/bin/sh\nprintf "%s\\0" "$@"\n'}),
    "options": (
        shell(f'{ENV}echo "$RTE_SAYS"', KEEP_ENV + '(runtimeenvironment="TEST/OPTIONS" "a b" "c")'),
        {},
    ),
    "accounting": (shell("true", '(runtimeenvironment="TEST/ACCOUNTING")'), {}),
    "proxy": (
        shell(
            f'{ENV}[ -s "$X509_USER_PROXY" ] && echo proxy',
            KEEP_ENV + '(runtimeenvironment="ENV/PROXY")',
        ),
        {},
    ),
    "scratch": (
        shell(f"{ENV}cat data.txt; echo junk >junk", KEEP_ENV)
        + '(inputfiles=("data.txt" ""))(runtimeenvironment="TEST/SCRATCH")',
        {"data.txt": "some input\n"},
    ),
    "files": (
        xrsl(
            "run.sh",
            extra='(inputfiles=("data.txt" ""))(outputfiles=("deep/result.txt" ""))'
            '(stdin="data.txt")',
        ),
        {
            "run.sh": "#!/bin/sh\nread line\nmkdir deep\necho $line >deep/result.txt\necho >junk\n",
            "data.txt": "some input\n",
        },
    ),
    "keep": (shell("mkdir -p a/b; echo 1 >a/b/c; ln -s c a/b/l", '(outputfiles=("/" ""))'), {}),
    "join": (shell("echo one; echo two >&2", stderr="", extra="(join=yes)"), {}),
    "parallel": (shell(f"{ENV}true", KEEP_ENV + "(count=4)(countpernode=2)"), {}),
}


class Expected(NamedTuple):
    """An accepted difference: patterns for the names of jobs and of facts, and the reason."""

    jobs: str
    facts: str
    reason: str


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
    Expected("exit3", "diag command exited .*", "A line of GNU time that is no key and value."),
    Expected("signal", "diag command terminated .*", "A line of GNU time, as above."),
    Expected(".*", "diag walltime", "fork writes the wall time twice, by GNU time and the script."),
    Expected(
        ".*",
        "diag (lrmsexitcode|lrmsmessage|nodecount|usedscratch)",
        "From OAR's record of the job and from the node; fork has no batch system.",
    ),
    Expected(".*", "diag nodename", "fork runs jobs on the CE, OAR on its nodes."),
    Expected(
        "accounting",
        "diag benchmark",
        "fork writes the default before the value of the RTE; A-REX uses the last one.",
    ),
    Expected(
        "missing|cancelled",
        "diag (exitcode|lrmsendtime|lrmsstarttime|walltime)",
        "fork's job script has ended before it writes these.",
    ),
    # What the user sees.
    Expected("exit3|signal", "failure", "Our sentence; the exit code is the same."),
    Expected("missing", "failure", "fork loses the exit code; 127 is that of shells."),
    Expected("missing", "content err.txt", "Our sentence names the node."),
    Expected(
        "arguments",
        "content out.txt",
        "fork puts arguments into double quotes, in which the shell expands $ and backquotes.",
    ),
]

WITHOUT_TIMES = Expected(".*", "diag lrms(end|start)time", "ARC 6.10's fork does not write these.")


def expected(bed: Bed) -> list[Expected]:
    return EXPECTED if bed.suite.fork_reports_times else [*EXPECTED, WITHOUT_TIMES]


def facts_of(job: Job) -> dict[str, str]:
    """Return everything that is compared, by name; IDs, dates and measurements are removed."""

    def plain(text: str) -> str:
        return text.replace(job.grid_id, "ID")

    facts = {"failure": job.failure().partition("\n")[0]}
    for key, values in job.diag().items():
        value = " ".join(values).strip()
        facts[f"diag {key}"] = value if key in EXACT else re.sub(r"\d+(\.\d+)?", "N", value)
    for pair in job.output(ENV_FILE).split("\0"):
        name, equals, value = pair.partition("=")
        if equals:
            facts[f"env {name}"] = plain(value)
    listing = job.grid.root("find", job.session_dir, "-printf", "%P %y %m %u\\n")
    for line in listing.splitlines():
        name, _, kind = line.rpartition(" ")[0].rpartition(" ")[0].partition(" ")
        facts[f"file {name}"] = line.partition(" ")[2]
        if kind.startswith("f") and name != ENV_FILE:
            facts[f"content {name}"] = plain(job.output(name))
    changes = re.findall(r"Job state change (\S+ -> \S+)", job.control("errors"))
    facts["states"] = ", ".join(changes)
    script = job.grid.bed.run(["arcctl", "job", "script", job.grid_id], check=False)
    facts["arcctl job script"] = "found" if script.stdout.strip() else "none"
    return facts


@pytest.fixture(scope="module")
def facts(
    bed: Bed, grid: Grid, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, dict[str, str]]]:
    """Facts by backend and job. All jobs of one backend run at once."""
    template = (HERE / "arc.conf.in").read_text()
    conf = tmp_path_factory.mktemp("fork") / "arc.conf.in"
    bed.run(["tee", f"{RTE_DIR}/ACCOUNTING"], input=ACCOUNTING_RTE)
    bed.run(["arcctl", "rte", "enable", "--force", "ENV/PROXY"])
    found = {}
    try:
        for backend in BACKENDS:
            conf.write_text(template.replace("lrms = OAR", f"lrms = {backend}"))
            bed.reconf(conf)
            jobs = dict(zip(JOBS, grid.submit_all(JOBS.values())))
            job = jobs["cancelled"]
            # INLRMS alone does not mean that the program runs: the job may still wait in OAR.
            job.wait_until(partial(job.output, "out.txt"), "running")
            grid.user("arckill", "-k", job.url)
            for job in jobs.values():
                job.wait()
            found[backend] = {name: facts_of(job) for name, job in jobs.items()}
    finally:
        bed.run(["arcctl", "rte", "disable", "ENV/PROXY"], check=False)
        bed.reconf(HERE / "arc.conf.in")
    return found


def differences(facts: dict[str, dict[str, dict[str, str]]]) -> list[tuple[str, str, str]]:
    """Return (job, fact, what fork and ours have)."""
    found = []
    for name in JOBS:
        fork, ours = facts["fork"][name], facts["OAR"][name]
        for fact in sorted({*fork, *ours}):
            if fork.get(fact) != ours.get(fact):
                found.append((name, fact, f"fork {fork.get(fact)!r}, ours {ours.get(fact)!r}"))
    return found


def matches(entry: Expected, name: str, fact: str) -> bool:
    return bool(re.fullmatch(entry.jobs, name) and re.fullmatch(entry.facts, fact))


def test_every_difference_is_listed(bed: Bed, facts: dict[str, dict[str, dict[str, str]]]) -> None:
    unknown = [
        f"{name}: {fact}: {values}"
        for name, fact, values in differences(facts)
        if not any(matches(entry, name, fact) for entry in expected(bed))
    ]
    assert not unknown, "\n".join(unknown)


def test_every_listed_difference_still_exists(
    bed: Bed, facts: dict[str, dict[str, dict[str, str]]]
) -> None:
    found = differences(facts)
    stale = [
        entry
        for entry in expected(bed)
        if not any(matches(entry, name, fact) for name, fact, _ in found)
    ]
    assert not stale
