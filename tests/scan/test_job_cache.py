"""The job cache: content that scan has not written is never used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arc_lrms_oar.scan.job_cache import JobCache

NAME = "arc_lrms_oar.jobs"


def cached(folder: Path, rows: object, line: str = "5-5") -> JobCache:
    """The cache whose file has this line and these rows."""
    (folder / NAME).write_text(f"{line}\n{json.dumps(rows)}")
    return JobCache(str(folder))


def test_rows_and_ranges(tmp_path: Path) -> None:
    rows = {"job.a.status": [10**18, 77, 5, 0], "job.b.status": [1, 2, 0, 1]}
    cache = cached(tmp_path, rows, "5-5 7-9")
    assert (cache.rows(), cache.id_ranges) == (rows, [(5, 5), (7, 9)])


@pytest.mark.parametrize(
    "row",
    [
        *(["1", "2", "5", "0"], [1.0, 2.0, 5.0, 0.0], [True, True, True, True]),
        *([1, 2, "5", 0], [1, 2, 5, False], [1, 2, 5, None], [1, 2, 5], [1, 2, 5, 0, 0], 7, {}),
    ],
    ids=str,
)
def test_row_that_is_not_four_integers(tmp_path: Path, row: object) -> None:
    good = [1, 2, 5, 0]
    assert cached(tmp_path, {"job.a.status": good, "job.b.status": row}).rows() is None
    assert cached(tmp_path, {"job.a.status": good}).rows() == {"job.a.status": good}


@pytest.mark.parametrize("line", ["8-7", "7-8 5-6", "5-8 7-9", "0-3", "-3-7", "7", "x-y"])
def test_ranges_that_are_not_ascending(tmp_path: Path, line: str) -> None:
    assert cached(tmp_path, {}, line).id_ranges == []


def test_missing_cache(tmp_path: Path) -> None:
    cache = JobCache(str(tmp_path))
    assert (cache.rows(), cache.id_ranges) == (None, [])
