"""xRSL: any text gives jobs or an XrslError, and A-REX's GRAMi of the jobs has the same values."""

from __future__ import annotations

import re

from fuzzing.fuzzed import fuzzed
from fuzzing.inputs import glued, settings_of, spoiled
from job.xrsl import compare
from support.ce import shell_value

from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job import grami, xrsl
from arc_lrms_oar.job.ignored_attributes import ignored_by_oar
from arc_lrms_oar.job.request import make_request
from arc_lrms_oar.job.xrsl.grami_values import JobPaths, grami_values
from arc_lrms_oar.settings import QueueSettings

_ATTRIBUTES = (
    *("executable", "arguments", "jobname", "environment", "inputfiles", "outputfiles", "count"),
    *("countpernode", "walltime", "cputime", "gridtime", "starttime", "lifetime", "memory", "disk"),
    *("runtimeenvironment", "queue", "notify", "benchmarks", "exclusiveexecution", "rerun", "join"),
    *("priority", "rsl_substitution", "acl", "ftpthreads", "action", "dryrun", "stdout", "stdin"),
    *("nodeaccess", "executables", "delegationid", "opsys", "middleware", "architecture", "nosuch"),
)
_WORDS = (
    *("&", "|", "+", "(", "(", ")", ")", "=", "!=", "<", ">=", " ", "#", "$(A)", "(A b)", "'q'"),
    *(f"({attribute}=" for attribute in _ATTRIBUTES),
    *("/bin/true)", "5)", "1 hour)", "PT5M)", "2026-01-01 00:00:00)", "yes)", "(a b))", "(a '')"),
    *("gsiftp://h/p)", "20261301250000)", "Mon Jan  1 00:00:00 2026)", "tomorrow at 5pm)", "^x'x"),
)
_VALUES = (
    "/bin/true",
    "5",
    "1 hour",
    "PT5M",
    "2026-01-01 00:00:00",
    "yes",
    "a b",
    "(a b)",
    "(a '')",
)
_CORPUS = sorted(compare.corpus().values(), key=len)[:400]
_PLACE = JobPaths("/grid/session/1", "/grid/control", "1")


descriptions = (
    glued(_WORDS)
    | spoiled(_CORPUS)
    | settings_of(_ATTRIBUTES, _VALUES, "({}={})").map("&(executable=run)".__add__)
    | settings_of(_ATTRIBUTES, _VALUES, "({}='{}')").map("&(executable=run)".__add__)
)


@fuzzed(text=descriptions)
def test_any_text_is_jobs_or_an_error(text: str) -> None:
    message = "line 1, column 1: "
    jobs: list[xrsl.XrslJob] = []
    try:
        jobs = xrsl.read(text)
    except xrsl.XrslError as error:
        message = str(error)
    assert re.match(r"line [1-9][0-9]*, column [1-9][0-9]*: [^\n]*", message)
    for job in jobs:
        for one in (job, *job.alternatives):
            _goes_through_a_rex(one)


def _goes_through_a_rex(job: xrsl.XrslJob) -> None:
    values = grami_values(job, _PLACE)
    text = "".join(f"{name}={shell_value(value)}\n" for name, value in values.items())
    assert grami.parse(text, "job.1.grami") == values
    read = grami.describe(values, "job.1.grami")
    expected = job.description
    assert (read.count, read.num_nodes) == (expected.count, expected.num_nodes)
    assert read.arguments == expected.arguments
    assert read.runtime_environments == expected.runtime_environments
    ignored_by_oar(expected, QueueSettings(), 0.0)
    try:
        make_request(read, QueueSettings(), "/grid/session/1/.arc_oar/job.sh", 0.0).argv()
    except JobError:
        return
