"""The signal before the end of the wall time: the script passes it on to the user's program."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from support.compute_node import Node, ScriptRun

# Waits for a signal, prints it, and goes on to its own end.
PROGRAM = """#!/bin/bash
trap 'echo saved; told=yes' {number}
echo "$A$B" >ready
until [ -n "$told" ]; do read -rt 0.05 <>fifo; done
exit 7
"""
ODD = {"A": "it's\n$x ", "BASH_ENV": "/nowhere", "odd-name": "x", "B": "b"}


def signalled(node: Node, number: int, gnu_time: str) -> ScriptRun:
    """Runs the job, and sends the signal as OAR does: to the script's process alone."""
    session = node.files.session
    os.mkfifo(session / "fifo")
    os.mkfifo(session / "ready")
    (session / "run").write_text(PROGRAM.format(number=number))
    (session / "run").chmod(0o755)
    node.plan = {"checkpoint_signal": number, "gnu_time": gnu_time}
    node.write(executable="run", stdout="o", environment=ODD)
    child = node.start()
    assert (session / "ready").read_text() == "it's\n$x b\n"
    os.kill(child.pid, number)
    return node.ended(child)


@pytest.mark.parametrize("gnu_time", ["/usr/bin/time", ""])
@pytest.mark.parametrize("number", [int(signal.SIGUSR2), int(signal.SIGUSR1), int(signal.SIGTERM)])
def test_program_gets_the_signal(node: Node, number: int, gnu_time: str) -> None:
    ran = signalled(node, number, gnu_time)
    assert (ran.code, ran.text("o")) == (7, "saved\n")
    assert ran.diag.values["exitcode"] == "7"
    assert "usertime" in ran.diag.values
    assert not (ran.session / ".arc_oar" / "program").exists()


def test_program_that_the_signal_ends(node: Node) -> None:
    node.plan = {"checkpoint_signal": int(signal.SIGUSR2)}
    ran = node.shell("kill -USR2 $$", stdout="o")
    assert ran.code == 128 + signal.SIGUSR2


def test_input_and_exit_code_without_a_signal(node: Node) -> None:
    Path(node.files.session / "in").write_text("some input\n")
    node.plan = {"checkpoint_signal": int(signal.SIGUSR2)}
    ran = node.shell("cat; exit 5", stdin="in", stdout="o")
    assert (ran.code, ran.text("o")) == (5, "some input\n")
