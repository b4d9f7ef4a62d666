"""The scenarios of ARC's own tests of its batch backends, for OAR: what is submitted.

ARC 7.0 `src/services/a-rex/lrms/slurm/test/submit`. Other tests here run the resulting job scripts
(tests/job) and cover the scenarios of `slurm/test/scan` (tests/scan/test_scan.py) and of
`infoproviders/test` (tests/info/test_provider.py).
"""

from __future__ import annotations

import shlex

import pytest
from bed.grid import rsl_string
from support.ce import Ce

from arc_lrms_oar.arex.config import parse_blocks, settings_from
from arc_lrms_oar.commands.translate import Translation, translate

MEMORY = "[custom:oar]\nmemory_property = mem\n"
QUEUE_700 = "[queue:q]\ndefaultmemory = 700\n"
LRMS_200 = "[lrms]\ndefaultmemory = 200\n"


def translated(attributes: str, conf: str = "", executable: str = "/bin/true") -> Translation:
    settings = settings_from(parse_blocks(conf, ""), "")
    (found,) = translate(f'&(executable="{executable}"){attributes}', settings)
    return found


REQUESTS: dict[str, tuple[str, str, str]] = {
    "basic": ("", "", "-l /core=1"),
    # count-test.
    "count": ("(count=6)", "", "-l /core=6"),
    "count_per_node": ("(count=6)(countpernode=2)", "", "-l /network_address=3/core=2"),
    # ARC's parser of job descriptions drops exclusiveexecution without countpernode.
    "exclusive": ("(count=6)(exclusiveexecution=yes)", "", "-l /core=6"),
    "exclusive, countpernode": (
        "(count=6)(countpernode=2)(exclusiveexecution=yes)",
        "",
        "-l /network_address=3",
    ),
    # cpu-wall-time-test.
    "cputime": ("(cputime=1)", "", "-l /core=1,walltime=0:1:0"),
    "walltime": ("(walltime=1)", "", "-l /core=1,walltime=0:1:0"),
    "walltime_and_cputime": ("(walltime=5)(cputime=1)", "", "-l /core=1,walltime=0:5:0"),
    "walltime_count": ("(walltime=7)(count=6)", "", "-l /core=6,walltime=0:7:0"),
    "cputime_count": ("(cputime=7)(count=6)", "", "-l /core=6,walltime=0:1:10"),
    # job-name-test.
    "job_name_basic": ("(jobname=job)", "", "--name job-GRIDID"),
    "job_name_truncate": ("(jobname=abcdefghijklmnopq)", "", "--name abcdefghijklmnopq-GRIDID"),
    "job_name_replace": ('(jobname="job !@#$%^&*()~")', "", "--name job-GRIDID"),
    "job_name_prefix_N": ("(jobname=123456789012345)", "", "--name 123456789012345-GRIDID"),
    # memory-test.
    "memory_basic": ("(memory=100)", MEMORY, "-p 'mem>=100'"),
    "memory_cluster": ("", MEMORY + LRMS_200, "-p 'mem>=200'"),
    "memory_queue": ("(queue=q)", MEMORY + QUEUE_700, "-p 'mem>=700'"),
    "memory_both": ("(queue=q)", MEMORY + LRMS_200 + QUEUE_700, "-p 'mem>=700'"),
    # A-REX writes the only queue into the GRAMi file.
    "memory_both, no queue": ("", MEMORY + LRMS_200 + QUEUE_700, "-p 'mem>=700'"),
    # queue-test.
    "queue_name": ("(queue=q)", "[queue:q]\n", "-q q"),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_request(name: str) -> None:
    attributes, conf, words = REQUESTS[name]
    assert f" {words} " in shlex.join(translated(attributes, conf).oarsub)


OUTPUTS = (
    "testfile",
    "@names",
    "file with spaces",
    "very tricky\\ file\\\\",
    "another'tricky'file",
)
SCRIPTS: dict[str, tuple[str, list[str]]] = {
    # basic-test.
    "with_arguments": ('(arguments="Hello World")', ["arc_oar_arguments=('Hello World')"]),
    # files-io-test.
    "outputfiles": (
        "(outputfiles=" + "".join(f'({rsl_string(name)} "")' for name in OUTPUTS) + ")",
        [
            "'testfile' 'file with spaces' 'very tricky\\ file\\\\' 'another'\\''tricky'\\''file'",
            "arc_oar_output_lists=('names')",
        ],
    ),
    # std-io-test.
    "std_io": (
        "(stdin=in)(stdout=out)(stderr=error)",
        ["_STDIN='@/in'", "_STDOUT='@/out'", "_STDERR='@/error'"],
    ),
    "stdout_stderr_join": (
        "(stdin=in)(stdout=out)(join=yes)",
        ["_STDIN='@/in'", "_STDOUT='@/out'", "_STDERR='@/out'"],
    ),
    # user-env-test.
    "user_env": (
        """(environment=("TEST" "Testing")("TEST2" "'Testing'"))""",
        ["export TEST='Testing'", "export TEST2=''\\''Testing'\\'''"],
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(name: str) -> None:
    attributes, lines = SCRIPTS[name]
    script = translated(attributes).script
    for line in lines:
        assert line.replace("@", "/var/spool/arc/sessiondir/GRIDID") in script


# rte-test: runtime environments by name, the job, and what becomes of it.
RTES: dict[str, tuple[dict[str, str], str, str]] = {
    "rte0_change_memory": (
        {"MORE": "joboption_memory=2000\n"},
        '(memory=500)(runtimeenvironment="MORE")',
        " -p 'mem>=2000' ",
    ),
    # A property of a node is a condition on OAR's resources.
    "rte0_nodeproperty": (
        {"P": "export joboption_nodeproperty_0='cpu>4' joboption_nodeproperty_1='disk>5'\n"},
        '(runtimeenvironment="P")',
        " -p '(cpu>4) AND (disk>5)' ",
    ),
    "rte0_env": (
        {"E": 'export joboption_env_1="test=\\"TEST\\"" joboption_env_2="foo=\\"bar\\""\n'},
        '(environment=("job_foo" "foobar"))(runtimeenvironment="E")',
        "\nexport job_foo='foobar'\nexport test='\"TEST\"'\nexport foo='\"bar\"'\n",
    ),
    "rte0_env_backslashes": (
        {"E": 'export joboption_env_1="test=foo\\\\\\\\bar"\n'},
        '(environment=("job_foo" "foo\\\\bar"))(runtimeenvironment="E")',
        "export test='foo\\\\bar'\n",
    ),
    "rte0_runtime": (
        {
            "FIRST": "export joboption_runtime_1=SECOND\n",
            "SECOND": "export joboption_count=6\n",
        },
        '(runtimeenvironment="FIRST")',
        " -l /core=6 ",
    ),
    "rte0_arg": (
        {"A": "joboption_arg_0=$joboption_arg_0/echo joboption_arg_1=Hello joboption_arg_2=W\n"},
        '(runtimeenvironment="A")',
        "arc_oar_program_path='/bin/true/echo'\narc_oar_arguments=('Hello' 'W')\n",
    ),
    "rte": ({"EMPTY": ""}, '(runtimeenvironment="EMPTY")', "arc_oar_rte_names=('EMPTY')"),
    "rte_with_options": (
        {
            "ONE": 'joboption_memory=$((joboption_memory + $2))\njoboption_env_0="O=$3"\n',
            "TWO": "joboption_memory=$((joboption_memory + $2 + $2))\n",
        },
        '(memory=1500)(runtimeenvironment="ONE" "2000" "--test ""A\\ B""")'
        '(runtimeenvironment="TWO" "5000")',
        " -p 'mem>=13500' ",
    ),
}


@pytest.mark.parametrize("name", RTES)
def test_runtime_environment(ce: Ce, name: str) -> None:
    rtes, attributes, expected = RTES[name]
    for rte, text in rtes.items():
        ce.rte(rte, f'if [ "$1" = 0 ]; then\n{text}fi\n' if text else "")
    found = translated(attributes, f"[arex]\ncontroldir = {ce.control}\n{MEMORY}")
    assert expected in shlex.join(found.oarsub) + "\n" + found.script
