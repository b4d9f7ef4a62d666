"""ARC's object and its xRSL give the same description."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from job import readers
from job.xrsl import compare

from arc_lrms_oar.job import arcjob, xrsl
from arc_lrms_oar.job.description import JobDescription, RuntimeEnvironment

ROOT = Path(__file__).parents[2]


def both() -> dict[str, tuple[list[JobDescription], list[JobDescription]]]:
    """By name: the job read from ARC's recorded answer, and from the xRSL."""
    found = {}
    with compare.utc():
        for name, answer in compare.recorded().items():
            if answer["accepted"] and name not in compare.ON_PURPOSE:
                theirs = [arcjob.from_arc(readers.arc_object(job)) for job in answer["jobs"]]
                found[name] = (theirs, xrsl.parse(compare.corpus()[name]))
    return found


def test_corpus_as_read_by_arc() -> None:
    pairs = both()
    assert len(pairs) > 400
    differing = {name for name, (theirs, ours) in pairs.items() if theirs != ours}
    assert differing == set(readers.NOT_IN_THE_OBJECT)


def test_every_field() -> None:
    answer = {
        "executable": "/bin/sh",
        "arguments": ["-c", "a b"],
        "code": 3,
        "name": "n",
        "environment": [["A", "x=y"], ["B", ""]],
        "stdin": "in",
        "stdout": "out",
        "stderr": "err",
        "queue": "q",
        "cpu_time": 7200,
        "wall_time": 3600,
        "individual_wall_time": 1800,
        "memory": 1000,
        "virtual_memory": 2000,
        "disk": 0,
        "count": 5,
        "count_per_node": 2,
        "exclusive": "yes",
        "runtime_environments": [["=", "A/B-1", ["o p"]], ["=", "", []]],
        "start_time": 0,
        "priority": 0,
        "input_files": ["a"],
        "output_files": ["b/"],
    }
    read = arcjob.from_arc(
        readers.arc_object(answer, gridid="id", directory="/s/id", controldir="/c", other="x")
    )
    assert read == JobDescription(
        executable="/bin/sh",
        arguments=("-c", "a b"),
        success_code=3,
        name="n",
        environment=(("A", "x=y"), ("B", "")),
        stdin="in",
        stdout="out",
        stderr="err",
        queue="q",
        cpu_time=7200,
        wall_time=3600,
        memory=1000,
        virtual_memory=2000,
        disk=0,
        count=5,
        count_per_node=2,
        num_nodes=3,
        exclusive=True,
        runtime_environments=(RuntimeEnvironment("A/B-1", ("o p",)),),
        start_time=0,
        priority=0,
        input_files=("a",),
        output_files=("b/",),
        grid_id="id",
        session_dir="/s/id",
        control_dir="/c",
    )


def test_nothing_is_set() -> None:
    assert arcjob.from_arc(readers.arc_object({})) == JobDescription(executable="")


@pytest.mark.parametrize("number", [0, -2])
def test_invalid_slots(number: int) -> None:
    answer = {"count": number, "count_per_node": number, "exclusive": "no"}
    assert arcjob.from_arc(readers.arc_object(answer)) == JobDescription(executable="")


def test_wall_time_as_arc_6_reads_it_in_a_grami_file() -> None:
    answer = {"individual_wall_time": 60}
    assert arcjob.from_arc(readers.arc_object(answer)).wall_time == 60


def test_arc_is_not_imported() -> None:
    shown = "import sys, arc_lrms_oar.job.arcjob; print('arc' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", shown], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
