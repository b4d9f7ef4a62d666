"""A short run of bench/chaos: jobs of all kinds while A-REX, OAR, disks, nodes and the clock fail.

The plan is the same in each run. Its result depends on no speed: the checker compares what the
faults did, with their true times, with what A-REX and OAR have recorded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bed import Bed
from chaos_evidence import save
from chaos_plan import make_plan
from chaos_read import read_records
from chaos_run import Run
from chaos_saved import Saved
from chaos_site import prepare
from live.conftest import LABEL, SUITE

pytestmark = pytest.mark.live

HERE = Path(__file__).parent
# Few jobs: the other testbed has its tests on the same cores.
MINUTES, SEED, JOBS_PER_MINUTE, CORES = 5.0, 1, 5.0, 16


@pytest.fixture
def chaos_bed(bed: Bed) -> Iterator[Bed]:
    """A testbed that has had no jobs; `bed` has checked that there can be one."""
    made = Bed(SUITE, label=f"{LABEL}-chaos")
    made.down()
    made.up()
    yield made
    made.down()


def test_each_job_ends_as_the_faults_explain(chaos_bed: Bed) -> None:
    plan = make_plan(MINUTES, SEED, JOBS_PER_MINUTE)
    prepare(chaos_bed, CORES)
    run = Run(chaos_bed, plan, print)
    run.run()
    saved = Saved(SUITE, plan, run.happened, read_records(chaos_bed))
    wrong = [str(one) for one in saved.findings() if not one.excuse]
    if wrong:
        folder = HERE.parent.parent / "build" / f"chaos-{SUITE}"
        save(chaos_bed, saved, folder)
        pytest.fail("\n".join([*wrong, f"the records and the logs are in {folder}"]))
