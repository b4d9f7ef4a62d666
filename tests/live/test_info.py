"""A-REX's provider, its GLUE2 document, arcinfo and REST, compared with numbers counted in OAR.

There is one test in several steps, because each step needs the state that the previous one left:
OAR idle, full of best-effort jobs, half full with one node absent, overfull with an inactive queue,
and unavailable.
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
RUNNING = ("toLaunch", "Launching", "Running", "Finishing")
REST = """
import ssl, urllib.request
context = ssl._create_unverified_context()
context.load_cert_chain("/tmp/x509up_u1000")
url = "https://localhost:8443/arex/rest/1.0/info"
request = urllib.request.Request(url, headers={"Accept": "text/xml"})
print(urllib.request.urlopen(request, context=context).read().decode())
"""


class Document:
    """A GLUE2 document, as the provider prints it and as clients get it."""

    def __init__(self, text: str) -> None:
        self._root = ElementTree.fromstring(text)

    def manager(self, name: str) -> str:
        return self._find("ComputingManager")[0][name]

    def share(self, queue: str) -> dict[str, str]:
        (found,) = (row for row in self._find("ComputingShare") if row["MappingQueue"] == queue)
        return found

    def memory(self) -> set[str]:
        """MainMemorySize of all ExecutionEnvironments, in MB."""
        return {row["MainMemorySize"] for row in self._find("ExecutionEnvironment")}

    def _find(self, kind: str) -> list[dict[str, str]]:
        return [
            {_name(child): (child.text or "").strip() for child in element}
            for element in self._root.iter()
            if _name(element) == kind and len(element)
        ]


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def provider(grid: Grid) -> tuple[int, str, str]:
    """Run the provider as A-REX does; return its exit status, document and log."""
    before = len(grid.read(LOG))
    arguments = ["--splitjobs", "--config", "/run/arched-arex.cfg"]
    done = grid.bed.run(["/usr/share/arc/CEinfo.pl", *arguments], check=False)
    return done.returncode, done.stdout, grid.read(LOG)[before:]


def document(grid: Grid) -> Document:
    """Return the provider's document; LRMSInfo.pm's own check must report no error in it."""
    code, text, log = provider(grid)
    assert code == 0, log
    assert "return value lrmsinfo" not in log
    assert "[OARmod]" not in log
    return Document(text)


def info_of(grid: Grid) -> dict[str, Any]:
    """Return the output of `info --json` for all queues."""
    info: dict[str, Any] = json.loads(grid.root("python3", "-m", "arc_lrms_oar", "info", "--json"))
    return info


def jobs_of_oar(grid: Grid) -> list[dict[str, Any]]:
    """Return the active jobs as OAR lists them."""
    listed = grid.root("oarstat", "--format", "2", "-J")
    return list(json.loads(listed).values()) if listed.strip() else []


def oar(grid: Grid) -> tuple[int, int, int]:
    """Return OAR's own numbers: resources that are alive, resources in use, waiting jobs."""
    rows = json.loads(grid.root("oarnodes", "-J")).values()
    alive = sum(row["state"] == "Alive" for row in rows)
    jobs = jobs_of_oar(grid)
    used = {rid for job in jobs if job["state"] == "Running" for rid in job["assigned_resources"]}
    return alive, len(used), sum(job["state"] == "Waiting" for job in jobs)


def counted(grid: Grid, queue: str) -> dict[str, int]:
    """Count the numbers of a share in OAR's list of jobs.

    Grid jobs run a script in .arc_oar, local jobs do not.
    """
    jobs = [job for job in jobs_of_oar(grid) if job["queue"] == queue]
    running = [job for job in jobs if job["state"] in RUNNING]
    waiting = [job for job in jobs if job["state"] == "Waiting"]
    ours = [job for job in running if ".arc_oar" in job["command"]]
    return {
        "RunningJobs": len(running),
        "LocalRunningJobs": len(running) - len(ours),
        "WaitingJobs": len(waiting),
        "LocalWaitingJobs": sum(".arc_oar" not in job["command"] for job in waiting),
        "UsedSlots": sum(len(job["assigned_resources"]) for job in ours),
    }


def check(grid: Grid, total: int, used: int, waiting: int) -> Document:
    """Check these numbers of slots and waiting jobs in OAR, `info` and the provider's document.

    Returns the document.
    """
    assert oar(grid) == (total, used, waiting)
    cluster = info_of(grid)["cluster"]
    numbers = [cluster[key] for key in ("totalcpus", "usedcpus", "queuedjobs")]
    assert numbers == [total, used, waiting]
    found = document(grid)
    assert found.manager("TotalSlots") == str(total)
    local, own = (int(found.manager(f"SlotsUsedBy{who}Jobs")) for who in ("Local", "Grid"))
    assert local + own == used
    share = found.share("default")
    assert share["FreeSlots"] == str(total - used)
    by_hand = counted(grid, "default")
    assert {name: int(share.get(name, 0)) for name in by_hand} == by_hand
    # ARC publishes this placeholder for the queue ghost, which has no nodes.
    assert found.memory() - {"999999999"} == {"4096"}
    return found


def until(what: Callable[[], bool], why: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, why
        time.sleep(2)


@pytest.fixture
def site(grid: Grid, bed: Bed) -> Iterator[Grid]:
    """The grid, with no jobs in OAR; everything that the test changes is restored afterwards."""
    until(lambda: oar(grid)[1:] == (0, 0), "OAR is not idle")
    yield grid
    bed.service("postgres", "start")
    bed.service("oar", "start")
    grid.root("oarnodesetting", "-s", "Alive", "-h", NODE)
    grid.root("oarnotify", "-e", "long")
    listed = grid.root("oarstat", "--format", "2", "-J")
    if listed.strip():
        grid.bed.run(["oardel", *json.loads(listed)], check=False)


def local_job(grid: Grid, cores: int, *options: str) -> int:
    """Start a job that does not come from A-REX, and return its job ID once it runs."""
    output = grid.user("oarsub", *options, "-l", f"/core={cores},walltime=0:20:0", "sleep 600")
    job_id = int(output.partition("OAR_JOB_ID=")[2].split()[0])
    argv = ["oarstat", "-s", "-J", "-j", str(job_id)]
    until(lambda: json.loads(grid.root(*argv)) == {str(job_id): "Running"}, "does not run")
    return job_id


def test_numbers_equal_a_count_by_hand(site: Grid, bed: Bed) -> None:
    idle = check(site, 8, 0, 0)
    assert (idle.manager("ProductName"), idle.manager("LogicalCPUDistribution")) == ("oar", "2:4")
    assert idle.share("ghost")["FreeSlots"] == "0"
    assert idle.share("long")["MaxWallTime"] == "360000"
    long = info_of(site)["queues"]["long"]
    assert (long["maxwalltime"], long["acl_users"]) == (360000, ["griduser", "root"])
    _full_of_best_effort_jobs(site)

    local_job(site, 3)
    (running,) = site.submit_all([(shell("sleep 600", extra="(count=1)"), {})])
    running.wait_running()
    half = check(site, 8, 4, 0)
    assert half.manager("SlotsUsedByLocalJobs") == "3"
    assert half.manager("SlotsUsedByGridJobs") == "1"

    site.root("oarnodesetting", "-s", "Absent", "-h", NODE)
    until(lambda: oar(site)[0] == 6, "OAR's node is not absent")
    check(site, 6, 4, 0)
    assert info_of(site)["nodes"][NODE]["isavailable"] == 0

    waiting = site.submit(shell("true", extra="(count=5)"))
    waiting.wait("INLRMS")
    until(lambda: oar(site)[2] == 1, "not waiting")
    site.root("oarnotify", "-d", "long")
    over = check(site, 6, 4, 1)
    assert over.share("long")["FreeSlots"] == "0"
    assert info_of(site)["queues"]["long"]["status"] == -1
    _as_the_client_sees_it(site, waiting)
    _with_oar_away(site, bed)


def _full_of_best_effort_jobs(grid: Grid) -> None:
    """Check that best-effort jobs leave their slots free in the queue default.

    OAR stops best-effort jobs to start jobs of that queue.
    """
    job_id = local_job(grid, 8, "-t", "besteffort")
    found = document(grid)
    assert found.manager("SlotsUsedByLocalJobs") == "8"
    assert found.share("default")["FreeSlots"] == "8"
    grid.root("oardel", str(job_id))
    until(lambda: oar(grid)[1:] == (0, 0), "the best-effort job does not end")


def _as_the_client_sees_it(grid: Grid, waiting: Job) -> None:
    """A-REX runs its provider once a minute."""

    def served() -> bool:
        found = Document(grid.user("python3", "-c", REST))
        return found.manager("TotalSlots") == "6" and found.share("default")["WaitingJobs"] == "1"

    until(served, "REST does not publish 6 slots and a waiting job", 150)
    where = ["-C", "https://localhost:8443/arex"]
    if grid.bed.suite.client_names_interface:
        where = ["-c", "https://localhost:8443/arex", "-I", "org.nordugrid.arcrest"]
    output = grid.user("arcinfo", "-l", *where)
    assert "Total slots: 6\n" in output
    assert "Resource manager: oar (" in output
    argv = ["python3", "-m", "arc_lrms_oar", "info", "--json", "--options", "-"]
    asked = json.dumps({"jobs": [waiting.oar_id()], "queues": {}})
    (job,) = json.loads(grid.root(*argv, input=asked))["jobs"].values()
    assert (job["status"], job["cpus"], job["rank"]) == ("Q", 5, 1)
    assert job["reqwalltime"] == 300
    assert job["comment"][0].startswith("R=5,W=0:5:0,")
    assert job["comment"][1].startswith("OAR expects it to start at ")


def _with_oar_away(grid: Grid, bed: Bed) -> None:
    """The provider logs one line and fails, and A-REX keeps the last document."""
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
