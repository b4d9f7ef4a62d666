"""The shell files of the package, which tests/run has shellcheck read one by one."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.compute_node import Node

from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job import shell
from arc_lrms_oar.job.rte_scripts import RteScript


def test_a_missing_file_is_a_clear_error() -> None:
    with pytest.raises(JobError, match=r"^this copy of the package is incomplete: .*/share/no\.sh"):
        shell.shared("no.sh")


def test_every_variable_of_the_shell_files_is_assigned(node: Node) -> None:
    """The shell files excuse unassigned variables; the generated part must assign all of them."""
    beside = Path(sys.executable).with_name("shellcheck")
    program = str(beside) if beside.exists() else shutil.which("shellcheck")
    if program is None:
        pytest.skip("shellcheck is not installed")
    node.rtes = [RteScript("A", ("x y",), "echo one\n"), RteScript("EMPTY", (), "")]
    node.write(executable="$A/run", arguments=["a'b"], environment={"A": ".", "B-C": "1"})
    lines = node.path.read_text().splitlines(keepends=True)
    node.path.write_text("".join(x for x in lines if not x.startswith("# shellcheck disable=SC2")))
    argv = [program, "--format=gcc", "--include=SC2154", str(node.path)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("", "")
