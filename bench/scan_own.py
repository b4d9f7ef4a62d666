"""The cost of one scan without OAR: the real command, with recorded answers of OAR."""

from __future__ import annotations

import tempfile
from pathlib import Path

from measure import Result, median
from scan_site import Site


def measure(jobs: int, ended: int, again: int = 3) -> list[Result]:
    """Return the median of several scans, each of a new site."""
    runs = []
    for _ in range(again if jobs < 100_000 else 1):
        with tempfile.TemporaryDirectory(prefix="arc-oar-bench-") as folder:
            site = Site(Path(folder), jobs, ended)
            site.warm_up()
            run, processes = site.scan()
            runs.append(run)
    return [median("own", jobs, ended, runs, processes)]
