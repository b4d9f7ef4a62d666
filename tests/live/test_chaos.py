"""A short run of bench/chaos: jobs of all kinds while everything fails, and every job is checked.

`ARC_OAR_CHAOS_MINUTES` and `ARC_OAR_CHAOS_SEED` in the environment select another run. The database
of OAR is restored from an older dump in runs of 4 minutes and more.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bed import Bed
from chaos_judge import judge
from chaos_plan import make_plan
from chaos_read import read_records
from chaos_run import Run
from chaos_site import prepared

pytestmark = pytest.mark.live

HERE = Path(__file__).parent
MINUTES = float(os.environ.get("ARC_OAR_CHAOS_MINUTES", "1.5"))
SEED = int(os.environ.get("ARC_OAR_CHAOS_SEED", "1"))


def test_every_job_ends_as_it_should(bed: Bed) -> None:
    plan = make_plan(MINUTES, SEED)
    with prepared(bed, HERE / "arc.conf.in"):
        run = Run(bed, plan, print)
        run.run()
        found = judge(plan, run.happened, read_records(bed))
    assert [str(one) for one in found if not one.excuse] == []
