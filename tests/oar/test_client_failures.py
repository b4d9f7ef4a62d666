"""OAR that cannot be asked, or that says no."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from oar.recorded import Call, call, calls
from oar.replay import Answer, Replay, always, from_recording, ids_of

from arc_lrms_oar.errors import OarAnswerError, OarRefused, OarUnavailable
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.transport import CommandFailed, CommandTimeout

# ---- OAR that cannot be asked ------------------------------------------------------------------

QUESTIONS: Mapping[str, Callable[[OarClient], Any]] = {
    "version": lambda client: client.version(),
    "states": lambda client: client.states([1]),
    "ended": lambda client: client.ended([1]),
    "records": lambda client: client.records({1: "Error"}),
    "named": lambda client: client.named("x"),
    "active": lambda client: client.active(),
    "resources": lambda client: list(client.resources()),
    "delete": lambda client: client.delete([1]),
}


# With 2, oardel says that it has registered the deletion; OAR 3 is not asked what has ended.
FAILURES = [
    (wanted, question, code)
    for wanted in ("2", "3")
    for question in QUESTIONS
    for code in (1, 2, 25, 126, 127, 137, 255, -9, -15)
    if (question, code) != ("delete", 2) and (wanted, question) != ("3", "ended")
]


@pytest.mark.parametrize(("wanted", "question", "code"), FAILURES)
def test_a_command_that_fails_is_no_answer(wanted: str, question: str, code: int) -> None:
    client = OarClient(always(code, "{}", "DB connection error, exiting.\n"), wanted)
    with pytest.raises(OarUnavailable, match=rf"exit code {code}: DB connection error") as caught:
        QUESTIONS[question](client)
    assert isinstance(caught.value, CommandFailed)
    assert caught.value.code == code
    assert caught.value.stderr == "DB connection error, exiting.\n"
    assert caught.value.argv[0] in ("oarstat", "oarnodes", "oardel")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_command_that_does_not_end_is_no_answer(question: str) -> None:
    def never(argv: Sequence[str]) -> Answer:
        raise CommandTimeout("no answer in 3 s", argv, None, "{}", "")

    with pytest.raises(OarUnavailable, match="no answer in 3 s"):
        QUESTIONS[question](OarClient(Replay(never), "2"))


@pytest.mark.parametrize("question", ["states", "records", "named", "active", "resources"])
@pytest.mark.parametrize("wanted", ["2", "3"])
@pytest.mark.parametrize("stdout", ["garbage\n", '{"1": ', "<html>"])
def test_an_answer_that_is_none(wanted: str, question: str, stdout: str) -> None:
    with pytest.raises(OarAnswerError):
        QUESTIONS[question](OarClient(always(stdout=stdout), wanted))


@pytest.mark.parametrize(
    "asked",
    [
        asked
        for asked in calls()
        if asked.program in ("oarstat", "oarnodes")
        and asked.scenario in ("database-down", "database-refuses")
        and asked.code
        and "-J" in asked.command.split()
    ],
    ids=lambda asked: asked.where,
)
def test_every_recording_of_a_database_that_is_down(asked: Call) -> None:
    question = "resources" if asked.program == "oarnodes" else "states"
    with pytest.raises(OarUnavailable):
        QUESTIONS[question](OarClient(from_recording(asked), asked.version[0]))


@pytest.mark.parametrize("version", ["2.5.9", "2.6.1"])
def test_a_server_that_is_down_still_answers_questions(version: str) -> None:
    asked = call(version, "server-down", "down.oarstat-s-J")
    (job_id,) = ids_of(asked.command.split())
    assert OarClient(from_recording(asked), "2").states([job_id]) == {job_id: "Hold"}


# ---- oardel ------------------------------------------------------------------------------------


def test_jobs_are_deleted_in_one_call() -> None:
    transport = always()
    OarClient(transport, "2").delete([7, 12])
    assert transport.asked == [["oardel", "7", "12"]]


def outcome(asked: Call) -> str:
    """What the client makes of a recorded oardel."""
    try:
        OarClient(from_recording(asked), asked.version[0]).delete([1])
    except OarRefused:
        return "refused"
    except OarUnavailable:
        return "unavailable"
    return "ok"


DELETIONS = {
    ("2.5.9", "delrunning", "oardel.running"): "ok",
    ("2.5.9", "delrunning", "oardel.running-again"): "ok",
    ("2.5.9", "exit0", "oardel.finished"): "ok",
    ("2.5.9", "exit0", "oardel.finished-again"): "ok",
    ("2.5.9", "oardel", "oardel.hold"): "ok",
    ("2.5.9", "oardel", "oardel.otheruser"): "refused",
    ("2.5.9", "oardel", "oardel.unknown"): "refused",
    ("2.5.9", "oardel", "oardel.noarg"): "unavailable",
    ("2.5.9", "server-down", "down.oardel"): "ok",
    ("2.5.9", "database-down", "oardel"): "unavailable",
    ("2.6.1", "delrunning", "oardel.running"): "ok",
    ("2.6.1", "delrunning", "oardel.running-again"): "ok",
    ("2.6.1", "exit0", "oardel.finished"): "ok",
    ("2.6.1", "oardel", "oardel.otheruser"): "refused",
    ("2.6.1", "oardel", "oardel.unknown"): "refused",
    ("2.6.1", "oardel", "oardel.noarg"): "unavailable",
    ("2.6.1", "server-down", "down.oardel"): "ok",
    ("2.6.1", "database-down", "oardel"): "unavailable",
    ("3.0.3dev", "oardel", "finished"): "ok",
    ("3.0.3dev", "oardel", "finished-again"): "ok",
    ("3.0.3dev", "oardel", "otheruser"): "refused",
    ("3.0.3dev", "oardel", "mix-killed-unknown"): "refused",
    ("3.0.3dev", "oardel", "otheruser-mix"): "refused",
    ("3.0.2", "oardel", "running"): "ok",
    ("3.0.2", "oardel", "running-again"): "ok",
    ("3.0.2", "oardel", "finished"): "ok",
    ("3.0.2", "oardel", "otheruser"): "refused",
    ("3.0.2", "oardel", "unknown"): "refused",
    ("3.0.2", "oardel", "noarg"): "unavailable",
    ("3.0.2", "server-down", "oardel"): "ok",
    ("3.0.2", "database-down", "oardel"): "unavailable",
}


@pytest.mark.parametrize(("version", "scenario", "step"), DELETIONS)
def test_what_oardel_said(version: str, scenario: str, step: str) -> None:
    assert outcome(call(version, scenario, step)) == DELETIONS[version, scenario, step]


def test_a_refusal_says_why() -> None:
    client = OarClient(from_recording(call("2.5.9", "oardel", "oardel.otheruser")), "2")
    with pytest.raises(OarRefused, match="You are not the right user"):
        client.delete([1])


@pytest.mark.parametrize("version", ["2.5.9", "2.6.1"])
def test_failed_sql_is_no_empty_answer(version: str) -> None:
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
def test_one_refused_deletion_of_several(version: str) -> None:
    """oardel's exit code is that of the last job only."""
    recorded = call(version, "oardel", "oardel.mix")
    client = OarClient(always(recorded.code, recorded.stdout, recorded.stderr), "2")
    with pytest.raises(OarRefused):
        client.delete([99999999, 1])


def test_refused_deletions_are_named() -> None:
    output = "".join(f"Cannot frag {job_id} ; Job does not exist.\n" for job_id in range(1, 9))
    with pytest.raises(OarRefused) as caught:
        OarClient(always(15, "", output), "3").delete(range(1, 9))
    named = "; ".join(f"job {job_id}: Job does not exist" for job_id in range(1, 6))
    assert str(caught.value) == f"{named}; and 3 more"


@pytest.mark.parametrize("dialect", ["2", "3"])
def test_wrong_condition_selects_no_resources(dialect: str) -> None:
    """OAR 3 prints a traceback, OAR 2 nothing."""
    failed = call("3.0.3dev", "odd", "oarnodes--J---sql-nonsense-=-1")
    answer = {"2": (0, "", ""), "3": (failed.code, failed.stdout, failed.stderr)}[dialect]
    client = OarClient(always(*answer), dialect)
    assert list(client.resources("nonsense = 1")) == []


def test_condition_with_the_database_down() -> None:
    failed = call("3.0.3dev", "database-down", "oarnodes--J")
    client = OarClient(always(failed.code, failed.stdout, failed.stderr), "3")
    with pytest.raises(OarUnavailable):
        client.resources("nonsense = 1")
    wrong = call("3.0.3dev", "odd", "oarnodes--J---sql-nonsense-=-1")
    client = OarClient(always(wrong.code, wrong.stdout, wrong.stderr), "3")
    with pytest.raises(OarUnavailable):
        client.resources()
