"""Fixtures of the stand-in's suite.

recordings/VERSION.json holds the output of real commands, with user and date per command: OAR 2.5.9
and 2.6.1 of Debian, and OAR 3 (3.0.2 and a later state that calls itself 3.0.3dev), with four nodes
of two cores (2.6.1: two nodes). Tracebacks are shortened.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from standin import Standin
from standin.tests.helpers import Shell


@pytest.fixture
def version() -> str:
    """The version of OAR; a test that is parametrized with `version` overrides it."""
    return "2.5.9"


@pytest.fixture
def oar(version: str, tmp_path: Path) -> Iterator[Standin]:
    with Standin.create(tmp_path / "oar", version) as made:
        made.set("delay", 0.01)
        yield made
        assert made.runner_log() == ""


@pytest.fixture
def sh(oar: Standin, tmp_path: Path) -> Shell:
    home = tmp_path / "home"
    home.mkdir()
    return Shell(oar, home)
