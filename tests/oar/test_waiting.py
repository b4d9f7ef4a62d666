"""Why a job waits: every reason, with messages recorded on OAR 2.5.9 and 3.0.2."""

from __future__ import annotations

import pytest

from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.waiting import SiteState, WaitReason, why_waiting

SUBMITTED = "R=1,W=0:5:0,J=B"
SCHEDULED = "R=1,W=0:5:0,J=B (Karma=0.000,quota_ok)"
NO_SLOT = "No enough matching resources (no_matching_slot)"
QUOTA = (
    "No enough matching resources (quota_exceeded:"
    "Gantt_quotas->{*}->{*}->{*}->{griduser}=[4,1,0.33]>[%s,-1,-1])"
)
ALL = SiteState(8, 8)
NODES_DOWN = SiteState(8, 2)
NONE_ALIVE = SiteState(8, 0)
SERVER = SiteState(8, 8, (), "localhost port 6666 does not answer: Connection refused")
INACTIVE = SiteState(8, 8, {"default"})


def reason(
    message: str, cores: int | None, site: SiteState, start: int | None = None
) -> WaitReason:
    record = JobRecord(7, "Waiting", queue="default", message=message, scheduled_start=start)
    found = why_waiting(record, cores, site)
    assert found is not None
    return found


REASONS: list[tuple[str, int | None, SiteState, int | None, str, bool]] = [
    (SUBMITTED, 1, ALL, None, "OAR has not scheduled it yet", False),
    ("", 1, ALL, None, "OAR has not scheduled it yet", False),
    (SCHEDULED, 1, ALL, None, "OAR has scheduled it for later", False),
    (SCHEDULED, 1, ALL, 1893456000, "OAR expects it to start at 2030-01-01T00:00:00Z", False),
    ("R=1,W=360,J=P,Q=default", 1, ALL, 1893456000, "OAR expects it to start at 2030-", False),
    (SUBMITTED, 1, SERVER, None, "OAR's server is not running: localhost port 6666 does", True),
    (SCHEDULED, 1, SERVER, 1893456000, "OAR's server is not running: ", True),
    (SUBMITTED, 1, INACTIVE, None, "OAR's queue default is not active", True),
    ("", 1, INACTIVE, None, "OAR's queue default is not active", True),
    (SUBMITTED, 1, NONE_ALIVE, None, "none of OAR's 8 cores is Alive", True),
    (NO_SLOT, 8, NODES_DOWN, None, "it requests 8 cores, and 2 of OAR's 8 are Alive", True),
    (SUBMITTED, 8, NODES_DOWN, None, "it requests 8 cores, and 2 of OAR's 8 are Alive", True),
    (NO_SLOT, 64, ALL, None, "it requests 64 cores, and OAR has 8", True),
    (NO_SLOT, 2, ALL, None, "OAR finds no matching resources among 8 Alive cores", True),
    (NO_SLOT, None, SiteState(), None, "OAR finds no matching resources", True),
    (
        "Cannot determine scheduling time due to dependency with the job 4",
        1,
        ALL,
        None,
        "it depends on job 4, which has no start time",
        False,
    ),
    (
        "Inner job: container 2 is yet to scheduled, inner job not scheduled",
        1,
        ALL,
        None,
        "its container job 2 is not scheduled",
        False,
    ),
    ("Container 2 does not exist", 1, ALL, None, "its container job 2 is not scheduled", False),
    ("No enough Token: lic (1 < 2)", 1, ALL, None, "it needs a token that is not avail", False),
    (
        QUOTA % 1,
        4,
        ALL,
        None,
        "it would exceed OAR's quota for user griduser: 4 resources, limit 1",
        True,
    ),
    (QUOTA % 3, 1, ALL, None, "it would exceed OAR's quota for user griduser: 4 res", False),
    ("Renewed resources for reservation", 1, ALL, None, "OAR's message is: Renewed", False),
]


@pytest.mark.parametrize(("message", "cores", "site", "start", "text", "problem"), REASONS)
def test_reason(
    message: str, cores: int | None, site: SiteState, start: int | None, text: str, problem: bool
) -> None:
    found = reason(message, cores, site, start)
    assert found.reason.startswith(text)
    assert found.problem == problem
    assert found.advice


def test_advice_has_the_numbers() -> None:
    assert reason(NO_SLOT, 64, ALL).advice == (
        "The job can never start. Cancel it; at most 8 cores can be requested."
    )
    assert reason(QUOTA % 1, 4, ALL).advice.startswith(
        "The job can never start: it requests 4 cores, and the quota is 1. "
    )
    assert reason(SUBMITTED, 1, INACTIVE).advice == (
        "Run `oarnotify -e default` (OAR 3: `oarqueue -e default`)."
    )


def test_reservation() -> None:
    found = why_waiting(JobRecord(7, "toAckReservation"), 1, ALL)
    assert found is not None
    assert found.reason == "OAR has not confirmed its reservation yet"


@pytest.mark.parametrize("state", ["Running", "Hold", "toLaunch", "Error", "Teleporting"])
def test_job_that_does_not_wait(state: str) -> None:
    assert why_waiting(JobRecord(7, state, message=NO_SLOT), 64, SERVER) is None
