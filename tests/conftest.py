"""Fixtures of the unit tests: a directory open to all users, a CE in it, and a stand-in OAR."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from standin import Standin
from support.ce import Ce
from support.fake_clock import FakeClock
from support.fake_gm_kick import FakeGmKick
from support.isolation import clean_process, restore_ignored_signals, time_limit
from support.oar_site import Site
from support.scan_jobs import Hours

restore_ignored_signals()
if sys.getfilesystemencoding() != "utf-8":
    # Python settles this before any code of the tests runs.
    raise pytest.UsageError(
        f"the locale's encoding is {sys.getfilesystemencoding()}: start pytest with PYTHONUTF8=1"
    )


@pytest.fixture(autouse=True)
def _clean_process() -> Iterator[None]:
    """Every test starts with the same environment variables and umask."""
    with clean_process():
        yield


@pytest.fixture(autouse=True)
def _time_limit(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that hangs fails. Live tests have their own limits."""
    if request.node.get_closest_marker("live"):
        yield
        return
    with time_limit(float(os.environ.get("ARC_OAR_TEST_SECONDS", "600"))):
        yield


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that other users can enter, unlike pytest's `tmp_path`."""
    made = Path(tempfile.mkdtemp(prefix="arc_oar-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(params=[6, 7], ids=["arc6", "arc7"])
def layout(request: pytest.FixtureRequest) -> int:
    """The layout of the control directory for `any_ce`: that of ARC 6, then that of ARC 7."""
    return int(request.param)


@pytest.fixture
def ce(place: Path) -> Ce:
    """A CE with ARC 6's layout, whose jobs belong to the user that runs the tests."""
    return Ce(place)


@pytest.fixture
def any_ce(place: Path, layout: int) -> Ce:
    """A CE with ARC 6's layout, then one with ARC 7's."""
    return Ce(place, layout)


@pytest.fixture
def oar(place: Path) -> Iterator[Standin]:
    """A stand-in OAR 2.5.9 with 4 nodes of 2 cores each."""
    with Standin.create(place / "oar") as made:
        made.set("delay", 0.01)
        yield made
        assert made.runner_log() == ""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def paris(_clean_process: None) -> None:
    """A time zone that is not UTC and has daylight saving time."""
    os.environ["TZ"] = "Europe/Paris"
    time.tzset()


@pytest.fixture
def gm_kick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeGmKick:
    monkeypatch.setenv("ARC_LOCATION", str(tmp_path / "arc"))
    (tmp_path / "arc").mkdir()
    return FakeGmKick(tmp_path / "arc")


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    return Hours(monkeypatch)


@pytest.fixture
def site(ce: Ce, oar: Standin) -> Site:
    """A CE whose OAR is the stand-in."""
    return Site(ce, oar)


@pytest.fixture
def any_site(any_ce: Ce, oar: Standin) -> Site:
    """A CE with the layout of ARC 6, then one with that of ARC 7."""
    return Site(any_ce, oar)
