"""What the grid sees of OAR: A-REX's provider, its document, arcinfo and REST, beside OAR's own.

One story on one bed, since each step changes what the next one sees: idle, half full with a node
less, overfull with a queue closed, and OAR away.
"""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from bed import Bed
from bed.grid import Grid, Job, shell

pytestmark = pytest.mark.live

LOG = "/var/log/arc/infoprovider.log"
DOCUMENT = "/var/spool/arc/jobstatus/info.xml"
NODE = "127.0.0.4"
REST = """
import ssl, urllib.request
context = ssl._create_unverified_context()
context.load_cert_chain("/tmp/x509up_u1000")
url = "https://localhost:8443/arex/rest/1.0/info"
request = urllib.request.Request(url, headers={"Accept": "text/xml"})
print(urllib.request.urlopen(request, context=context).read().decode())
"""


class Seen:
    """A document of GLUE2, as the provider prints it and as clients get it."""

    def __init__(self, text: str) -> None:
        self._root = ElementTree.fromstring(text)

    def manager(self, name: str) -> str:
        return self._find("ComputingManager")[0][name]

    def share(self, queue: str) -> dict[str, str]:
        (found,) = (row for row in self._find("ComputingShare") if row["MappingQueue"] == queue)
        return found

    def _find(self, kind: str) -> list[dict[str, str]]:
        return [
            {_name(child): (child.text or "").strip() for child in element}
            for element in self._root.iter()
            if _name(element) == kind and len(element)
        ]


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def provider(grid: Grid) -> tuple[int, str, str]:
    """Runs the provider as A-REX does: its exit code, its document, what it wrote to its log."""
    before = len(grid.read(LOG))
    arguments = ["--splitjobs", "--config", "/run/arched-arex.cfg"]
    done = grid.bed.run(["/usr/share/arc/CEinfo.pl", *arguments], check=False)
    return done.returncode, done.stdout, grid.read(LOG)[before:]


def seen(grid: Grid) -> Seen:
    """What the provider publishes, which LRMSInfo.pm's own checker found nothing wrong with."""
    code, document, log = provider(grid)
    assert code == 0, log
    assert "return value lrmsinfo" not in log
    assert "[OARmod]" not in log
    return Seen(document)


def told(grid: Grid) -> dict[str, Any]:
    """What `info --json` says of all queues."""
    info: dict[str, Any] = json.loads(grid.root("python3", "-m", "arc_lrms_oar", "info", "--json"))
    return info


def oar(grid: Grid) -> tuple[int, int, int]:
    """OAR's own numbers: resources that are alive, resources that are in use, jobs that wait."""
    rows = json.loads(grid.root("oarnodes", "-J")).values()
    alive = sum(row["state"] == "Alive" for row in rows)
    listed = grid.root("oarstat", "--format", "2", "-J")
    jobs = json.loads(listed).values() if listed.strip() else []
    used = {rid for job in jobs if job["state"] == "Running" for rid in job["assigned_resources"]}
    return alive, len(used), sum(job["state"] == "Waiting" for job in jobs)


def check(grid: Grid, total: int, used: int, waiting: int) -> Seen:
    """OAR, `info` and the provider's document all tell of so many slots and waiting jobs."""
    assert oar(grid) == (total, used, waiting)
    cluster = told(grid)["cluster"]
    numbers = [cluster[key] for key in ("totalcpus", "usedcpus", "queuedjobs")]
    assert numbers == [total, used, waiting]
    found = seen(grid)
    assert found.manager("TotalSlots") == str(total)
    local, own = (int(found.manager(f"SlotsUsedBy{who}Jobs")) for who in ("Local", "Grid"))
    assert local + own == used
    assert found.share("default")["FreeSlots"] == str(total - used)
    assert int(found.share("default")["WaitingJobs"]) == waiting
    return found


def until(what: Callable[[], bool], why: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(1)


@pytest.fixture
def site(grid: Grid, bed: Bed) -> Iterator[Grid]:
    """The grid with an OAR that has no jobs; all that a test changes is put back."""
    until(lambda: oar(grid)[1:] == (0, 0), "OAR is not idle")
    yield grid
    bed.service("postgres", "start")
    bed.service("oar", "start")
    grid.root("oarnodesetting", "-s", "Alive", "-h", NODE)
    grid.root("oarnotify", "-e", "long")
    listed = grid.root("oarstat", "--format", "2", "-J")
    if listed.strip():
        grid.bed.run(["oardel", *json.loads(listed)], check=False)


def local_job(grid: Grid, cores: int) -> int:
    """A job of somebody who does not come from the grid, running."""
    said = grid.user("oarsub", "-l", f"/core={cores},walltime=0:20:0", "sleep 600")
    number = int(said.partition("OAR_JOB_ID=")[2].split()[0])
    argv = ["oarstat", "-s", "-J", "-j", str(number)]
    until(lambda: json.loads(grid.root(*argv)) == {str(number): "Running"}, "does not run")
    return number


def test_numbers_are_oars_own(site: Grid, bed: Bed) -> None:
    idle = check(site, 8, 0, 0)
    assert (idle.manager("ProductName"), idle.manager("LogicalCPUDistribution")) == ("oar", "2:4")
    assert idle.share("ghost")["FreeSlots"] == "0"
    assert idle.share("long")["MaxWallTime"] == "360000"
    long = told(site)["queues"]["long"]
    assert (long["maxwalltime"], long["acl_users"]) == (360000, ["griduser", "root"])

    local_job(site, 3)
    (running,) = site.submit_all([(shell("sleep 600", extra="(count=1)"), {})])
    running.wait_running()
    half = check(site, 8, 4, 0)
    assert half.manager("SlotsUsedByLocalJobs") == "3"
    assert half.manager("SlotsUsedByGridJobs") == "1"

    site.root("oarnodesetting", "-s", "Absent", "-h", NODE)
    until(lambda: oar(site)[0] == 6, "OAR's node is not absent")
    check(site, 6, 4, 0)
    assert told(site)["nodes"][NODE]["isavailable"] == 0

    waiting = site.submit(shell("true", extra="(count=5)"))
    waiting.wait("INLRMS")
    until(lambda: oar(site)[2] == 1, "not waiting")
    site.root("oarnotify", "-d", "long")
    over = check(site, 6, 4, 1)
    assert over.share("long")["FreeSlots"] == "0"
    assert told(site)["queues"]["long"]["status"] == -1
    _as_the_client_sees_it(site, waiting)
    _with_oar_away(site, bed)


def _as_the_client_sees_it(grid: Grid, waiting: Job) -> None:
    """A-REX runs its provider once a minute."""

    def served() -> bool:
        found = Seen(grid.user("python3", "-c", REST))
        return found.manager("TotalSlots") == "6" and found.share("default")["WaitingJobs"] == "1"

    until(served, "REST does not tell of 6 slots and a waiting job", 150)
    where = ["-C", "https://localhost:8443/arex"]
    if grid.bed.suite.client_names_interface:
        where = ["-c", "https://localhost:8443/arex", "-I", "org.nordugrid.arcrest"]
    said = grid.user("arcinfo", "-l", *where)
    assert "Total slots: 6\n" in said
    assert "Resource manager: oar (" in said
    argv = ["python3", "-m", "arc_lrms_oar", "info", "--json", "--options", "-"]
    asked = json.dumps({"jobs": [waiting.oar_id()], "queues": {}})
    (job,) = json.loads(grid.root(*argv, input=asked))["jobs"].values()
    assert (job["status"], job["cpus"], job["rank"]) == ("Q", 5, 1)
    assert job["reqwalltime"] == 300
    assert job["comment"][0].startswith("R=5,W=0:5:0,")
    assert job["comment"][1].startswith("OAR expects it to start at ")


def _with_oar_away(grid: Grid, bed: Bed) -> None:
    """The provider says so in one line and fails, and A-REX keeps the last good document."""
    bed.service("oar", "stop")
    bed.service("postgres", "stop")
    before = grid.read(DOCUMENT)
    code, document, log = provider(grid)
    assert (code, document) == (2, "")
    (line,) = [line for line in log.splitlines() if "[OARmod]" in line]
    assert "[FATAL]" in line
    assert "OAR is unavailable, nothing new is published: oarnodes: exit code 25:" in line
    failed = "Resource information provider failed with exit status: 2"
    until(lambda: failed in grid.read("/var/log/arc/arex.log"), "A-REX has not noticed", 150)
    assert grid.read(DOCUMENT) == before
