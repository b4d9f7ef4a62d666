"""What the client runs, in which blocks, and what it makes of the answers."""

from __future__ import annotations

import json
import shlex

import pytest
from oar.recorded import VERSIONS, call, calls
from oar.replay import Replay, always, from_recording, ids_of, records_answer, states_answer

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.oar import client as client_module
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.job_record import Event, JobRecord

# ---- the dialect -------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_the_dialect_is_found_out_once(version: str) -> None:
    step = "version.oarstat" if version == "3.0.2" else "oarstat-V"
    printed = call(version, "site", step).stdout
    transport = Replay(lambda argv: (0, printed, "") if "-V" in argv else (0, "{}", ""))
    client = OarClient(transport, "auto")
    assert client.dialect.generation == int(version[0])
    client.states([1])
    client.states([2])
    assert [argv for argv in transport.asked if "-V" in argv] == [["oarstat", "-V"]]


@pytest.mark.parametrize("wanted", ["2", "3"])
def test_the_dialect_may_be_given(wanted: str) -> None:
    transport = always(stdout="{}")
    client = OarClient(transport, wanted)
    assert client.dialect.generation == int(wanted)
    client.states([1])
    assert transport.asked == [["oarstat", "-s", "-J", "-j", "1"]]


def test_no_version_is_no_oar_and_is_asked_again() -> None:
    answers = [(0, "what?\n", ""), (25, "", "DB"), (0, "OAR version : 2.5.9 (C)\n", "")]
    client = OarClient(Replay(lambda argv: answers.pop(0)), "auto")
    for _ in range(2):
        with pytest.raises(OarUnavailable):
            _ = client.dialect
    assert client.dialect.generation == 2


# ---- states ------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["2", "3"])
def test_states_of_all_jobs_in_one_call(wanted: str) -> None:
    transport = Replay(states_answer)
    found = OarClient(transport, wanted).states([12, 7, 12, 9])
    assert transport.asked == [["oarstat", "-s", "-J", "-j", "7", "-j", "9", "-j", "12"]]
    assert found == {7: "Running", 9: "Running", 12: "Running"}


def test_no_jobs_no_call() -> None:
    transport = always()
    client = OarClient(transport, "2")
    assert client.states([]) == {}
    assert client.records({}) == {}
    assert transport.asked == []


def test_states_in_blocks_that_a_command_line_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "STATES_IN_ONE_CALL", 3)
    transport = Replay(states_answer)
    assert len(OarClient(transport, "2").states(range(1, 8))) == 7
    assert [ids_of(argv) for argv in transport.asked] == [[1, 2, 3], [4, 5, 6], [7]]


def test_no_command_line_is_longer_than_linux_takes() -> None:
    """Two MiB together with the environment, pointers included, 128 KiB a word."""
    transport = Replay(states_answer)
    first = 10**11
    count = 100_000
    assert len(OarClient(transport, "2").states(range(first, first + count))) == count
    assert len(transport.asked) == 5
    for argv in transport.asked:
        assert sum(len(word) + 1 + 8 for word in argv) < 1_500_000
        assert max(map(len, argv)) < 128 * 1024


def test_an_id_that_oar_does_not_know_is_not_in_the_answer() -> None:
    recorded = call("2.5.9", "unknown", "mix.oarstat-s-J")
    ids = ids_of(recorded.command.split())
    client = OarClient(from_recording(recorded), "2")
    assert client.states(ids) == {ids[0]: "Hold"}


def test_one_failing_block_fails_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the jobs of that block would look as if OAR did not know them."""
    monkeypatch.setattr(client_module, "STATES_IN_ONE_CALL", 2)
    transport = Replay(lambda argv: (25, "", "DB") if "3" in argv else states_answer(argv))
    with pytest.raises(OarUnavailable):
        OarClient(transport, "2").states([1, 2, 3])


# ---- what has ended, by the cheap question -----------------------------------------------------

HEADER = (
    "Job id    S User     Duration   System message\n"
    "--------- - -------- ---------- ------------------------------------------------\n"
)


def test_what_has_ended() -> None:
    rows = f"{HEADER}12        T griduser    0:00:08 R=1\n7         E griduser    0:00:08 R=1\n"
    transport = always(stdout=rows)
    assert OarClient(transport, "2").ended([12, 7, 12, 9]) == {7, 12}
    where = "state IN ('Terminated','Error') AND (job_id IN (7,9,12))"
    assert transport.asked == [["oarstat", "--format", "2", "--sql", where]]


def test_nothing_has_ended() -> None:
    assert OarClient(always(), "2").ended([7]) == set()
    transport = always()
    assert OarClient(transport, "2").ended([]) == set()
    assert transport.asked == []


def test_oar_3_has_no_cheap_question() -> None:
    transport = always()
    assert OarClient(transport, "3").ended([7]) is None
    assert transport.asked == []


def test_a_row_of_a_job_that_nobody_asked_for() -> None:
    assert OarClient(always(stdout="8         T x\n"), "2").ended([7]) == set()


def test_all_questions_are_put() -> None:
    transport = Replay(
        lambda argv: (0, f"{argv[-1].partition('(job_id IN (')[2].split(',')[0]} T x\n", "")
    )
    ids = range(10**6, 10**6 + 60_000, 2)
    found = OarClient(transport, "2").ended(ids)
    assert len(transport.asked) > 1
    assert found is not None
    assert len(found) == len(transport.asked)


def test_one_failing_question_fails_all() -> None:
    answers = [(0, "", ""), (25, "", "DB connection error, exiting.\n")]
    client = OarClient(Replay(lambda argv: answers.pop(0)), "2")
    with pytest.raises(OarUnavailable):
        client.ended(range(10**6, 10**6 + 60_000, 2))


@pytest.mark.parametrize("version", ["2.5.9", "2.6.1"])
def test_the_cheap_question_agrees_with_the_states(version: str) -> None:
    """In every recorded situation: it was put a moment before the other one."""
    seen = 0
    for asked in calls():
        # Nobody asks for another user's job along with ours, but `forged` does, to show why.
        others = (asked.scenario, asked.step) == ("forged", "final.oarstat-ended")
        cheap = asked.version == version and asked.step.endswith("oarstat-ended")
        if not cheap or others or asked.code:
            continue
        states = call(version, asked.scenario, asked.step.replace("oarstat-ended", "oarstat-s-J"))
        words = {int(key): word for key, word in json.loads(states.stdout).items()}
        found = OarClient(from_recording(asked), "2").ended(words)
        expected = {x for x, word in words.items() if word in ("Terminated", "Error")}
        assert found == expected, asked.where
        seen += len(expected)
    assert seen > 80


@pytest.mark.parametrize("version", ["2.5.9", "2.6.1"])
def test_another_users_forged_row_is_not_in_our_answer(version: str) -> None:
    """Their job's name holds the text row of our held job, as ended."""
    ours = int(call(version, "forged", "oarsub").stdout.rpartition("=")[2])
    asked = call(version, "forged", "ours.oarstat-ended")
    (command,) = OarClient(always(), "2").dialect.ask_ended([(ours, ours)]) or []
    assert shlex.split(asked.command) == command
    assert OarClient(from_recording(asked), "2").ended([ours]) == set()


# ---- records -----------------------------------------------------------------------------------


def test_records_of_oar_2_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RECORDS_IN_ONE_CALL", 2)
    transport = Replay(records_answer)
    found = OarClient(transport, "2").records(dict.fromkeys([3, 1, 2], "Terminated"))
    words = ["oarstat", "--format", "2", "-J", "-f"]
    assert transport.asked == [[*words, "-j", "1", "-j", "2"], [*words, "-j", "3"]]
    assert found == {x: JobRecord(x, "Terminated") for x in (1, 2, 3)}


def test_records_of_oar_3_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RECORDS_IN_ONE_CALL", 2)
    transport = Replay(records_answer)
    found = OarClient(transport, "3").records(dict.fromkeys([3, 1, 2], "Terminated"))
    assert transport.asked == [
        ["oarstat", "-J", "-f", "-j", "1", "-j", "2"],
        ["oarstat", "-e", "-J", "-j", "1", "-j", "2"],
        ["oarstat", "-J", "-f", "-j", "3"],
        ["oarstat", "-e", "-J", "-j", "3"],
    ]
    assert {x: record.events for x, record in found.items()} == {
        x: (Event("SWITCH", str(x)),) for x in (1, 2, 3)
    }


def test_a_thousand_ended_jobs_are_one_call() -> None:
    transport = Replay(records_answer)
    assert len(OarClient(transport, "2").records(dict.fromkeys(range(1, 1001), "Error"))) == 1000
    assert len(transport.asked) == 1


def test_an_ended_job_without_a_row_is_left_out_by_oar_2() -> None:
    transport = always(stdout=json.dumps({"1": {"Job_Id": 1, "state": "Error"}}))
    assert OarClient(transport, "2").records({1: "Error", 2: "Error"}) == {1: JobRecord(1, "Error")}


def test_a_row_that_nobody_asked_for_is_left_out() -> None:
    rows = {str(x): {"Job_Id": x, "state": "Error"} for x in (1, 2)}
    assert sorted(OarClient(always(stdout=json.dumps(rows)), "2").records({1: "Error"})) == [1]


def test_oar_3_hides_a_job_that_was_killed_while_it_waited() -> None:
    """The recorded one: its state and its events are told, its row is not."""
    states = call("3.0.2", "delwaiting", "final.oarstat-s-J")
    rows = call("3.0.2", "delwaiting", "final.oarstat-J-f")
    events = call("3.0.2", "delwaiting", "final.oarstat-e-J")
    assert json.loads(rows.stdout) == {}
    ids = ids_of(states.command.split())
    client = OarClient(from_recording(states, rows, events), "3")
    found = client.states(ids)
    (record,) = client.records(found).values()
    assert record.state == "Error"
    assert [event.kind for event in record.events] == ["FRAG_JOB_REQUEST"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_recorded_end_comes_through_the_client(version: str) -> None:
    """State and details as scan asks for them; the state word is the same in both."""
    seen = 0
    for states in calls():
        if states.version != version or not states.step.endswith("final.oarstat-s-J"):
            continue
        stage = states.step.removesuffix("oarstat-s-J")
        found = json.loads(states.stdout)
        answers = [states, call(version, states.scenario, f"{stage}oarstat-J-f")]
        if version == "3.0.2":
            answers.append(call(version, states.scenario, f"{stage}oarstat-e-J"))
        client = OarClient(from_recording(*answers), version[0])
        words = client.states(int(key) for key in found)
        assert {str(x): word for x, word in words.items()} == found
        for job_id, record in client.records(words).items():
            assert record.state == words[job_id], states.where
            seen += 1
    assert seen > 20


# ---- by name, all, resources -------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2.5.9", "2.6.1"])
def test_jobs_by_name(version: str) -> None:
    recorded = call(version, "bulk", "named.oarstat-J")
    transport = from_recording(recorded)
    found = OarClient(transport, "2").named("bulk")
    assert transport.asked == [["oarstat", "--format", "2", "-J", "--sql", "job_name = 'bulk'"]]
    assert len(found) == 30
    assert [record.job_id for record in found] == sorted(record.job_id for record in found)
    assert {record.name for record in found} == {"bulk"}


@pytest.mark.parametrize("wanted", ["2", "3"])
def test_only_jobs_of_just_that_name(wanted: str) -> None:
    names = {"1": "abc", "2": "ABC", "3": "abc", "4": None, "5": "abcd"}
    rows = {
        key: {"Job_Id": int(key), "id": int(key), "state": "Running", "name": name}
        for key, name in names.items()
    }
    client = OarClient(always(stdout=json.dumps(rows)), wanted)
    assert [record.job_id for record in client.named("abc")] == [1, 3]


def test_no_job_of_that_name() -> None:
    recorded = call("2.5.9", "unknown", "sql-empty.oarstat-J")
    assert OarClient(from_recording(recorded), "2").named("x") == []
    assert OarClient(always(stdout="{}\n"), "3").named("x") == []


@pytest.mark.parametrize("version", ["2.5.9", "2.6.1"])
def test_all_active_jobs(version: str) -> None:
    recorded = call(version, "bulk", "active.oarstat-J")
    transport = from_recording(recorded)
    found = OarClient(transport, "2").active()
    assert transport.asked == [["oarstat", "--format", "2", "-J"]]
    assert len([record for record in found if record.name == "bulk"]) == 30
    assert {record.state for record in found if record.name == "bulk"} == {"Hold"}


@pytest.mark.parametrize("version", ["2.5.9", "2.6.1"])
def test_resources(version: str) -> None:
    transport = from_recording(call(version, "site", "oarnodes-J"))
    found = list(OarClient(transport, "2").resources())
    assert transport.asked == [["oarnodes", "-J"]]
    assert {row["network_address"] for row in found} >= {f"127.0.0.{n}" for n in range(1, 5)}
