"""The job script and the user's program: which one runs, and its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support.compute_node import Node

from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job.rte_scripts import RteScript


def program(node: Node, name: str, text: str, mode: int = 0o755) -> Path:
    path = node.files.session / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("name", ["run", "./run", "sub/run", "with space $x 'q'"])
def test_executable_in_the_session_directory(node: Node, name: str) -> None:
    program(node, name, '#!/bin/sh\necho "$0" "$@"\n')
    ran = node.run(executable=name, arguments=["a b"], stdout="o")
    shown = name if "/" in name else f"./{name}"
    assert (ran.code, ran.text("o")) == (0, f"{shown} a b\n")


@pytest.mark.parametrize("word", ["$PROGRAM", "${PROGRAM}", "$PLACE/run", "${PLACE}/run"])
def test_executable_in_a_variable(node: Node, word: str) -> None:
    path = program(node, "run", "#!/bin/sh\necho ran\n")
    variables = {"PROGRAM": str(path), "PLACE": str(path.parent)}
    ran = node.run(executable=word, environment=variables, stdout="o")
    assert (ran.code, ran.text("o")) == (0, "ran\n")


def test_executable_is_never_evaluated(node: Node) -> None:
    name = "$(touch evaluated)"
    ran = node.run(executable=name, stderr="e")
    assert (ran.code, ran.names()) == (127, [".arc_oar/job-1.sh", "e"])
    ran = node.run(executable="$A/$(touch evaluated)", environment={"A": "."}, stderr="e")
    assert (ran.code, ran.names()) == (127, [".arc_oar/job-1.sh", "e"])


def test_script_without_interpreter_line(node: Node) -> None:
    program(node, "run", "echo ran\n")
    assert node.run(executable="run", stdout="o").text("o") == "ran\n"


@pytest.mark.parametrize(
    "line", ["#!/bin/sh", "#! /bin/sh -e", "#!/usr/bin/env sh", "#!/usr/bin/env -S sh -e"]
)
def test_interpreters_that_exist(node: Node, line: str) -> None:
    program(node, "run", f"{line}\necho ran\n")
    assert node.run(executable="run", stdout="o").text("o") == "ran\n"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("#!/no/such/shell -x", "/no/such/shell"),
        ("#! /no/such/shell", "/no/such/shell"),
        ("#!/usr/bin/env nosuchshell", "nosuchshell"),
        ("#!/bin/sh\r", "/bin/sh\r"),
    ],
)
def test_missing_interpreter(node: Node, line: str, name: str) -> None:
    node.environment["HOSTNAME"] = "node1"
    path = program(node, "run", "")
    path.write_bytes(f"{line}\necho ran\n".encode())
    ran = node.run(executable="run", stdout="o", stderr="e")
    assert (ran.code, ran.text("o")) == (127, "")
    assert (ran.session / "e").read_bytes().decode() == (
        f"Cannot run ./run: {name} is not on node1\n"
    )
    assert ran.diag.values["exitcode"] == "127"


def test_missing_executable(node: Node) -> None:
    node.environment["HOSTNAME"] = "node1"
    ran = node.run(executable="/no/such/program", stderr="e")
    said = "The executable /no/such/program does not exist on node1\n"
    assert (ran.code, ran.text("e"), ran.comment) == (127, said, said)
    assert ran.diag.values["exitcode"] == "127"


def test_executable_without_permission(node: Node) -> None:
    program(node, "run", "#!/bin/sh\n", 0o644)
    ran = node.run(executable="run", stderr="e")
    if os.geteuid() == 0:
        assert ran.code == 126
    assert (ran.code, ran.text("e")) == (126, "The executable ./run is not executable\n")
    assert node.run(executable="/tmp", stderr="e").code == 127


@pytest.mark.parametrize("code", [0, 1, 3, 99, 127, 255])
@pytest.mark.parametrize("gnu_time", ["/usr/bin/time", ""])
def test_exit_code_is_kept(node: Node, code: int, gnu_time: str) -> None:
    node.plan["gnu_time"] = gnu_time
    ran = node.shell(f"exit {code}")
    assert (ran.code, ran.diag.values["exitcode"]) == (code, str(code))


@pytest.mark.parametrize("gnu_time", ["/usr/bin/time", ""])
@pytest.mark.parametrize("number", [6, 9, 11, 15])
def test_signal_is_kept(node: Node, number: int, gnu_time: str) -> None:
    node.plan["gnu_time"] = gnu_time
    ran = node.shell(f"ulimit -c 0; kill -{number} $$")
    assert (ran.code, ran.diag.values["exitcode"]) == (128 + number, str(128 + number))


@pytest.mark.parametrize(
    ("number", "everyone"),
    [
        (signal.SIGTERM, True),
        (signal.SIGTERM, False),
        (signal.SIGHUP, True),
        (signal.SIGUSR1, True),
    ],
)
def test_job_that_a_signal_ends_is_no_success(node: Node, number: int, everyone: bool) -> None:
    node.write(executable="/bin/sh", arguments=["-c", "touch started; exec sleep 3"])
    child = node.start()
    while not (node.files.session / "started").exists():
        assert child.poll() is None
        time.sleep(0.01)
    (os.killpg if everyone else os.kill)(child.pid, number)
    ran = node.ended(child)
    assert ran.code in (-number, 128 + number)
    assert ran.diag.values.get("exitcode", "1") != "0"


@pytest.mark.parametrize("stage", ["1", "2"])
def test_rte_that_exits_is_no_success(node: Node, stage: str) -> None:
    node.rtes = [RteScript("R", (), f'[ "$1" != {stage} ] || exit 0\n')]
    ran = node.shell("echo ran", stdout="o")
    assert ran.code != 0
    assert ran.diag.values["exitcode"] == str(ran.code)


@pytest.mark.parametrize(
    "line",
    [
        "#!/usr/bin/env -S A=b sh",
        "#!/usr/bin/env -S -i sh",
        "#!/usr/bin/env -iS sh",
        "#!/usr/bin/env --split-string=sh -e",
    ],
)
def test_interpreter_lines_that_only_env_understands(node: Node, line: str) -> None:
    path = program(node, "run", f"{line}\necho ran\n")
    plain = subprocess.run([str(path)], capture_output=True, text=True, check=True)
    assert node.run(executable="run", stdout="o").text("o") == plain.stdout == "ran\n"


def test_equals_in_the_name_of_the_executable(node: Node) -> None:
    program(node, "a=b", "#!/bin/sh\necho ran\n")
    ran = node.run(executable="a=b", stdout="o", environment={"A": "1"})
    assert (ran.code, ran.text("o")) == (0, "ran\n")
    with pytest.raises(JobError, match=r"the executable .* has a .=. in its name"):
        node.write(executable="./a=b", environment={"X-Y": "1"})
