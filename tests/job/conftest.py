"""A job on its node, for the tests of the job script."""

from __future__ import annotations

import pytest
from support.ce import Ce
from support.compute_node import Node


@pytest.fixture
def node(ce: Ce) -> Node:
    return Node.of(ce)
