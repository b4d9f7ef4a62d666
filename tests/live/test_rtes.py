"""The runtime environments that ARC's packages ship: the same jobs with lrms = OAR and lrms = fork.

Both runs must print the same and give A-REX the same accounting keys, except OURS and FORKS.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from bed import Bed
from bed.grid import Grid, Job, xrsl

pytestmark = pytest.mark.live

CONF = Path(__file__).parent / "arc.conf.in"
# A stub of the container programs: prints its arguments, runs the command on the host.
CONTAINER = """#!/bin/sh
echo "container: $1 $2 ${3%/*} $4"
shift 4
exec "$@"
"""
PARAMETERS = {
    "ENV/SINGULARITY": {"SINGULARITY_IMAGE": "default:/image.sif"},
    "ENV/APPTAINER": {"APPTAINER_IMAGE": "default:/image.sif"},
    "ENV/CANDYPOND": {"CANDYPOND_URL": "https://ce.example/candypond"},
    "ENV/LRMS-SCRATCH": {"SCRATCH_VAR": "WORKDIR", "TMPDIR_LOCATION": "/tmp/rte-tmp"},
}
# Run from a file, because ARC's own backends let the node expand the arguments of a job.
SCRIPTS = {
    "ENV/PROXY": (
        "grep -c BEGIN user.proxy; stat -c %a user.proxy; ls arc/certificates | wc -l; "
        "grep -c BEGIN $X509_USER_PROXY; echo ${X509_CERT_DIR##*/}"
    ),
    "ENV/RTE": "cd rte && find . -type f | sort | xargs cksum",
    "ENV/LRMS-SCRATCH": "echo ${PWD%/*} $TMPDIR; touch kept",
    "ENV/CANDYPOND": "x=$(command -v arccandypond); echo ${x##*/arc/} $ARC_CANDYPOND_URL",
    "ENV/SINGULARITY": "echo in the container",
    "ENV/APPTAINER": "echo in the container",
    "ENV/CONDOR/DOCKER": "echo outside of the container",
    "TEST/CONTRACT": 'echo "$WRAPPED" $ADDED; test -n "$GRID_GLOBAL_JOBID" && echo with an ID',
}
# An RTE of a site: puts a program before the user's, overwrites a variable, sets accounting.
OWN = """
if [ "$1" = 0 ]; then
    joboption_args="/usr/bin/env WRAPPED=\\"\\${RUNTIME_JOB_DIR%/*}\\" $joboption_args"
    joboption_env_0="ADDED=yes"
    export ACCOUNTING_WN_INSTANCE=image:1
elif [ "$1" = 1 ]; then
    ACCOUNTING_BENCHMARK=HEPscore23:20.5
fi
"""
EXTRA = {"ENV/LRMS-SCRATCH": '(environment=("WORKDIR" "/tmp/rte-scratch"))'}
# Keys that only our backend writes (usedscratch is measured for each job), and keys that only fork
# writes: values of GNU time that nothing uses.
OURS = {"usedscratch", "lrmsexitcode", "lrmsmessage", "nodecount"}
# The times, which a fork of ARC 6.10 does not report.
TIMES = {"lrmsstarttime", "lrmsendtime"}
FORKS = {
    *("averageresidentmemory", "averageunsharedmemory", "averageunsharedstack"),
    *("averagesharedmemory", "pagesize", "majorpagefaults", "minorpagefaults", "swaps"),
    *("forcedswitches", "waitswitches", "inputs", "outputs", "socketreceived", "socketsent"),
    "signals",
    "",
}


def description(name: str) -> str:
    options = ' "image:1"' if name == "ENV/CONDOR/DOCKER" else ""
    extra = f'(runtimeenvironment="{name}"{options})' + EXTRA.get(name, "")
    return xrsl("/bin/sh", "run.sh", extra=f'(inputfiles=("run.sh" "")){extra}')


class Both:
    """The jobs of each runtime environment, by backend and name."""

    def __init__(self, bed: Bed) -> None:
        shipped = bed.run(["sh", "-c", "cd /usr/share/arc/rte; find ENV -type f"]).stdout.split()
        self.shipped = sorted(shipped)
        self.names = [*self.shipped, "TEST/CONTRACT"]
        self.jobs: dict[str, dict[str, Job]] = {}

    def run(self, backend: str, grid: Grid) -> None:
        jobs = grid.submit_all(
            [(description(name), {"run.sh": SCRIPTS[name] + "\n"}) for name in self.names]
        )
        self.jobs[backend] = dict(zip(self.names, jobs))
        for job in jobs:
            job.wait()


@pytest.fixture(scope="module")
def both(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Both:
    both = Both(bed)
    for path in ("/usr/bin/singularity", "/usr/bin/apptainer"):
        bed.run(["tee", path], input=CONTAINER)
        bed.run(["chmod", "755", path])
    bed.run(["tee", "/var/spool/arc/jobstatus/rte/enabled/TEST/CONTRACT"], input=OWN)
    for name in both.shipped:
        bed.run(["arcctl", "rte", "enable", name, "--force"])
        for key, value in PARAMETERS.get(name, {}).items():
            bed.run(["arcctl", "rte", "params-set", name, key, value])
    both.run("OAR", Grid(bed))
    fork = tmp_path_factory.mktemp("conf") / "arc.conf"
    fork.write_text(CONF.read_text().replace("\nlrms = OAR\n", "\nlrms = fork\n"))
    bed.reconf(fork)
    try:
        both.run("fork", Grid(bed))
    finally:
        bed.reconf(CONF)
        for name in both.shipped:
            bed.run(["arcctl", "rte", "disable", name])
        bed.run(["rm", "/usr/bin/singularity", "/usr/bin/apptainer"])
    return both


def test_every_one_has_a_job(both: Both) -> None:
    assert set(both.names) <= set(SCRIPTS)


@pytest.mark.parametrize("name", sorted(set(SCRIPTS) - {"ENV/CONDOR/DOCKER"}))
def test_same_output(both: Both, name: str) -> None:
    if name not in both.names:
        pytest.skip(f"this ARC has no {name}")
    ours, arcs = both.jobs["OAR"][name], both.jobs["fork"][name]
    assert (ours.failure(), arcs.failure()) == ("", ""), ours.diagnostics() + arcs.diagnostics()
    assert ours.output("out.txt") == arcs.output("out.txt") != ""
    assert ours.output("err.txt") == arcs.output("err.txt")


@pytest.mark.parametrize("name", sorted(set(SCRIPTS) - {"ENV/CONDOR/DOCKER"}))
def test_same_accounting_keys(bed: Bed, both: Both, name: str) -> None:
    if name not in both.names:
        pytest.skip(f"this ARC has no {name}")
    ours, arcs = both.jobs["OAR"][name].diag(), both.jobs["fork"][name].diag()
    assert set(ours) - set(arcs) <= OURS | (set() if bed.suite.fork_reports_times else TIMES)
    assert set(arcs) - set(ours) <= FORKS
    for key in ("systemsoftware", "wninstance", "runtimeenvironments", "exitcode"):
        # In ARC's own system software the version may be missing, as on Debian sid, after a blank.
        stripped = [value.strip() for value in arcs.get(key, [])]
        assert ours.get(key, []) == stripped, key
    # ARC's own scan also keeps the queue's value, in front of the RTE's.
    assert ours["benchmark"][-1] == arcs["benchmark"][-1]


def test_container_of_htcondor_is_refused(both: Both) -> None:
    name = "ENV/CONDOR/DOCKER"
    ours, arcs = both.jobs["OAR"][name], both.jobs["fork"][name]
    assert "ENV/CONDOR/DOCKER cannot be used with OAR: only HTCondor runs" in ours.control("errors")
    assert arcs.output("out.txt") == "outside of the container\n"


def test_arcctl_prints_the_job_script(both: Both) -> None:
    job = both.jobs["OAR"]["ENV/PROXY"]
    printed = job.grid.root("arcctl", "job", "script", job.grid_id)
    assert printed.startswith(f"#!/bin/bash\n# Grid job {job.grid_id}, by arc_lrms_oar ")
    assert "\nRTE_function_0() {\n" in printed
    assert printed.endswith('\narc_oar_main "$@"; exit\n')
