"""Answers that are odd in ways that still break the readers."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from oar.recorded import call
from oar.replay import always

from arc_lrms_oar.errors import OarAnswerError, OarRefused, OarUnavailable
from arc_lrms_oar.oar import json_parser
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.dialect import dialect_of
from arc_lrms_oar.oar.job_record import JobRecord

KEY = {"2": "Job_Id", "3": "id"}
TIMES = {
    "2": ("submissionTime", "startTime", "stopTime"),
    "3": ("submission_time", "start_time", "stop_time"),
}


def read(generation: str, stdout: str) -> dict[int, JobRecord]:
    return dialect_of(generation).read_records(stdout)


@pytest.mark.parametrize("events", [7, True, 1.5, {"type": "WALLTIME"}])
def test_o1_events_that_are_no_list(events: Any) -> None:
    row = {"Job_Id": 7, "state": "Error", "events": events}
    assert read("2", json.dumps({"7": row}))[7].events == ()


@pytest.mark.parametrize("generation", ["2", "3"])
@pytest.mark.parametrize("value", ["1" + "0" * 30, "1e400", "NaN", "-Infinity", "9" * 400])
def test_o3_times_out_of_all_reach(generation: str, value: str) -> None:
    columns = ", ".join(f'"{name}": {value}' for name in (*TIMES[generation], "walltime"))
    stdout = f'{{"7": {{"{KEY[generation]}": 7, "state": "Error", {columns}}}}}'
    record = read(generation, stdout)[7]
    assert (record.submission_time, record.start_time, record.stop_time) == (None, None, None)
    assert record.wall_time is None


@pytest.mark.parametrize("generation", ["2", "3"])
def test_o4_a_key_of_very_many_digits(generation: str) -> None:
    good = {KEY[generation]: 7, "state": "Error"}
    assert sorted(read(generation, json.dumps({"9" * 5000: good, "7": good}))) == [7]


def test_o4_events_of_a_key_of_very_many_digits() -> None:
    assert sorted(json_parser.events_3(json.dumps({"9" * 5000: [], "7": []}))) == [7]


@pytest.mark.parametrize("stdout", ["[" * 100_000, '{"a":' * 100_000])
def test_o4_an_answer_of_nothing_but_brackets(stdout: str) -> None:
    with pytest.raises(OarAnswerError):
        json_parser.states(stdout, [1])


def test_o4_a_number_of_very_many_digits() -> None:
    with pytest.raises(OarAnswerError):
        json_parser.states('{"1": "Error"', [1])
    row = f'{{"7": {{"Job_Id": 7, "state": "Error", "exit_code": {"9" * 5000}}}}}'
    with contextlib.suppress(OarAnswerError):
        assert read("2", row)[7].state == "Error"


@pytest.mark.parametrize("before", ["[warn] x\n", "{locale unset}\n", "[ADMISSION RULE] x\n"])
def test_o5_warnings_in_brackets_before_the_answer(before: str) -> None:
    assert json_parser.states(before + '{\n   "1" : "Error"\n}\n', [1]) == {1: "Error"}


@pytest.mark.parametrize("generation", ["2", "3"])
def test_o6_numbers_as_text(generation: str) -> None:
    """A database driver may give OAR its numbers as text (MySQL does, with some settings)."""
    row: dict[str, Any] = {KEY[generation]: "7", "state": "Terminated", "exit_code": "768"}
    found = read(generation, json.dumps({"7": row}))
    assert found == {7: JobRecord(7, "Terminated", 768)}


@pytest.mark.parametrize("version", ["2.5.9", "2.6.1"])
def test_o7_sql_that_failed_is_no_empty_answer(version: str) -> None:
    """oarstat itself ends with 0 and says so on stderr only."""
    recorded = call(version, "unknown", "sql-error.oarstat-J")
    assert (recorded.code, recorded.stdout) == (0, "")
    client = OarClient(always(0, recorded.stdout, recorded.stderr), "2")
    with pytest.raises(OarUnavailable):
        client.named("x")
    client = OarClient(always(0, "{}\n", recorded.stderr), "2")
    with pytest.raises(OarUnavailable):
        client.states([7])


@pytest.mark.parametrize("version", ["2.5.9", "2.6.1"])
def test_o8_a_refusal_among_others_is_told(version: str) -> None:
    """oardel's exit code is that of the last job only."""
    recorded = call(version, "oardel", "oardel.mix")
    client = OarClient(always(recorded.code, recorded.stdout, recorded.stderr), "2")
    with pytest.raises(OarRefused):
        client.delete([99999999, 1])
