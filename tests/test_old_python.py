"""A Python before 3.9 gets one sentence, not a traceback, from everything that it can start."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "arc_lrms_oar"
VERBS = ("submit", "cancel", "scan")
# What an old Python compiles before it comes to the check.
FIRST = ["share/OAR-job", "__init__.py", "__main__.py", "share/slurm.py"]


@pytest.mark.parametrize("name", FIRST)
def test_file_compiles_on_python_3_6(name: str) -> None:
    tree = ast.parse((PACKAGE / name).read_text(), feature_version=(3, 6))
    futures = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert [node.module for node in futures if node.module == "__future__"] == []


def run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the file as Python 3.6.8 would."""
    monkeypatch.setattr(sys, "version_info", (3, 6, 8, "final", 0))
    monkeypatch.setattr(sys, "version", "3.6.8 (default)")
    exec(compile((PACKAGE / name).read_text(), name, "exec"), {"__name__": "x"})


@pytest.mark.parametrize("verb", VERBS)
def test_scripts_of_arex(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [f"/usr/share/arc/{verb}-OAR-job", "--config"])
    with pytest.raises(SystemExit) as caught:
        run("share/OAR-job", monkeypatch)
    text = str(caught.value.code)
    if verb == "scan":
        text = re.sub(r"^\[[0-9: -]{19}\] \[scan-OAR-job\] \[FATAL\] ", "scan-OAR-job: ", text)
    assert text == (
        f"{verb}-OAR-job: Python 3.9 or later is required, and {sys.executable} is 3.6.8"
    )


def test_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["-m", "doctor"])
    with pytest.raises(SystemExit, match=r"Python 3\.9 or later is required, and .* is 3\.6\.8"):
        run("__init__.py", monkeypatch)


def test_import(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImportError, match=r"Python 3\.9 or later is required, and .* is 3\.6\.8"):
        run("__init__.py", monkeypatch)
