"""Start the testbed for the live tests, or skip them with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bed import Bed
from bed.grid import Grid
from bed.suites import suite_named

HERE = Path(__file__).parent
SUITE = os.environ.get("ARC_OAR_TESTBED_SUITE", "bookworm")
# Each process of pytest-xdist has a testbed of its own.
LABEL = "-" + os.environ["PYTEST_XDIST_WORKER"] if "PYTEST_XDIST_WORKER" in os.environ else ""
ARC_6 = suite_named(SUITE).python_backends
collect_ignore = ["test_upgrade_arc.py"] if ARC_6 else ["test_slurmpy.py"]
RTES = {
    "TEST/OPTIONS": 'if [ "$1" = 1 ]; then export RTE_SAYS="$2+$3+$PARAM"; fi\n',
    "TEST/LATER": 'if [ "$1" = 0 ]; then joboption_starttime=20370101000000Z; fi\n',
    "TEST/COUNT": 'if [ "$1" = 0 ]; then joboption_count=3; fi\n',
    "TEST/LINES": (
        'if [ "$1" = 0 ]; then\n'
        "joboption_env_0=$'LINES=first\\nsecond\\n\\nlast'\n"
        "joboption_arg_3=$'first\\nsecond\\n\\nlast'\n"
        "fi\n"
    ),
    "TEST/SCRATCH": 'if [ "$1" = 0 ]; then RUNTIME_LOCAL_SCRATCH_DIR=/tmp/scratch; fi\n',
}


@pytest.fixture(scope="session")
def bed() -> Bed:
    """The testbed of the suite in $ARC_OAR_TESTBED_SUITE, running with the tests' arc.conf."""
    bed = Bed(SUITE, label=LABEL)
    reason = bed.reason_unavailable()
    if reason and os.environ.get("CI"):
        pytest.fail(f"in CI the testbed must run: {reason}")
    if reason:
        pytest.skip(reason)
    bed.up(conf=HERE / "arc.conf.in")
    rte = "/var/spool/arc/jobstatus/rte"
    bed.run(["mkdir", "-p", f"{rte}/enabled/TEST", f"{rte}/params/TEST"])
    for name, text in RTES.items():
        bed.run(["tee", f"{rte}/enabled/{name}"], input=text)
    bed.run(["tee", f"{rte}/params/TEST/OPTIONS"], input="PARAM='from the admin'\n")
    bed.run(["chmod", "-R", "a+rX", rte])
    return bed


@pytest.fixture(scope="session")
def grid(bed: Bed) -> Grid:
    return Grid(bed)
