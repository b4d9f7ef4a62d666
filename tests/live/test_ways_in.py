"""Other configurations that must work: the example, and the backend's name in lower case."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bed import Bed
from bed.grid import Grid, shell

pytestmark = pytest.mark.live

HERE = Path(__file__).parent
CERTIFICATES = "/etc/grid-security"


@pytest.fixture
def reconfigured(bed: Bed, tmp_path: Path) -> Iterator[Bed]:
    """The testbed with arc.conf.example in lower case and with a scratch directory on the nodes."""
    text = (HERE.parent.parent / "arc.conf.example").read_text()
    text = text.replace("\nlrms = OAR\n", "\nlrms = oar\n")
    conf = tmp_path / "arc.conf"
    conf.write_text(text.replace("\n[arex]\n", "\n[arex]\nscratchdir = /tmp/scratch\n"))
    for name in ("hostcert.pem", "hostkey.pem"):
        bed.run(["ln", "-sf", f"testCA-{name}", f"{CERTIFICATES}/{name}"])
    bed.reconf(conf)
    yield bed
    bed.reconf(HERE / "arc.conf.in")


def test_example_in_lower_case_with_scratch(reconfigured: Bed) -> None:
    """A-REX 6 would refuse to start if the example had an option that it does not support."""
    job = Grid(reconfigured).submit(
        shell("pwd; echo kept >kept", extra='(outputfiles=("kept" ""))')
    )
    job.wait()
    assert job.failure() == "", job.diagnostics()
    assert job.local()["lrms"] == "oar"
    assert job.output("out.txt") == f"/tmp/scratch/{job.grid_id}\n"
    assert job.output("kept") == "kept\n"
    (held,) = job.oar_jobs()
    assert held["exit_code"] == 0
