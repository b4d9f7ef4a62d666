"""The state that scan keeps between two cycles, and the lock that keeps two scans apart."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from arc_lrms_oar.errors import ControlDirError
from arc_lrms_oar.scan.state import ScanState

NAME = "arc_lrms_oar.scan"


def missing(place: Path, grid_id: str, now: float) -> tuple[int, float]:
    with ScanState.locked(str(place)) as state:
        assert state is not None
        return state.count_missing(grid_id, now)


def test_missing_cycles_are_counted_across_runs(tmp_path: Path) -> None:
    assert missing(tmp_path, "a", 100.0) == (1, 100.0)
    assert missing(tmp_path, "a", 110.0) == (2, 100.0)
    assert missing(tmp_path, "b", 120.0) == (1, 120.0)
    assert missing(tmp_path, "a", 130.0) == (3, 100.0)


def test_cleared_job_starts_from_one(tmp_path: Path) -> None:
    missing(tmp_path, "a", 100.0)
    with ScanState.locked(str(tmp_path)) as state:
        assert state is not None
        state.clear_missing("a")
        state.clear_missing("never heard of")
    assert missing(tmp_path, "a", 200.0) == (1, 200.0)


def test_clock_that_jumped_back_restarts_the_count(tmp_path: Path) -> None:
    missing(tmp_path, "a", 5000.0)
    assert missing(tmp_path, "a", 100.0) == (1, 100.0)


def test_pause_between_two_deletions(tmp_path: Path) -> None:
    for now, due in ((1000.0, True), (1059.0, False), (1060.0, True), (1100.0, False)):
        with ScanState.locked(str(tmp_path)) as state:
            assert state is not None
            assert state.deletion_due("a", now, 60.0) is due, now
    with ScanState.locked(str(tmp_path)) as state:
        assert state is not None
        assert state.deletion_due("b", 1100.0, 60.0)
        assert state.deletion_due("a", 10.0, 60.0), "a clock that jumped back must not silence it"


def test_first_time_is_true_once(tmp_path: Path) -> None:
    for what, is_first in (("x", True), ("x", False), ("y", True), ("x", False)):
        with ScanState.locked(str(tmp_path)) as state:
            assert state is not None
            assert state.first_time("a", what) is is_first
            state.clear_missing("a")
            state.keep_only(["a"])


def audited(place: Path, now: float, generation: int | None = None) -> tuple[bool, int | None]:
    """Whether an audit is due, and the stored generation."""
    with ScanState.locked(str(place)) as state:
        assert state is not None
        before = state.generation
        state.generation = generation or before
        return state.audit_due(now, 300.0), before


def test_audit_and_generation(tmp_path: Path) -> None:
    assert audited(tmp_path, 1000.5) == (False, None), "a new control directory holds no old job"
    assert audited(tmp_path, 1300.0, 3) == (False, None)
    assert audited(tmp_path, 1300.5) == (True, 3)
    assert audited(tmp_path, 1600.0) == (False, 3)
    assert audited(tmp_path, 20.0) == (True, 3), "a clock that jumped back must not put it off"
    assert (tmp_path / NAME).read_bytes() == b"3 20.0\n\n"
    assert missing(tmp_path, "a", 1.0) == (1, 1.0)
    assert audited(tmp_path, 30.0) == (False, 3)
    assert missing(tmp_path, "a", 2.0) == (2, 1.0), "unread, and not lost"


@pytest.mark.parametrize(
    "head",
    [
        "",
        "-",
        "- -",
        "2",
        "2 x",
        "2 nan",
        "2 inf",
        "2 ",
        "x 1",
        "{}",
        "é 5",
        "1e3 7",
        "9 9 9",
        "4 5",
        "1 5",
    ],
)
def test_invalid_first_line(tmp_path: Path, head: str) -> None:
    (tmp_path / NAME).write_text(f'{head}\n{{"a": {{"cycles": 1, "since": 1.0}}}}\n')
    assert audited(tmp_path, 5.0)[1] is None
    assert missing(tmp_path, "a", 2.0) == (2, 1.0)


def test_other_jobs_are_dropped_and_the_file_ends_empty(tmp_path: Path) -> None:
    for name in ("a", "b"):
        missing(tmp_path, name, 1.0)
    with ScanState.locked(str(tmp_path)) as state:
        assert state is not None
        state.keep_only(["b"])
    assert missing(tmp_path, "a", 2.0) == (1, 2.0)
    assert missing(tmp_path, "b", 2.0) == (2, 1.0)
    with ScanState.locked(str(tmp_path)) as state:
        assert state is not None
        state.keep_only([])
    assert (tmp_path / NAME).read_bytes() == b""


def test_unchanged_state_is_not_written(tmp_path: Path) -> None:
    with ScanState.locked(str(tmp_path)) as state:
        assert state is not None
        assert state.deletion_due("a", 1000.0, 60.0)
    os.utime(tmp_path / NAME, (1, 1))
    with ScanState.locked(str(tmp_path)):
        pass
    assert (tmp_path / NAME).stat().st_mtime == 1


def test_saved_also_after_an_error(tmp_path: Path) -> None:
    def fail() -> None:
        with ScanState.locked(str(tmp_path)) as state:
            assert state is not None
            state.count_missing("a", 1.0)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert missing(tmp_path, "a", 2.0) == (2, 1.0)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"null",
        b"17",
        b'{"a": 1}',
        b'{"a": {"since": "x"}}',
        b'{"a": {"since": null}}',
        b'{"a": []}',
        b"\xff\xfe",
        b"\0" * 100,
        b'{"a": {"cycles": Infinity}}',
        b'{"a": {"cycles": NaN}}',
        b'{"a": {"cycles": 1' + b"0" * 400 + b"}}",
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("head", [b"", b"2 5.0\n"])
def test_invalid_state_is_ignored(tmp_path: Path, head: bytes, content: bytes) -> None:
    (tmp_path / NAME).write_bytes(head + content)
    assert missing(tmp_path, "a", 5.0) == (1, 5.0)
    assert missing(tmp_path, "a", 6.0) == (2, 5.0)


def test_state_file_is_private(tmp_path: Path) -> None:
    missing(tmp_path, "a", 1.0)
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_second_scan_gets_no_state(tmp_path: Path) -> None:
    with ScanState.locked(str(tmp_path)) as first:
        assert first is not None
        with ScanState.locked(str(tmp_path)) as second:
            assert second is None
    with ScanState.locked(str(tmp_path)) as third:
        assert third is not None


def test_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from arc_lrms_oar.scan.state import ScanState\n"
        "with ScanState.locked(sys.argv[1]) as state: os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=Path(__file__).parents[2], check=False
    )
    assert killed.returncode == -9
    with ScanState.locked(str(tmp_path)) as state:
        assert state is not None


def test_directory_that_cannot_be_written(tmp_path: Path) -> None:
    for name, reason in (("none", "No such file"), ("link", "Too many levels of symbolic links")):
        place = tmp_path / name
        if name == "link":
            place.mkdir()
            (place / NAME).symlink_to(tmp_path / "target")
        with (
            pytest.raises(ControlDirError, match=f"cannot be written: {reason}"),
            ScanState.locked(str(place)),
        ):
            pass
    assert not (tmp_path / "target").exists()


def test_sections_belong_to_no_job_and_are_kept(tmp_path: Path) -> None:
    with ScanState.locked(str(tmp_path)) as state:
        assert state is not None
        state.section("problem disk full")["cycles"] = 3
        state.section("problem over")
        state.section("metrics")["x"] = 1.5
        state.drop_section("metrics")
        state.drop_section("never heard of")
        state.keep_only([])
    with ScanState.locked(str(tmp_path)) as state:
        assert state is not None
        assert state.sections("problem ") == ["problem disk full"]
        assert state.section("problem disk full") == {"cycles": 3}
        assert state.section("metrics") == {}


def test_killed_before_the_truncation(tmp_path: Path) -> None:
    """The end of a longer old content stays behind the new one and is not read."""
    missing(tmp_path, "a", 100.0)
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes() + b'since": 5}, "b": {"cycles": 9}}\n')
    assert missing(tmp_path, "a", 110.0) == (2, 100.0)
    assert missing(tmp_path, "b", 110.0) == (1, 110.0)
