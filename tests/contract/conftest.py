"""The OAR of the contract tests: the stand-in, or the local OAR with ARC_OAR_CONTRACT=real."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from standin import Standin
from support.api_site import ApiSite
from support.ce import Ce


@pytest.fixture
def contract(request: pytest.FixtureRequest, place: Path) -> ApiSite:
    """A CE with an OAR that runs jobs."""
    ce = Ce(place)
    get: Callable[[str], Standin] = request.getfixturevalue
    if os.environ.get("ARC_OAR_CONTRACT") != "real":
        ce.configure(custom_oar=f"bin_path={get('oar').bin}")
    return ApiSite(ce)
