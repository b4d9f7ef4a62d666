"""The cost of one scan without OAR: the real command, with recorded answers of OAR."""

from __future__ import annotations

import tempfile
from pathlib import Path

from measure import Result, Run, median
from scan_site import Site


def measure(jobs: int, ended: int, again: int = 3) -> list[Result]:
    """Return the median of several scans, each of a new site."""
    done = [_scan(jobs, ended, metrics=False) for _ in range(again if jobs < 100_000 else 1)]
    return [median("own", jobs, ended, [run for run, _ in done], done[-1][1])]


def measure_metrics(jobs: int, ended: int, again: int = 3) -> list[Result]:
    """Return the medians of scans without and with metrics, run alternately."""
    pairs = [
        (_scan(jobs, ended, metrics=False), _scan(jobs, ended, metrics=True)) for _ in range(again)
    ]
    return [
        median(kind, jobs, ended, [run for run, _ in done], done[-1][1])
        for kind, done in zip(("own", "metrics"), zip(*pairs))
    ]


def _scan(jobs: int, ended: int, metrics: bool) -> tuple[Run, int]:
    """Run one scan of a new site; also return the number of commands it ran."""
    with tempfile.TemporaryDirectory(prefix="arc-oar-bench-") as folder:
        site = Site(Path(folder), jobs, ended, metrics=metrics)
        site.warm_up()
        return site.scan()
