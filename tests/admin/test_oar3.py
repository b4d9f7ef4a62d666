"""The commands of administrators with OAR 3: its recorded output, and the stand-in's dialect."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from oar.recorded import calls
from oar.replay import Answer, Replay
from prometheus_client.parser import text_string_to_metric_families
from standin import Standin
from support.accounting import Accounting
from support.ce import GRID_ID, Ce
from support.oar_site import Site, oar_name
from support.scan_jobs import finished

from arc_lrms_oar.admin import doctor, drain
from arc_lrms_oar.admin.bulk import Request, act
from arc_lrms_oar.admin.ended_jobs import read_history
from arc_lrms_oar.admin.explain import explain
from arc_lrms_oar.admin.job_overview import OverviewReader
from arc_lrms_oar.admin.job_row import JobRow
from arc_lrms_oar.admin.job_selection import Selection, selection
from arc_lrms_oar.errors import OarLrmsError, OarRefused
from arc_lrms_oar.info.provider import lrms_info
from arc_lrms_oar.oar.client import OarClient

NOW = time.time()


@pytest.fixture
def site(place: Path) -> Iterator[Site]:
    with Standin.create(place / "oar", "3.0.2") as oar:
        yield Site(Ce(place), oar)


def recorded(scenario: str, step: str, version: str = "3.0.2", **replaced: str) -> OarClient:
    """A client of an OAR 3 that answers as in one step of a recording, with some texts replaced."""

    def answer(argv: Sequence[str]) -> Answer:
        for call in calls():
            same = (call.version, call.scenario, call.command) == (
                version,
                scenario,
                " ".join(argv),
            )
            if same and call.step.startswith(step):
                stdout = call.stdout
                for old, new in replaced.items():
                    stdout = stdout.replace(json.dumps(old), json.dumps(new))
                return call.code, stdout, call.stderr
        return 0, "{}", ""

    return OarClient(Replay(answer), "3")


def row_of(site: Site, client: OarClient, job_id: int) -> JobRow:
    site.ce.in_lrms(GRID_ID, job_id)
    (row,) = OverviewReader(site.settings(), client).read(NOW).rows
    return row


@pytest.mark.parametrize(
    ("scenario", "step", "job_id", "state"),
    [
        ("hold", "held.", 500008, "Hold"),
        ("waiting", "2-scheduled.", 500026, "Waiting"),
        ("walltime", "running.", 500002, "Running"),
        ("forced-Suspended", "forced.", 500060, "Suspended"),
    ],
)
def test_jobs_as_recorded(site: Site, scenario: str, step: str, job_id: int, state: str) -> None:
    row = row_of(site, recorded(scenario, step), job_id)
    assert (row.job_id, row.state, row.arex_state) == (job_id, state, "INLRMS")
    # That of the recording, in seconds.
    assert row.requested in (60, 300, 600)


def test_explain_of_a_held_job_as_recorded(site: Site) -> None:
    site.ce.in_lrms(GRID_ID, 500008)
    page = explain(site.settings(), recorded("hold", "held."), "500008")
    assert "\n  state        Hold\n" in page
    assert "\n  --name hold --hold -l /core=1,walltime=0:10:0 sleep 100\n" in page
    assert "Run `oarresume 500008` to release it." in page


@pytest.mark.parametrize(
    ("scenario", "job_id", "reason"),
    [("exit3", 500010, "exit_code"), ("walltime", 500002, "walltime")],
)
def test_reasons_of_report_as_recorded(site: Site, scenario: str, job_id: int, reason: str) -> None:
    """A-REX has removed the files of the jobs, so OAR's records have the reasons."""
    Accounting(site).add(GRID_ID, status="failed", code=1, local_id=str(job_id))
    client = recorded(scenario, "final.", **{scenario: oar_name(GRID_ID)})
    (row,) = read_history(site.settings(), client, NOW - 86400).jobs
    assert (row.grid_job_id, row.reason) == (GRID_ID, reason)
    other = recorded(scenario, "final.")
    (row,) = read_history(site.settings(), other, NOW - 86400).jobs
    assert row.reason == "unknown"


@pytest.mark.parametrize("name", ["hold", "resume"])
def test_refusal_as_recorded(name: str) -> None:
    client = recorded("odd", f"oar{name}-", "3.0.3dev")
    with pytest.raises(
        OarRefused, match=f"^oar{name}: .*Cannot {name} 99999999 : this job does not"
    ):
        (client.hold if name == "hold" else client.resume)([99999999])


def test_hold_and_resume(site: Site) -> None:
    for letter in "ab":
        site.running(letter * 12, state="Waiting")
    finished(site, "c" * 12)
    client = site.client()
    waiting = selection(states="Waiting")
    assert act(site.settings(), client, "hold", Request(waiting, confirmed=2)) == 0
    assert list(client.states([1, 2]).values()) == ["Hold", "Hold"]
    assert (
        act(site.settings(), client, "resume", Request(selection(states="Hold"), confirmed=2)) == 0
    )
    assert list(client.states([1, 2]).values()) == ["Waiting", "Waiting"]


def test_running_jobs_are_not_held(site: Site) -> None:
    """OAR 3 takes the request and never suspends the job (docs/internals/oar3.md#events)."""
    site.running(state="Running")
    request = Request(Selection(), everything=True, running=True, confirmed=1)
    with pytest.raises(OarLrmsError, match="hold --running: OAR 3 does not suspend running jobs"):
        act(site.settings(), site.client(), "hold", request)
    assert [call.argv for call in site.oar.calls() if call.command == "oarhold"] == []


def test_drain_shows_what_is_left(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    conf, now = str(site.ce.conf), int(NOW)
    # The walltime of the message includes OAR's security time of 60 s.
    site.running("a" * 12, start_time=now - 10, message="R=1,W=660,J=P,Q=default")
    site.running("b" * 12, state="Waiting", walltime=600)
    finished(site, "c" * 12)
    drain.change(conf, start=True, dry_run=False)
    capsys.readouterr()
    assert drain.show(conf, as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["draining"], found["oar_error"]) == (True, "")
    assert (found["jobs_left"], found["by_state"]) == (2, {"Running": 1, "Waiting": 1})
    assert found["last_end"] == now + 590
    assert set(site.commands()) == {"oarstat", "oarnodes", "oarqueue"}


@pytest.mark.parametrize(
    ("scenario", "step", "job_id", "state", "last_end"),
    [("walltime", "running.", 500002, "Running", True), ("hold", "held.", 500008, "Hold", False)],
)
def test_drain_as_recorded(
    site: Site,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    scenario: str,
    step: str,
    job_id: int,
    state: str,
    last_end: bool,
) -> None:
    site.ce.in_lrms(GRID_ID, job_id)
    monkeypatch.setattr(drain, "client_of", lambda _: recorded(scenario, step))
    assert drain.show(str(site.ce.conf), as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["jobs_left"], found["by_state"]) == (1, {state: 1})
    assert (found["last_end"] is not None) is last_end


def test_metrics(site: Site) -> None:
    site.configure(f"metrics_file={site.ce.place / 'oar.prom'}")
    site.oar.add_jobs(1, resources=[1, 2, 3], message="R=3,W=360,J=P,Q=default")
    site.oar.add_jobs(2, state="Waiting")
    site.oar.add_jobs(1, state="Hold")
    nodes = [{"host": "n1"}, {"host": "n2"}, {"host": "n3", "drain": "YES"}]
    site.oar.set_nodes([*nodes, {"host": "n4", "state": "Suspected"}])
    options = {"queues": {"default": {"users": []}}, "jobs": []}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()[:2]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("arc_lrms_oar.info.site_state.server_address", lambda: address)
            lrms_info(site.settings(), site.client(), options, metrics=True)
    text = (site.ce.place / "oar_site.prom").read_text()
    samples = {
        (sample.name.removeprefix("arc_oar_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.value
    }
    states = {key: number for key, number in samples.items() if len(key) == 2}
    assert states == {
        ("slots", "free"): 1,
        ("slots", "used"): 3,
        ("slots", "down"): 2,
        ("slots", "closed"): 2,
        ("nodes", "Alive"): 2,
        ("nodes", "draining"): 1,
        ("nodes", "Suspected"): 1,
        ("site_jobs", "running"): 1,
        ("site_jobs", "waiting"): 2,
        ("site_jobs", "held"): 1,
    }
    assert samples["server_up",] == 1


def test_doctor(site: Site) -> None:
    site.oar.set_queue("shut", state="notActive")
    site.configure(
        "types=deadline=2037-01-01", queue="[queue:ghost]\n[queue:shut]\n[custom:oar/ghost]\n"
    )
    found = list(doctor.examine(str(site.ce.conf), [], probe=False))
    about = [one for one in found if one.check.startswith(("OAR database", "queue"))]
    assert about[0].message.startswith("OAR 3.0.")
    shown = {(one.level, one.message, one.cure) for one in about[1:]}
    unknown = "OAR 3 does not know the types deadline=2037-01-01"
    assert {one[:2] for one in shown} == {
        ("ok", "default is active in OAR"),
        ("FAIL", "OAR has no queue ghost; its queues are admin, besteffort, default, shut"),
        ("warn", "shut is not active in OAR: its jobs wait"),
        ("warn", unknown),
    }
    assert "run: oarqueue -e shut" in {one[2] for one in shown}
    assert "oarnotify" not in site.commands()
