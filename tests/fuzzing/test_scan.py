"""Scan: odd files of one job never stop the others, and no odd answer makes a job succeed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import time
from pathlib import Path

from fuzzing.fuzzed import fuzzed, in_memory
from fuzzing.inputs import as_bytes, raw, settings_of, spoiled, wrong_json
from fuzzing.recordings import NOISE, Says
from hypothesis import strategies as st
from support.ce import Ce, JobFiles

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.scan.reconcile import scan
from arc_lrms_oar.settings import Settings

_KEYS = ("localid", "sessiondir", "jobname", "globalid")
_DIAG = "nodename=a\nWallTime=5s\nLRMSEndTime=20260101000000Z\nexitcode=0\n"
_EVENT = {"type": "WALLTIME", "event_id": 1, "description": "x", "date": 1}
_ROW = {
    "Job_Id": 17,
    "state": "Error",
    "message": "R=1,W=0:5:0",
    "startTime": 1700000000,
    "stopTime": 1700000009,
    "exit_code": 256,
    "assigned_network_address": ["node1"],
    "assigned_resources": [1],
    "events": [_EVENT],
    "cpuset_name": "u_17",
}
_HEALTHY = {**_ROW, "Job_Id": 18, "state": "Terminated", "exit_code": 0, "events": []}
# State files of scan: its next cycle queries the states of all jobs, or only the ended jobs.
_ALL = "- 1.0\n"
_ENDED = f"2 {time.time()}\n"
_LISTING = "17   E u  0:00:09 R=1\n18   T u  0:00:09 R=1\n"


def _scan(ce: Ce, transport: Says) -> None:
    os.environ["ARC_LOCATION"] = str(ce.place)
    settings = Settings(control_dir=str(ce.control), lost_cycles=1, lost_time=0)
    before = os.getcwd()
    # A directory that scan must not write to.
    os.chdir(ce.place)
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(OarUnavailable):
            scan(settings, OarClient(transport, "2"), [str(ce.control)], Log("Scan", "DEBUG"))
    finally:
        os.chdir(before)


def _answers(states: str, records: str, listing: str = _LISTING) -> Says:
    return Says(0, listing, s=states, f=records)


def _put(job: JobFiles, local: str, diag: str, comment: str) -> None:
    own = f"sessiondir={job.session}\nlocalid=17\n"
    job.file("local").write_bytes(as_bytes(own + local))
    job.diag.write_bytes(as_bytes(diag))
    job.comment.write_bytes(as_bytes(comment))


@fuzzed(
    30,
    local=settings_of(_KEYS, ("17", "19"), "{}={}\n", 2).map(lambda text: text.replace("/", "_")),
    diag=spoiled([_DIAG]) | raw,
    comment=raw,
    memory=raw | st.sampled_from((_ALL, _ENDED)),
    known=st.booleans(),
)
def test_odd_files_of_a_job_never_stop_the_others(
    local: str, diag: str, comment: str, memory: str, known: bool
) -> None:
    states = {"17": "Error", "18": "Terminated"} if known else {"18": "Terminated"}
    records = {str(row["Job_Id"]): row for row in (_ROW, _HEALTHY) if str(row["Job_Id"]) in states}
    with in_memory() as place:
        ce = Ce(place)
        odd, healthy = ce.in_lrms("odd", 17), ce.in_lrms("healthy", 18)
        _put(odd, local, diag, comment)
        (ce.control / "arc_lrms_oar.scan").write_bytes(as_bytes(memory))
        healthy.diag.write_text(_DIAG)
        _scan(ce, _answers(json.dumps(states), json.dumps(records)))
        assert healthy.done() == "0 Job finished with exit code 0\n"
        if odd.done() is not None and known:
            assert not (odd.done() or "").startswith("0 ")
        _nothing_else_is_there(place, ce)


@fuzzed(
    30,
    states=wrong_json(['{"17": "Error", "18": "Terminated"}'], NOISE),
    records=wrong_json([json.dumps({"17": _ROW, "18": _HEALTHY})], NOISE),
    listing=spoiled([_LISTING]),
    audit=st.booleans(),
)
def test_an_odd_answer_ends_no_job_well(
    states: str, records: str, listing: str, audit: bool
) -> None:
    with in_memory() as place:
        ce = Ce(place)
        running, failed = ce.in_lrms("running", 16), ce.in_lrms("failed", 17)
        (ce.control / "arc_lrms_oar.scan").write_text(_ALL if audit else _ENDED)
        _scan(ce, _answers(states, records, listing))
        done = (failed.done() or "512").split()[0]
        assert int(done) != 0 or '"state": "Terminated"' in records
        assert not (running.done() or "512").startswith("0 ")
        _nothing_else_is_there(place, ce)


def _nothing_else_is_there(place: Path, ce: Ce) -> None:
    """Check that every file existed before, or is one that scan writes, at the right path."""
    assert {path.name for path in place.iterdir()} == {"control", "sessions", "arc.conf"}
    for path in ce.control.iterdir():
        kinds = ("local", "grami", "errors", "lrms_done")
        assert path.name.endswith(kinds) or path.name in (
            "processing",
            "arc_lrms_oar.scan",
            "arc_lrms_oar.jobs",
            "arc_lrms_oar.counters",
        )
