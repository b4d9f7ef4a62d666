"""The command `testbed`: nodes, directories, shells, logs and reset, in a testbed of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bed import Bed
from bed.cli import SUITE_ENV
from bed.layout import STATE_ENV, TESTBED
from bed.package import KIND_ENV
from bed.processes import wait_until
from live.conftest import SUITE

pytestmark = pytest.mark.live

NODES = "nodes=2 cores=2 gpus=1\nnodes=4 cores=1  # small ones\n"
ADDRESSES = [f"127.0.0.{number}" for number in range(1, 7)]
Command = Callable[..., str]


@pytest.fixture(scope="module")
def environment(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """For a testbed beside `bed`, which has checked that there can be one."""
    state = str(tmp_path_factory.mktemp("state"))
    return {**os.environ, STATE_ENV: state, SUITE_ENV: SUITE, KIND_ENV: "none"}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of the host, which is /srv/own inside."""
    folder = tmp_path_factory.mktemp("own")
    folder.chmod(0o777)
    return folder


@pytest.fixture(scope="module")
def testbed(environment: dict[str, str], own: Path) -> Iterator[Command]:
    def run(*words: str, text: str = "") -> str:
        command = [str(TESTBED / "testbed"), *words]
        done = subprocess.run(
            command, env=environment, input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    (own / "nodes.txt").write_text(NODES)
    run("up", "--cluster", str(own / "nodes.txt"), "-v", f"{own}:/srv/own")
    yield run
    run("down")


def nodes(testbed: Command) -> list[str]:
    query = "select distinct network_address from resources order by 1"
    return testbed(
        "run", "--user", "postgres", "--cwd", "/", "--", "psql", "-d", "oar", "-Atc", query
    ).split()


def oarsub(testbed: Command, *words: str) -> None:
    testbed("run", "--user", "griduser", "--cwd", "/srv/own", "--", "oarsub", *words)


def arrived(path: Path) -> str:
    assert wait_until(path.exists, 120), path
    return path.read_text()


def test_job_on_all_nodes_writes_to_a_directory_of_the_host(testbed: Command, own: Path) -> None:
    oarsub(testbed, "-l", "/nodes=6", "sort -u $OAR_NODEFILE >part && mv part all")
    assert arrived(own / "all").split() == ADDRESSES


def test_job_on_a_node_with_gpus(testbed: Command, own: Path) -> None:
    oarsub(testbed, "-l", "/gpu=2", "-p", "gpu <> 0", "sort -u $OAR_NODEFILE >part && mv part gpu")
    assert arrived(own / "gpu").split() == ADDRESSES[:2]


def test_login_shell_on_front_end_and_node(testbed: Command) -> None:
    words = "hostname; id -un; pwd\n"
    assert testbed("connect", text=words).split() == ["testbed", "griduser", "/home/griduser"]
    on_node = testbed("connect", "--user", "root", "node6", text=words)
    assert on_node.split() == ["node6", "root", "/root"]


def test_log_is_followed_until_a_reset(
    testbed: Command, environment: dict[str, str], own: Path
) -> None:
    """A reset discards what has changed, and keeps the nodes and directories of `up`."""
    testbed("run", "--", "touch", "/root/changed")
    follow = [str(TESTBED / "testbed"), "log", "-f", "-n", "1", "oar"]
    with subprocess.Popen(follow, env=environment, stdout=subprocess.PIPE, text=True) as log:
        assert log.stdout is not None
        assert log.stdout.readline() != ""
        testbed("reset")
        log.stdout.read()
        assert log.wait() == 0
    testbed("run", "--", "test", "!", "-e", "/root/changed")
    testbed("run", "--", "test", "-e", "/srv/own/nodes.txt")
    assert nodes(testbed) == ADDRESSES
