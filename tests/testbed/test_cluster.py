"""The nodes of the testbed's OAR: options, file, SQL and names."""

from __future__ import annotations

from pathlib import Path

import pytest
from bed import BedError
from bed.cli import nodes, parser
from bed.cluster import NodeSet, hosts, parse, read, sql


def test_sets_of_a_file() -> None:
    text = "# two kinds\nnodes=2 cores=8 gpus=2 mem=16384\n\ncores=4  # one more\n"
    assert parse(text, "file") == [NodeSet(2, 8, 2, 16384), NodeSet(1, 4, 0, 4096)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cores", r"file:1: 'cores': expected NAME=NUMBER with one of nodes, cores, gpus, mem"),
        ("\nram=3", r"file:2: 'ram=3'"),
        ("cores=-1", r"file:1: 'cores=-1'"),
        ("cores=0", "cores and mem are at least 1"),
        ("cores=4 gpus=3", "divided evenly"),
        ("nodes=200\nnodes=55", "file: 255 nodes, expected 1 to 254"),
        ("# none\n", "file: 0 nodes"),
    ],
)
def test_file_that_is_refused(text: str, message: str) -> None:
    with pytest.raises(BedError, match=message):
        parse(text, "file")


def test_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BedError, match=r"cannot read the nodes of .*nodes\.txt"):
        read(tmp_path / "nodes.txt")


def test_one_resource_for_each_core() -> None:
    assert sql([NodeSet(2, 2)]).splitlines()[1:6] == [
        "INSERT INTO resources (network_address, host, cpu, core, cpuset, mem) VALUES",
        "('127.0.0.1', 'node1', 1, 1, '0', 4096),",
        "('127.0.0.1', 'node1', 1, 2, '1', 4096),",
        "('127.0.0.2', 'node2', 2, 3, '0', 4096),",
        "('127.0.0.2', 'node2', 2, 4, '1', 4096);",
    ]


def test_gpus_are_numbered_and_zero_is_none() -> None:
    rows = sql([NodeSet(2, 4, 2), NodeSet(1, 1)]).splitlines()[1:11]
    assert rows[0].endswith("cpuset, mem, gpu) VALUES")
    assert [row.rstrip(",;)").rpartition(" ")[2] for row in rows[1:]] == list("112233440")


def test_names_of_the_nodes() -> None:
    before = "127.0.0.1 localhost\n127.0.1.1 testbed\n127.0.0.1 node1\n127.0.0.2 node2\n"
    assert hosts(before, [NodeSet(3)]) == (
        "127.0.0.1 localhost\n127.0.1.1 testbed\n"
        "127.0.0.1 node1\n127.0.0.2 node2\n127.0.0.3 node3\n"
    )


def test_options_of_up(tmp_path: Path) -> None:
    file = tmp_path / "nodes"
    file.write_text("cores=3\n")

    def chosen(*words: str) -> list[NodeSet] | None:
        return nodes(parser().parse_args(["up", *words]))

    assert chosen() is None
    assert chosen("--nodes", "3") == [NodeSet(3, 2)]
    assert chosen("--cores", "8", "--gpus", "4") == [NodeSet(4, 8, 4)]
    assert chosen("--cluster", str(file)) == [NodeSet(1, 3)]
    with pytest.raises(BedError, match="--cluster and --cores exclude each other"):
        chosen("--cluster", str(file), "--cores", "2")
