"""Jobs' rows as OAR 2 and OAR 3 print them: of all recordings, and odd ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from oar.recorded import VERSIONS, Call, call, calls

from arc_lrms_oar.errors import OarAnswerError
from arc_lrms_oar.oar import json_parser
from arc_lrms_oar.oar.dialect import dialect_of
from arc_lrms_oar.oar.job_record import Event, JobRecord


def recorded(program: str, *options: str) -> list[Call]:
    return [asked for asked in calls() if asked.asks(program, *options)]


def row_2(job_id: int = 7, **columns: Any) -> dict[str, Any]:
    """A job's row as OAR 2 prints it."""
    row = {
        "Job_Id": job_id,
        "state": "Terminated",
        "exit_code": 768,
        "name": "grid",
        "owner": "griduser",
        "queue": "default",
        "project": "atlas",
        "command": "/session/job.sh",
        "launchingDirectory": "/session",
        "message": "R=2",
        "submissionTime": 100,
        "startTime": 110,
        "stopTime": 170,
        "walltime": 300,
        "assigned_resources": [1, 2, 5],
        "assigned_network_address": ["n1", "n2"],
        "resubmit_job_id": 0,
        "initial_request": "oarsub x",
        "events": [],
    }
    return {**row, **columns}


def row_3(job_id: int = 7, **columns: Any) -> dict[str, Any]:
    """A job's row as OAR 3 prints it."""
    row = {
        "id": job_id,
        "state": "Terminated",
        "exit_code": 768,
        "name": "grid",
        "user": "griduser",
        "queue_name": "default",
        "project": "atlas",
        "command": "/session/job.sh",
        "launching_directory": "/session",
        "message": "R=2",
        "submission_time": 100,
        "start_time": 110,
        "stop_time": 170,
        "resubmit_job_id": 0,
        "initial_request": "oarsub x",
    }
    return {**row, **columns}


ROWS = {"2": row_2, "3": row_3}


def read(generation: str, rows: Any) -> dict[int, JobRecord]:
    return dialect_of(generation).read_records(rows if isinstance(rows, str) else json.dumps(rows))


def test_all_of_a_row_of_oar_2() -> None:
    event = {
        "event_id": 31,
        "job_id": 7,
        "type": "WALLTIME",
        "date": 170,
        "description": "late",
        "to_check": "NO",
    }
    assert read("2", {"7": row_2(events=[event], resubmit_job_id=3)}) == {
        7: JobRecord(
            job_id=7,
            state="Terminated",
            exit_code=768,
            name="grid",
            owner="griduser",
            queue="default",
            project="atlas",
            command="/session/job.sh",
            directory="/session",
            message="R=2",
            submission_time=100,
            start_time=110,
            stop_time=170,
            wall_time=300,
            cores=3,
            nodes=("n1", "n2"),
            resources=(1, 2, 5),
            events=(Event("WALLTIME", "late", 170, 31),),
            resubmitted_from=3,
            request="oarsub x",
        )
    }


def test_all_of_a_row_of_oar_3() -> None:
    assert read("3", {"7": row_3(resubmit_job_id=3)}) == {
        7: JobRecord(
            job_id=7,
            state="Terminated",
            exit_code=768,
            name="grid",
            owner="griduser",
            queue="default",
            project="atlas",
            command="/session/job.sh",
            directory="/session",
            message="R=2",
            submission_time=100,
            start_time=110,
            stop_time=170,
            resubmitted_from=3,
            request="oarsub x",
        )
    }


@pytest.mark.parametrize("state", ["Waiting", "Hold", "toAckReservation", "Running", "Error"])
def test_expected_start_of_a_job_that_waits(state: str) -> None:
    waits = state not in ("Running", "Error")
    two = read("2", {"7": row_2(state=state, startTime=0, scheduledStart=500)})[7]
    assert two.scheduled_start == (500 if waits else None)
    reserved = read("2", {"7": row_2(state=state, startTime=600, scheduledStart=None)})[7]
    assert reserved.scheduled_start == (600 if waits else None)
    three = read("3", {"7": row_3(state=state, start_time=700)})[7]
    assert three.scheduled_start == (700 if waits else None)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_recorded_row_is_read(version: str) -> None:
    generation = version[0]
    key = {"2": "Job_Id", "3": "id"}[generation]
    seen = 0
    for asked in recorded("oarstat", "-J", "-f"):
        if asked.version != version or asked.code or not asked.stdout or asked.renamed:
            continue
        rows = json.loads(asked.stdout)
        found = read(generation, asked.stdout)
        assert sorted(found) == sorted(row[key] for row in rows.values()), asked.where
        for row in rows.values():
            record = found[row[key]]
            assert record.state == row["state"]
            assert record.exit_code == row["exit_code"]
            assert record.name == (row["name"] or "")
            assert len(record.events) == len(row.get("events", ()))
            seen += 1
    assert seen > 30


def test_a_recorded_job_on_two_nodes() -> None:
    for version in ("2.5.9", "2.6.1"):
        (record,) = read("2", call(version, "multi", "final.oarstat-J-f").stdout).values()
        assert record.cores == 4
        assert len(record.nodes) == 2
        assert record.wall_time == 300
        assert record.submission_time is not None
        assert record.start_time is not None
        assert record.stop_time is not None
        assert record.submission_time <= record.start_time < record.stop_time


def test_a_node_is_told_once() -> None:
    hosts = ["n2", "n1", "n2", "n3", "n1"]
    assert read("2", {"7": row_2(assigned_network_address=hosts)})[7].nodes == ("n2", "n1", "n3")


def test_times_that_have_not_come() -> None:
    for version in ("2.5.9", "2.6.1"):
        (record,) = read("2", call(version, "hold", "held.oarstat-J-f").stdout).values()
        assert (record.start_time, record.stop_time, record.exit_code) == (None, None, None)
        assert (record.cores, record.nodes, record.resubmitted_from) == (None, (), None)


def test_names_of_all_kinds_come_through() -> None:
    names = {
        "name-utf8": "tést-ñ-日本",
        "name-newline": "line1\nline2",
        "name-space": "my job name",
    }
    for version in ("2.5.9", "2.6.1"):
        for scenario, name in names.items():
            (record,) = read("2", call(version, scenario, "final.oarstat-J-f").stdout).values()
            assert record.name == name


@pytest.mark.parametrize("version", ["2.5.9", "2.6.1"])
def test_anothers_name_that_looks_like_our_row(version: str) -> None:
    """The text listing shows our held job as Terminated; the answers that we ask for do not."""
    ours = int(call(version, "forged", "oarsub").stdout.rpartition("=")[2])
    theirs = int(call(version, "forged", "theirs.oarsub").stdout.rpartition("=")[2])
    text = call(version, "forged", "final.oarstat-text").stdout
    rows = [line.split() for line in text.splitlines() if line.startswith(f"{ours} ")]
    assert {row[1] for row in rows} == {"H", "T"}

    states = json_parser.states(call(version, "forged", "final.oarstat-s-J").stdout, [ours, theirs])
    assert states == {ours: "Hold", theirs: "Terminated"}
    found = read("2", call(version, "forged", "final.oarstat-J-f").stdout)
    assert found[ours].state == "Hold"
    assert (found[ours].name, found[ours].owner) == ("forged-ours", "griduser")
    assert (found[theirs].state, found[theirs].owner) == ("Terminated", "otheruser")
    assert f"\n{ours} " in found[theirs].name


@pytest.mark.parametrize("generation", ["2", "3"])
def test_anothers_command_that_looks_like_our_row(generation: str) -> None:
    forged = '"}, "8": {"Job_Id": 8, "id": 8, "state": "Terminated", "exit_code": 0}}\n{'
    rows = {
        "7": ROWS[generation](7, name=forged, command=forged, state="Running"),
        "8": ROWS[generation](8, state="Running", exit_code=None),
    }
    found = read(generation, rows)
    assert sorted(found) == [7, 8]
    assert found[8].state == "Running"
    assert found[8].exit_code is None


@pytest.mark.parametrize("generation", ["2", "3"])
@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        "Terminated",
        7,
        {},
        {"Job_Id": 7, "id": 7},
        {"Job_Id": 7, "id": 7, "state": None},
        {"Job_Id": 7, "id": 7, "state": 3},
        {"Job_Id": 8, "id": 8, "state": "Terminated", "exit_code": 0},
        {"state": "Terminated", "exit_code": 0},
        {"Job_Id": None, "id": None, "state": "Terminated", "exit_code": 0},
    ],
)
def test_an_odd_row_is_no_answer_and_spares_the_others(generation: str, row: Any) -> None:
    found = read(generation, {"7": row, "9": ROWS[generation](9)})
    assert sorted(found) == [9]


@pytest.mark.parametrize("generation", ["2", "3"])
@pytest.mark.parametrize("key", ["", "x", "-7", "7.0", "Infinity", "\u00b2"])
def test_a_key_that_is_no_id(generation: str, key: str) -> None:
    assert read(generation, {key: ROWS[generation](7)}) == {}


@pytest.mark.parametrize("generation", ["2", "3"])
@pytest.mark.parametrize("value", [None, "", "x", [], {}, False, "-1"])
def test_odd_values_count_as_not_told(generation: str, value: Any) -> None:
    """All columns but those that make the row this job's."""
    whole = ROWS[generation]()
    kept = {"Job_Id", "id", "state"}
    record = read(generation, {"7": {k: v if k in kept else value for k, v in whole.items()}})[7]
    for name, found in record._asdict().items():
        if name in ("job_id", "state"):
            continue
        if isinstance(value, str):
            assert found in (None, (), "", value)
        else:
            assert found in (None, (), "")


@pytest.mark.parametrize("generation", ["2", "3"])
def test_missing_columns_count_as_not_told(generation: str) -> None:
    key = {"2": "Job_Id", "3": "id"}[generation]
    assert read(generation, {"7": {key: 7, "state": "Error"}}) == {7: JobRecord(7, "Error")}


@pytest.mark.parametrize("generation", ["2", "3"])
def test_zero_is_no_time_but_an_exit_code(generation: str) -> None:
    zero = {"exit_code": 0, "startTime": 0, "start_time": 0, "stopTime": 0, "stop_time": 0}
    record = read(generation, {"7": ROWS[generation](**zero)})[7]
    assert (record.exit_code, record.start_time, record.stop_time) == (0, None, None)


@pytest.mark.parametrize(
    "events",
    [
        None,
        "WALLTIME",
        [],
        [None],
        ["WALLTIME"],
        [{}],
        [{"type": None}],
        [{"description": "no type"}],
    ],
)
def test_odd_events_are_none(events: Any) -> None:
    assert read("2", {"7": row_2(events=events)})[7].events == ()


def test_an_event_with_less_than_usual() -> None:
    record = read("2", {"7": row_2(events=[{"type": "WALLTIME", "event_id": "x", "date": None}])})[
        7
    ]
    assert record.events == (Event("WALLTIME", "", None, 0),)


@pytest.mark.parametrize("generation", ["2", "3"])
def test_half_a_document_is_no_answer(generation: str) -> None:
    whole = json.dumps({"7": ROWS[generation](7), "8": ROWS[generation](8)}, indent=3)
    for length in range(1, len(whole)):
        with pytest.raises(OarAnswerError):
            read(generation, whole[:length])
    assert sorted(read(generation, whole)) == [7, 8]


def test_nothing_is_an_answer_of_oar_2_only() -> None:
    """OAR 2 prints nothing where it has nothing to tell, OAR 3 an empty object."""
    assert read("2", "") == {}
    assert read("2", "\n") == {}
    assert read("3", "{}\n") == {}
    with pytest.raises(OarAnswerError):
        read("3", "")


@pytest.mark.parametrize("version", ["2.5.9", "2.6.1"])
def test_the_recorded_answers_for_nothing(version: str) -> None:
    for step in ("unknown.oarstat-J-f", "sql-empty.oarstat-J"):
        asked = call(version, "unknown", step)
        assert (asked.code, asked.stdout) == (0, "")
        assert read("2", asked.stdout) == {}


@pytest.mark.parametrize("generation", ["2", "3"])
@pytest.mark.parametrize("rows", ["[]", "[1]", '[{"Job_Id": 7, "id": 7, "state": "Error"}]'])
def test_a_list_is_no_answer(generation: str, rows: str) -> None:
    with pytest.raises(OarAnswerError):
        read(generation, rows)


# ---- values that no reader expects --------------------------------------------------------------

KEY = {"2": "Job_Id", "3": "id"}
TIMES = {
    "2": ("submissionTime", "startTime", "stopTime"),
    "3": ("submission_time", "start_time", "stop_time"),
}


@pytest.mark.parametrize("events", [7, True, 1.5, {"type": "WALLTIME"}])
def test_events_that_are_no_list(events: Any) -> None:
    row = {"Job_Id": 7, "state": "Error", "events": events}
    assert read("2", json.dumps({"7": row}))[7].events == ()


@pytest.mark.parametrize("generation", ["2", "3"])
@pytest.mark.parametrize("value", ["1" + "0" * 30, "1e400", "NaN", "-Infinity", "9" * 400])
def test_times_beyond_every_calendar(generation: str, value: str) -> None:
    columns = ", ".join(f'"{name}": {value}' for name in (*TIMES[generation], "walltime"))
    stdout = f'{{"7": {{"{KEY[generation]}": 7, "state": "Error", {columns}}}}}'
    record = read(generation, stdout)[7]
    assert (record.submission_time, record.start_time, record.stop_time) == (None, None, None)
    assert record.wall_time is None


@pytest.mark.parametrize("generation", ["2", "3"])
def test_key_of_many_digits(generation: str) -> None:
    good = {KEY[generation]: 7, "state": "Error"}
    assert sorted(read(generation, json.dumps({"9" * 5000: good, "7": good}))) == [7]


@pytest.mark.parametrize("generation", ["2", "3"])
def test_numbers_as_text(generation: str) -> None:
    """A database driver may give OAR its numbers as text (MySQL does, with some settings)."""
    row: dict[str, Any] = {KEY[generation]: "7", "state": "Terminated", "exit_code": "768"}
    found = read(generation, json.dumps({"7": row}))
    assert found == {7: JobRecord(7, "Terminated", 768)}


# ---- the wall time of OAR 3 ----------------------------------------------------------------------

OURS = "--name x -q default -l /core=1,walltime=0:5:0 -d /session /session/job.sh"


@pytest.mark.parametrize(
    ("request_text", "message", "wall_time"),
    [
        (OURS, "R=1,W=360,J=P,Q=default", 300),
        # Once the job has ended, OAR 3 leaves W out.
        (OURS, "R=1,J=P,Q=default", 300),
        ("-l core=1,walltime=2 x", "", 7200),
        ("-l core=1,walltime=0:30 x", "", 1800),
        ("-l core=1,walltime=1:0:0 -l core=2,walltime=1:0:0 x", "", 3600),
        # Moldable: which of them was chosen, only the message shows, a minute too much.
        ("-l core=1,walltime=1:0:0 -l core=2,walltime=0:30:0 x", "R=2,W=1860,J=P,", 1800),
        # Another user's job.
        ("", "R=1,W=360,J=P,Q=default", 300),
        ("", "R=1,W=60,J=P,Q=default", 1),
        ("", "R=1,J=P,Q=default", None),
        ("-l core=1,walltime=0:0:0 x", "", None),
        (f"-l core=1,walltime={'9' * 30} x", "", None),
    ],
)
def test_wall_time_of_oar_3(request_text: str, message: str, wall_time: int | None) -> None:
    row = {"id": 7, "state": "Waiting", "initial_request": request_text, "message": message}
    assert read("3", json.dumps({"7": row}))[7].wall_time == wall_time


def test_recorded_wall_time_of_oar_3() -> None:
    for version, scenario, seconds in (("3.0.3dev", "exit0", 300), ("3.0.3dev", "walltime", 60)):
        found = read("3", call(version, scenario, "final.oarstat-J-f").stdout)
        assert [record.wall_time for record in found.values()] == [seconds]


@pytest.mark.parametrize(
    ("request_text", "found"),
    [
        (OURS, '-l "/core=1,walltime=0:5:0"'),
        (
            "-l core=2 -l {gpu = 'YES'}/core=1+/disk=1 x",
            """-l "core=2" -l "{gpu = 'YES'}/core=1+/disk=1\"""",
        ),
        ("x-l core=2 y", ""),
        ('-l "core=2', ""),
        ("-l {core=2", ""),
        ("", ""),
    ],
)
def test_requested_resources_of_oar_3(request_text: str, found: str) -> None:
    """OAR 3 shows them in the oarsub line only, and there without quotes."""
    row = {"id": 7, "state": "Waiting", "initial_request": request_text}
    assert read("3", json.dumps({"7": row}))[7].resource_request == found
