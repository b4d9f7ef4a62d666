"""Prometheus' programs, which CI has to have."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bed import prometheus
from bed.messages import BedError


def program(name: str) -> Path:
    """The path of one of Prometheus' programs; outside CI the test is skipped without it."""
    try:
        return prometheus.program(name)
    except BedError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def promtool() -> Path:
    return program("promtool")


@pytest.fixture(scope="session")
def prometheus_server() -> Path:
    return program("prometheus")
