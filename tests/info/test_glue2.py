"""The numbers that A-REX makes of the result in GLUE2, against a count by hand from OAR's jobs."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any, NamedTuple

import pytest
from support.oar_site import Site
from support.published import published

# Jobs that occupy their slots.
RUNNING = ("toLaunch", "Launching", "Running", "Resuming", "Finishing")
WAITING = ("Waiting", "toAckReservation")
# oarstat does not list jobs in the state toError.
HALTED = ("Hold", "Suspended")
SLOTS = 64


class Share(NamedTuple):
    """A ComputingShare of GLUE2, as far as it counts."""

    running: int
    local_running: int
    waiting: int
    local_waiting: int
    suspended: int
    local_suspended: int
    used_slots: int
    free_slots: int


def share(info: dict[str, Any], queue: str, grid: dict[str, int], arc: int = 7) -> Share:
    """The share of an ARC queue; `grid` has the slots of its grid jobs by OAR job ID.

    Source: ARC 6.17 and 7.0 `infoproviders/ARC1ClusterInfo.pm`, `getComputingShares`. ARC 6 counts
    the statuses E and O as Q.
    """
    statuses = Counter(info["jobs"][job_id]["status"] for job_id in grid)
    if arc == 6:
        statuses["Q"] += statuses["E"] + statuses["O"]
    row = info["queues"][queue]
    local = {
        name: max(0, row[key] - statuses[status])
        for name, key, status in [
            *(("R", "running", "R"), ("Q", "queued", "Q"), ("S", "suspended", "S")),
        ]
    }
    used = sum(slots for job_id, slots in grid.items() if info["jobs"][job_id]["status"] == "R")
    return Share(
        local["R"] + statuses["R"],
        local["R"],
        local["Q"] + statuses["Q"],
        local["Q"],
        local["S"] + statuses["S"],
        local["S"],
        used,
        row["freeslots"],
    )


class Mixture:
    """Random jobs in all states: of two ARC queues on one OAR queue, of a third, and local ones."""

    def __init__(self, site: Site, seed: int) -> None:
        self.site = site
        self.random = random.Random(seed)
        self.grid: dict[str, dict[str, int]] = {"default": {}, "other": {}, "admin": {}}
        self.rows: list[tuple[str, str, str, int]] = []
        self.next_slot = 1
        for number in range(24):
            self._add(number)

    def _add(self, number: int) -> None:
        state = self.random.choice([*RUNNING, *WAITING, *HALTED])
        # "" is a local job.
        arc_queue = self.random.choice(["default", "other", "admin", ""])
        oar_queue = "default" if arc_queue in ("default", "other") else "admin"
        if not arc_queue:
            oar_queue = self.random.choice(["default", "admin"])
        slots = self.random.choice([1, 2])
        columns: dict[str, Any] = {"message": f"R={slots},W=0:30:0,J=B"}
        if state in RUNNING or state == "Suspended":
            columns["resources"] = list(range(self.next_slot, self.next_slot + slots))
            columns["assigned_moldable_job"] = number + 1
            self.next_slot += slots
        (job_id,) = self.site.oar.add_jobs(1, queue_name=oar_queue, **columns)
        self.site.oar.update(job_id, state=state)
        if arc_queue:
            files = self.site.ce.in_lrms(f"{number:030d}", job_id)
            text = files.file("local").read_text()
            files.file("local").write_text(text.replace("queue=default", f"queue={arc_queue}"))
            self.grid[arc_queue][str(job_id)] = slots
        self.rows.append((state, arc_queue, oar_queue, slots))

    def counted(self, arc_queue: str, oar_queue: str, with_local: bool = True) -> Share:
        """The share by hand: the jobs of the ARC queue, and the local ones of its OAR queue."""
        grid = Counter(state for state, queue, _, _ in self.rows if queue == arc_queue)
        local = Counter(
            state
            for state, queue, where, _ in self.rows
            if not queue and where == oar_queue and with_local
        )

        def number(counter: Counter[str], states: tuple[str, ...]) -> int:
            return sum(counter[state] for state in states)

        occupied = sum(slots for state, _, _, slots in self.rows if state in RUNNING)
        used = sum(
            slots for state, queue, _, slots in self.rows if queue == arc_queue and state in RUNNING
        )
        return Share(
            number(grid + local, RUNNING),
            number(local, RUNNING),
            number(grid + local, WAITING),
            number(local, WAITING),
            number(grid + local, HALTED),
            number(local, HALTED),
            used,
            SLOTS - occupied,
        )


@pytest.mark.parametrize("arc", [6, 7])
@pytest.mark.parametrize("seed", range(4))
def test_numbers_of_any_mixture_of_states(site: Site, seed: int, arc: int) -> None:
    site.configure("", **{"custom:oar/other": "oar_queue=default\nlocal_jobs=no"})
    site.oar.set_nodes([{"network_address": f"n{n}", "cores": 8} for n in range(SLOTS // 8)])
    mixture = Mixture(site, seed)
    ids = [job_id for jobs in mixture.grid.values() for job_id in jobs]
    info = published(site, *ids, default=[], other=[], admin=[])
    for arc_queue, oar_queue in [("default", "default"), ("other", "default"), ("admin", "admin")]:
        found = share(info, arc_queue, mixture.grid[arc_queue], arc)
        assert found == mixture.counted(arc_queue, oar_queue, arc_queue != "other"), arc_queue


def test_grid_job_in_the_oar_queue_of_another_arc_queue(site: Site) -> None:
    """A runtime environment or an identity rule may choose the OAR queue."""
    site.running(queue_name="admin")
    site.oar.add_jobs(2)
    info = published(site, 1, default=[], admin=[])
    assert share(info, "default", {"1": 1})[:2] == (3, 2)
    assert share(info, "admin", {})[:2] == (0, 0)


def test_unreadable_local_file_counts_in_the_first_queue_with_the_oar_queue(site: Site) -> None:
    site.running(queue_name="admin").file("local").unlink()
    info = published(site, 1, default=[], admin=[])
    assert share(info, "admin", {"1": 1})[:2] == (1, 0)
    assert share(info, "default", {})[:2] == (0, 0)
