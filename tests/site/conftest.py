"""A CE whose OAR is the stand-in, for the tests of the admin's tools."""

from __future__ import annotations

import pytest
from ce import Ce
from oarsite import Site
from standin import Standin


@pytest.fixture
def site(ce: Ce, oar: Standin) -> Site:
    return Site(ce, oar)


@pytest.fixture
def any_site(any_ce: Ce, oar: Standin) -> Site:
    """A site with ARC 6, then one with ARC 7."""
    return Site(any_ce, oar)
