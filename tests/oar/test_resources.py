"""What OAR has to give: queues, and OAR 3's resources of jobs. Resources are in test_answers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from oar.recorded import calls
from oar.replay import Answer, Replay, always

from arc_lrms_oar.errors import OarAnswerError, OarUnavailable
from arc_lrms_oar.oar import resources
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.resources import Queue
from arc_lrms_oar.oar.transport import CommandFailed

FAIR = "oar_sched_gantt_with_timesharing_and_fairsharing_and_quotas"


@pytest.mark.parametrize("asks", ["oarnotify -l", "oarqueue"])
def test_the_queues_of_the_recordings(asks: str) -> None:
    recorded = [call for call in calls() if call.command == asks and call.code == 0]
    seen = set()
    for call in recorded:
        policy = FAIR if asks.startswith("oarnotify") else "kamelot"
        active = "notActive" not in call.stdout
        seen.add(active)
        assert {n: q for n, q in resources.queues(call.stdout).items() if n != "long"} == {
            name: Queue(name, active, policy) for name in ("default", "admin", "besteffort")
        }
    assert True in seen


def test_queues_that_are_not_active_or_not_whole() -> None:
    said = "a\n\tpriority = 2\n\tscheduler = x\n\tstate = notActive\nb\nstate = Active\nc\n"
    assert resources.queues(said) == {"a": Queue("a", False, "x"), "b": Queue("b", True, "")}
    assert resources.queues("") == {}


@pytest.mark.parametrize("code", [None, 126, 8])
def test_queues_that_the_caller_may_not_list(code: int | None) -> None:
    def refuse(argv: Sequence[str]) -> Answer:
        raise CommandFailed("cannot be run: Permission denied", argv, code, "", "")

    assert OarClient(Replay(refuse), "2").queues() is None


@pytest.mark.parametrize("code", [1, 2, 25])
def test_queues_that_oar_does_not_tell(code: int) -> None:
    with pytest.raises(OarUnavailable):
        OarClient(always(code), "2").queues()


def test_the_resources_of_jobs_of_oar_3() -> None:
    recorded = [call for call in calls() if call.command.startswith("oarstat -p -J ")]
    ids = {
        key: value for call in recorded for key, value in resources.assigned(call.stdout).items()
    }
    assert all(own.resources and own.nodes for own in ids.values())
    said = '{"7": [{"id": 3}, {"id": 4}, null], "x": [], "8": 1}'
    assert resources.assigned(said) == {7: resources.Assigned((3, 4))}
    with pytest.raises(OarAnswerError):
        resources.assigned("no")


def test_only_started_jobs_are_asked_for_their_resources() -> None:
    transport = always(0, '{"7": [{"id": 3}]}')
    records = [JobRecord(7, "Running"), JobRecord(8, "Waiting"), JobRecord(9, "Running")]
    client = OarClient(transport, "3")
    found = client.with_resources(records)
    assert transport.asked == [["oarstat", "-p", "-J", "-j", "7", "-j", "9"]]
    assert [(record.resources, record.cores) for record in found] == [
        ((3,), 1),
        ((), None),
        ((), None),
    ]
    assert client.with_resources(records[1:2]) == records[1:2]
    assert OarClient(transport, "2").with_resources(records) == records
    assert len(transport.asked) == 1
