"""Any output of OAR's commands gives values or OarUnavailable, never a verdict not given by OAR."""

from __future__ import annotations

import json

from fuzzing.fuzzed import fuzzed
from fuzzing.inputs import as_bytes, glued, spoiled, wrong_json
from fuzzing.recordings import LISTINGS, NOISE, SHORT, Says, documents
from hypothesis import strategies as st
from oar.recorded import calls

from arc_lrms_oar.arex.control_files import done_line
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.diag import Diag
from arc_lrms_oar.commands.query import query, table
from arc_lrms_oar.errors import OarLrmsError, OarRefused, OarUnavailable
from arc_lrms_oar.oar import resources, text_parser
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import (
    ERROR_CODE,
    outcome_of,
    outcome_of_lost,
)
from arc_lrms_oar.oar.states import state_of
from arc_lrms_oar.oar.successor import resubmission_may_come, resubmitted_to
from arc_lrms_oar.scan.report import JobReport, accounted

STATES = documents("oarstat", "-s", "-J")
RECORDS = {dialect: documents("oarstat", "-J", "-f", dialect=dialect) for dialect in "23"}
EVENTS = documents("oarstat", "-e", "-J")
RESOURCES = documents("oarnodes", "-J")


@fuzzed(dialect=st.sampled_from("23"), stdout=wrong_json(STATES, NOISE) | spoiled(SHORT))
def test_states_are_of_those_asked_for(dialect: str, stdout: str) -> None:
    client = OarClient(Says(0, stdout), dialect)
    try:
        found = client.states([1, 2, 17, 500010])
    except OarUnavailable:
        return
    assert set(found) <= {1, 2, 17, 500010}
    assert all(isinstance(word, str) for word in found.values())


@fuzzed(stdout=spoiled(LISTINGS, 5))
def test_what_has_ended_is_of_those_asked_for(stdout: str) -> None:
    assert (OarClient(Says(0, stdout), "2").ended([1, 2, 17]) or set()) <= {1, 2, 17}


def _ids(stdout: str) -> list[int]:
    try:
        found = json.loads(stdout)
    except ValueError:
        return [1]
    keys = found if isinstance(found, dict) else ()
    return [int(key) for key in keys if key.isascii() and key.isdecimal() and len(key) < 18][
        :5
    ] or [1]


@fuzzed(
    stdout=wrong_json(RECORDS["2"], NOISE),
    diag=glued(("exitcode=0\n", "lrmsendtime=x\n", "nodename=n\n", "exitcode=", "9"), 6),
)
def test_records_of_oar_2(stdout: str, diag: str) -> None:
    _look_at_records(OarClient(Says(0, stdout), "2"), _ids(stdout), diag)


@fuzzed(stdout=wrong_json(RECORDS["3"], NOISE), events=wrong_json(EVENTS, NOISE), diag=st.just(""))
def test_records_of_oar_3(stdout: str, events: str, diag: str) -> None:
    _look_at_records(OarClient(Says(0, stdout, e=events), "3"), _ids(stdout), diag)


def _look_at_records(client: OarClient, ids: list[int], diag: str) -> None:
    try:
        records = client.records(dict.fromkeys(ids, "Error"))
        client.active()
        client.named("n")
        successors = client.silent_successors(ids)
        client.with_resources(list(records.values()))
        shown = table(query(client, ids))
    except OarUnavailable:
        return
    assert all(line.isprintable() for line in shown.split("\n"))
    assert shown.count("\n") == len(ids)
    assert set(records) <= set(ids)
    assert set(successors) <= set(ids)
    assert all(new > old for old, new in successors.items())
    for job_id, record in records.items():
        assert record.job_id == job_id
        state = state_of(record.state)
        resubmission_may_come(record)
        assert (resubmitted_to(record) or job_id + 1) > job_id
        if state is not None and state.ended:
            _look_at_end(record, Diag.parse(as_bytes(diag)))


def _look_at_end(record: JobRecord, diag: Diag) -> None:
    end = outcome_of(record)
    assert (end.code == 0) == (record.state == "Terminated" and record.exit_code == 0)
    assert 0 <= end.code <= ERROR_CODE
    if record.state == "Error":
        assert end.code > 255
    job = GridJob("1", "INLRMS", 6, "/grid/control", 0.0, {"sessiondir": "/grid/session/1"})
    written = accounted(JobReport(job, record, diag, end))
    assert Diag.parse(written.format()).values == written.values
    line = done_line(end.code, end.reason)
    assert line.split(b" ")[0] == b"%d" % end.code
    assert line.count(b"\n") == 1


@fuzzed(code=glued(("0", "1", "25", "-", "6"), 5))
def test_a_lost_job_has_the_code_of_a_program_or_none(code: str) -> None:
    end = outcome_of_lost({"exitcode": code, "lrmsendtime": "x"})
    assert end.code in range(256) or end.code == ERROR_CODE
    assert end.code != 0 or code.strip("0") == ""


@fuzzed(stdout=spoiled(SHORT, 4), stderr=spoiled(SHORT, 4))
def test_oarsubs_answer(stdout: str, stderr: str) -> None:
    job_id = text_parser.submitted_id(stdout)
    assert job_id is None or f"OAR_JOB_ID={job_id}" in stdout
    reason = text_parser.refusal(stdout, stderr)
    assert len(reason) <= 400
    assert len(str(OarRefused(reason)).splitlines()) <= 1


@fuzzed(code=st.integers(-15, 255), stdout=spoiled(SHORT), stderr=spoiled(SHORT))
def test_oardels_answer(code: int, stdout: str, stderr: str) -> None:
    client = OarClient(Says(code, stdout, stderr), "2")
    try:
        client.delete([1])
    except (OarRefused, OarUnavailable):
        return
    assert code in (0, 2, 6)


@fuzzed(stdout=glued(("OAR version", " : ", ":", "2", "3", ".", "5.9", " (Canicule)\n"), 8))
def test_oars_version(stdout: str) -> None:
    client = OarClient(Says(0, stdout), "auto")
    try:
        assert client.dialect.generation in (2, 3)
    except OarUnavailable:
        return


@fuzzed(stdout=spoiled([*LISTINGS, *(asked.stdout for asked in calls() if "queue" in asked.step)]))
def test_oars_queues(stdout: str) -> None:
    for name, queue in resources.queues(stdout).items():
        assert name == queue.name
        assert isinstance(queue.policy, str)


@fuzzed(stdout=wrong_json(RESOURCES, NOISE) | spoiled(RESOURCES))
def test_oars_resources(stdout: str) -> None:
    try:
        for row in resources.resources(stdout):
            assert isinstance(resources.resource_id(row), int)
    except OarLrmsError:
        return
