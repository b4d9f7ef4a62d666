"""Submitting, killing and waiting of bench/load, on a target that ends one job per poll."""

from __future__ import annotations

from collections.abc import Sequence

import load_run
import pytest
from load_plan import Planned

PLAN = [Planned(0), Planned(None, 0), Planned(3), Planned(None, 2), Planned(0)]


class Slow:
    """Ends one job per poll, in order; refuses the first kill of each job."""

    def __init__(self) -> None:
        self.running: list[str] = []
        self.names: list[str] = []
        self.over: list[str] = []
        self.kills: list[tuple[str, int]] = []

    def submit(self, jobs: Sequence[Planned]) -> list[str]:
        names = [f"j{len(self.names) + number}" for number in range(len(jobs))]
        self.names += names
        self.running += [name for name, job in zip(names, jobs) if not job.killed]
        return names

    def kill(self, names: Sequence[str]) -> list[bool]:
        asked = {name for name, _ in self.kills}
        self.kills += [(name, len({"j0", "j2", "j4"} & set(self.over))) for name in names]
        self.over += [name for name in names if name in asked]
        return [name in asked for name in names]

    def ended(self) -> set[str]:
        if self.running:
            self.over.append(self.running.pop(0))
        return {"of another run", *self.over}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_run, "_POLL", 0)


def test_kills_come_at_their_moment_and_are_repeated_if_refused() -> None:
    target = Slow()
    course = load_run.run(target, PLAN)
    assert course.names == ["j0", "j1", "j2", "j3", "j4"]
    assert set(target.over) == set(course.names)
    assert sorted(name for name, _ in target.kills) == ["j1", "j1", "j3", "j3"]
    assert all(over >= 2 for name, over in target.kills if name == "j3")


def test_number_of_jobs_in_flight_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_run, "_BLOCK", 3)
    monkeypatch.setattr(load_run, "_MOST_IN_FLIGHT", 7)
    target = Slow()
    most = []
    submit = target.submit

    def watched(jobs: Sequence[Planned]) -> list[str]:
        names = submit(jobs)
        most.append(len(target.running))
        return names

    monkeypatch.setattr(target, "submit", watched)
    assert load_run.run(target, [Planned(0)] * 20).names == [f"j{n}" for n in range(20)]
    assert len(most) == 7
    assert max(most) <= 7


def test_job_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_run, "_TIMEOUT", 0)
    course = load_run.run(Slow(), [Planned(None, 9)])
    assert course.names == ["j0"]
