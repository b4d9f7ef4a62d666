"""The arguments of oarsub for each attribute of a job and each setting of a site."""

from __future__ import annotations

from typing import Any

import pytest

from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.job.request import checkpoint_signal, make_request
from arc_lrms_oar.settings import QueueSettings

GRID_ID = "4J2NDm97woAoPSAtDmVmuSEmABFKDmABFKDmZgFKDmABFKDmQCOyTo"
NOW = 1782864000.0
JOB = JobDescription("/bin/true", grid_id=GRID_ID, session_dir="/sessions/x", queue="default")
SITE = QueueSettings()
SCRIPT = "/sessions/x/.arc_oar/job-1.sh"


def argv(site: QueueSettings = SITE, script: str = SCRIPT, **wishes: Any) -> list[str]:
    return make_request(JOB._replace(**wishes), site, script, NOW).argv()


def option(words: list[str], name: str) -> list[str]:
    return [value for key, value in zip(words, words[1:]) if key == name]


def resources(site: QueueSettings = SITE, **wishes: Any) -> str:
    (text,) = option(argv(site, **wishes), "-l")
    return text


def test_whole_command_of_a_plain_job() -> None:
    assert argv() == [
        *("--name", GRID_ID, "-q", "default", "-l", "/core=1"),
        *("-d", "/sessions/x", "-O", "/sessions/x.comment", "-E", "/sessions/x.comment"),
        SCRIPT,
    ]


def test_whole_command_of_a_demanding_job() -> None:
    site = QueueSettings(
        oar_queue="grid",
        node_level="host",
        core_level="cpu",
        memory_property="mem",
        properties=" gpu='NO' ",
        types=("besteffort", "container=a"),
        project="fallback",
    )
    line = argv(
        site,
        name="My job",
        count=4,
        count_per_node=2,
        wall_time=3661,
        memory=1000,
        project="atlas",
        start_time=int(NOW) + 60,
    )
    before, postpone = line[: line.index("-d") - 1], line[line.index("-d") - 1]
    assert before == [
        *("--name", f"My_job-{GRID_ID}", "--project", "atlas", "-q", "grid"),
        *("-l", "/host=2/cpu=2,walltime=1:1:1", "-p", "(gpu='NO') AND (mem>=2000)"),
        *("-t", "besteffort", "-t", "container=a", "-t"),
    ]
    assert postpone.startswith("postpone=2026-")


@pytest.mark.parametrize(
    ("wishes", "text"),
    [
        ({}, "/core=1"),
        ({"count": 5}, "/core=5"),
        ({"count": 4, "count_per_node": 2}, "/network_address=2/core=2"),
        ({"count": 5, "count_per_node": 2}, "/network_address=3/core=2"),
        ({"count": 2, "count_per_node": 8}, "/network_address=1/core=2"),
        ({"count": 4, "count_per_node": 4, "num_nodes": 1}, "/network_address=1/core=4"),
        ({"count": 6, "num_nodes": 3}, "/network_address=3/core=2"),
        ({"count": 7, "num_nodes": 3}, "/network_address=3/core=3"),
        ({"exclusive": True}, "/network_address=1"),
        ({"exclusive": True, "count": 4, "count_per_node": 2}, "/network_address=2"),
        ({"exclusive": True, "count": 4, "num_nodes": 4}, "/network_address=4"),
        ({"wall_time": 0}, "/core=1"),
        ({"wall_time": 59}, "/core=1,walltime=0:0:59"),
        ({"wall_time": 3600}, "/core=1,walltime=1:0:0"),
        ({"wall_time": 360000}, "/core=1,walltime=100:0:0"),
        ({"cpu_time": 7200, "count": 4}, "/core=4,walltime=0:30:0"),
        ({"cpu_time": 10, "count": 3}, "/core=3,walltime=0:0:4"),
        ({"cpu_time": 7200, "wall_time": 60}, "/core=1,walltime=0:1:0"),
    ],
)
def test_resources(wishes: dict[str, Any], text: str) -> None:
    assert resources(**wishes) == text


@pytest.mark.parametrize(("count", "nodes"), [(1, 1), (2, 1), (8, 1), (9, 2), (16, 2)])
def test_whole_nodes_of_one_size(count: int, nodes: int) -> None:
    site = QueueSettings(cores_per_node=8)
    assert resources(site, exclusive=True, count=count) == f"/network_address={nodes}"


def test_whole_nodes_of_different_sizes() -> None:
    with pytest.raises(JobError) as caught:
        argv(exclusive=True, count=2)
    assert str(caught.value) == (
        "2 slots on whole nodes: the number of nodes is unknown here; "
        "set the number of slots on each node with countpernode"
    )


def test_default_walltime_of_the_site() -> None:
    site = QueueSettings(default_walltime=5400)
    assert resources(site) == "/core=1,walltime=1:30:0"
    assert resources(site, wall_time=60) == "/core=1,walltime=0:1:0"
    assert resources(site, cpu_time=60) == "/core=1,walltime=0:1:0"


@pytest.mark.parametrize(
    ("site", "wishes", "condition"),
    [
        ({}, {"memory": 1000}, None),
        ({"memory_property": "mem"}, {}, None),
        ({"memory_property": "mem"}, {"memory": 0}, None),
        ({"memory_property": "mem"}, {"memory": 1000}, "mem>=1000"),
        ({"memory_property": "mem", "memory_unit": "kb"}, {"memory": 1}, "mem>=1024"),
        ({"memory_property": "mem", "memory_unit": "gb"}, {"memory": 1025}, "mem>=2"),
        ({"memory_property": "mem", "memory_unit": "gb"}, {"memory": 1024}, "mem>=1"),
        # Without countpernode all slots may be on one node.
        ({"memory_property": "mem"}, {"memory": 10, "count": 4}, "mem>=40"),
        ({"memory_property": "mem", "cores_per_node": 2}, {"memory": 10, "count": 4}, "mem>=20"),
        ({"memory_property": "mem", "cores_per_node": 8}, {"memory": 10, "count": 4}, "mem>=40"),
        ({"memory_property": "mem"}, {"memory": 10, "count": 4, "count_per_node": 2}, "mem>=20"),
        (
            {"memory_property": "mem", "memory_scope": "core"},
            {"memory": 10, "count": 4, "count_per_node": 2},
            "mem>=10",
        ),
        ({"memory_property": "mem", "default_memory": 77}, {}, "mem>=77"),
        ({"memory_property": "mem", "default_memory": 77}, {"memory": 10}, "mem>=10"),
        ({"properties": "gpu='NO'"}, {}, "gpu='NO'"),
        ({}, {"node_properties": ("a='1'",)}, "a='1'"),
        (
            {"properties": "a='1' OR b='2'", "memory_property": "mem"},
            {"memory": 1, "node_properties": (" c='3' ", " ")},
            "(a='1' OR b='2') AND (c='3') AND (mem>=1)",
        ),
    ],
)
def test_condition(site: dict[str, Any], wishes: dict[str, Any], condition: str | None) -> None:
    found = option(argv(QueueSettings(**site), **wishes), "-p")
    assert found == ([] if condition is None else [condition])


@pytest.mark.parametrize(
    ("name", "label"),
    [
        (None, ""),
        ("", ""),
        ("simple", "simple-"),
        ("with space", "with_space-"),
        ("it's a 'name'", "it_s_a_name-"),
        ("'; DROP TABLE jobs; --", "DROP_TABLE_jobs-"),
        ("ümlaut", "mlaut-"),
        ("a/b\\c", "a_b_c-"),
        ("two\nlines", "two_lines-"),
        ("-q admin", "q_admin-"),
        ("__x__", "x-"),
        ("ü€", ""),
        ("n" * 200, "n" * 40 + "-"),
        ("\udcff", ""),
        ("%jobid%", "jobid-"),
    ],
)
def test_name_is_safe_and_holds_the_grid_id(name: str | None, label: str) -> None:
    (found,) = option(argv(name=name), "--name")
    assert found == label + GRID_ID


@pytest.mark.parametrize(
    ("grid_id", "name"),
    [
        ("x" * 99, "x" * 99),
        ("abc.def", "n-abc_def"),
        ("x" * 95, "nnnn-" + "x" * 95),
    ],
)
def test_name_with_a_long_grid_id(grid_id: str, name: str) -> None:
    (found,) = option(argv(name="n" * (4 if len(grid_id) > 90 else 1), grid_id=grid_id), "--name")
    assert found == name
    assert len(found) <= 100


def test_name_never_looks_like_an_option() -> None:
    assert option(argv(grid_id="-abc"), "--name") == ["abc"]
    assert option(argv(grid_id="_abc"), "--name") == ["abc"]


@pytest.mark.parametrize(
    ("asked", "site", "project"),
    [
        (None, "", []),
        ("atlas", "", ["atlas"]),
        ("atlas", "grid", ["atlas"]),
        (None, "grid", ["grid"]),
        ("it's", "grid", ["it_s"]),
        ("'", "grid", ["grid"]),
        ("--hold", "", ["hold"]),
        ("--", "grid", ["grid"]),
    ],
)
def test_project(asked: str | None, site: str, project: list[str]) -> None:
    assert option(argv(QueueSettings(project=site), project=asked), "--project") == project


@pytest.mark.parametrize(
    ("asked", "site", "queue"),
    [
        ("long", "", ["long"]),
        ("long", "grid", ["grid"]),
        (None, "", []),
        ("a.b-c_1", "", ["a.b-c_1"]),
    ],
)
def test_queue(asked: str | None, site: str, queue: list[str]) -> None:
    assert option(argv(QueueSettings(oar_queue=site), queue=asked), "-q") == queue


@pytest.mark.parametrize("queue", ["a b", "a'b", "ü", "x" * 101, "a;b", "--hold", "-q"])
def test_impossible_queue_name(queue: str) -> None:
    with pytest.raises(JobError) as caught:
        argv(queue=queue)
    assert str(caught.value) == f"the queue name {queue!r} cannot be the name of a queue of OAR"


def test_start_time_is_given_in_local_time(paris: None) -> None:
    kinds = option(argv(start_time=int(NOW) + 3600), "-t")
    assert kinds == ["postpone=2026-07-01 03:00:00"]
    winter = 1798765200 - 3600
    assert option(argv(start_time=winter), "-t") == ["postpone=2027-01-01 01:00:00"]


def test_start_time_in_the_past() -> None:
    assert option(argv(start_time=int(NOW)), "-t") == []


@pytest.mark.parametrize(
    "directory",
    ["relative", "", "/a'b", '/a"b', "/a\\b", "/a$b", "/a`b", "/a%jobid%", "/a\nb", "/a\tb"],
)
def test_session_directory_that_oar_cannot_handle(directory: str) -> None:
    with pytest.raises(JobError, match=r"the session directory .* has characters that OAR"):
        argv(session_dir=directory)


def test_script_path_is_quoted_for_the_shell() -> None:
    script = "/sessions/with space/.arc_oar/job.sh"
    assert argv(script=script)[-1] == f"'{script}'"
    assert argv()[-1] == SCRIPT


GPU_CONDITION = "gpu <> '0'"


@pytest.mark.parametrize(
    ("site", "wishes", "texts"),
    [
        ({"gpus": 1}, {}, ["/network_address=1/gpu=1"]),
        ({"gpus": 2, "gpu_level": "card"}, {"count": 8}, ["/network_address=1/card=2"]),
        (
            {"gpus": 2, "node_level": "host"},
            {"count": 8, "count_per_node": 2},
            ["/host=4/gpu=2"],
        ),
        ({"resources": ("/switch=1/core={count}",)}, {"count": 3}, ["/switch=1/core=3"]),
        # Alternatives: each has a wall time of its own, or the job's.
        (
            {"resources": ("/core={count}", "/host=1,walltime=0:10:0"), "gpus": 1},
            {"count": 4, "wall_time": 3600, "exclusive": True},
            ["/core=4,walltime=1:0:0", "/host=1,walltime=0:10:0"],
        ),
    ],
)
def test_other_levels_than_slots(
    site: dict[str, Any], wishes: dict[str, Any], texts: list[str]
) -> None:
    assert option(argv(QueueSettings(**site), **wishes), "-l") == texts


def test_resources_without_a_gpu_are_no_gpu() -> None:
    assert option(argv(QueueSettings(gpus=1)), "-p") == [GPU_CONDITION]
    assert option(argv(QueueSettings(gpus=1, resources=("/host=1",))), "-p") == []


def test_gpus_and_whole_nodes_exclude_each_other() -> None:
    with pytest.raises(JobError) as caught:
        argv(QueueSettings(gpus=1), exclusive=True)
    assert str(caught.value) == (
        "a job cannot ask for both whole nodes and GPUs of a node; choose one"
    )


@pytest.mark.parametrize(
    ("site", "wishes", "words"),
    [
        ({"checkpoint": 60}, {}, ["--checkpoint", "60"]),
        ({"checkpoint": 60}, {"wall_time": 61}, ["--checkpoint", "60"]),
        ({"checkpoint": 60}, {"wall_time": 60}, []),
        ({"checkpoint": 60, "checkpoint_signal": 10}, {}, ["--checkpoint", "60", "--signal", "10"]),
        ({"checkpoint_signal": 10}, {}, []),
        ({"notify": "[END]mail:a@b.org"}, {}, ["--notify", "[END]mail:a@b.org"]),
    ],
)
def test_signal_and_notification(
    site: dict[str, Any], wishes: dict[str, Any], words: list[str]
) -> None:
    line = argv(QueueSettings(**site), **wishes)
    assert line[4 : line.index("-d")] == [*line[4:6], *words]


@pytest.mark.parametrize(
    ("site", "wishes", "signal"),
    [
        ({}, {}, 0),
        ({"checkpoint": 60}, {}, 12),
        ({"checkpoint": 60, "checkpoint_signal": 10}, {}, 10),
        ({"checkpoint": 60}, {"wall_time": 30}, 0),
    ],
)
def test_signal_for_the_program(site: dict[str, Any], wishes: dict[str, Any], signal: int) -> None:
    assert checkpoint_signal(JOB._replace(**wishes), QueueSettings(**site)) == signal


def test_invalid_condition_of_an_rte() -> None:
    with pytest.raises(JobError) as caught:
        argv(node_properties=("a=1) OR (1=1",))
    assert str(caught.value) == (
        "joboption_nodeproperty 'a=1) OR (1=1' is wrong: it must be a ( for this ) at character 4"
    )
    assert caught.value.details == "  a=1) OR (1=1\n     ^"


LICENCE = ("/core={count}+{type='licence'}/licence=1",)


@pytest.mark.parametrize(
    ("site", "wishes", "level", "condition"),
    [
        ({"resources": LICENCE}, {}, "/core=1+{type='licence'}/licence=1", []),
        # -p would also apply to the licence, which has no such property (seen on 2.6.1).
        (
            {"resources": LICENCE, "properties": "gpu='NO'", "memory_property": "mem"},
            {"memory": 5, "count": 2},
            "{(gpu='NO') AND (mem>=10)}/core=2+{type='licence'}/licence=1",
            [],
        ),
        (
            {"resources": ("{a=1}/core=1+{type='disk'}/disk=1",), "properties": "b=2"},
            {},
            "{(a=1) AND (b=2)}/core=1+{type='disk'}/disk=1",
            [],
        ),
        (
            {"resources": ("{a=1}/core=1+{a=2}/core=1",), "properties": "b=2"},
            {},
            "{a=1}/core=1+{a=2}/core=1",
            ["b=2"],
        ),
    ],
)
def test_groups(
    site: dict[str, Any], wishes: dict[str, Any], level: str, condition: list[str]
) -> None:
    words = argv(QueueSettings(**site), wall_time=60, **wishes)
    assert option(words, "-l") == [f"{level},walltime=0:1:0"]
    assert option(words, "-p") == condition


def test_condition_that_no_group_can_have() -> None:
    site = QueueSettings(resources=LICENCE, properties="a='}'")
    with pytest.raises(JobError, match=r"cannot contain \}: a='\}'"):
        argv(site)


def test_types_with_blanks() -> None:
    words = argv(QueueSettings(types=("deadline=2037-01-01 12:00:00",)))
    assert option(words, "-t") == ["deadline=2037-01-01 12:00:00"]
