"""The contract tests on the real OAR, run inside the testbed as an ordinary user."""

from __future__ import annotations

import pytest
from bed import Bed
from bed.grid import USER

pytestmark = pytest.mark.live

INSIDE = "/opt/arc_lrms_oar"


def test_contract_on_the_real_oar(bed: Bed) -> None:
    pytest_inside = ["python3", "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = bed.run(
        [*pytest_inside, f"{INSIDE}/tests/contract"],
        user=USER,
        # Bullseye's pytest does not support the setting `pythonpath`.
        env={
            "ARC_OAR_CONTRACT": "real",
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": f"{INSIDE}:{INSIDE}/testbed:{INSIDE}/tests",
        },
        check=False,
        timeout=500,
        cwd=INSIDE,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "skipped" not in done.stdout
