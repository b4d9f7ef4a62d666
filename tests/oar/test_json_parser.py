"""What the readers make of OAR's answers: of all recordings, and of answers that are none."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from oar.recorded import Call, call, calls

from arc_lrms_oar.errors import OarAnswerError
from arc_lrms_oar.oar import json_parser, resources, text_parser
from arc_lrms_oar.oar.job_record import Event


def recorded(program: str, *options: str) -> list[Call]:
    return [asked for asked in calls() if asked.asks(program, *options)]


# ---- oarsub ------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", recorded("oarsub"), ids=lambda asked: asked.where)
def test_the_id_of_every_recorded_submission(asked: Call) -> None:
    ids = [
        int(line.partition("=")[2])
        for line in asked.stdout.split("\n")
        if line.startswith("OAR_JOB_ID=") and line.partition("=")[2].isdecimal()
    ]
    assert text_parser.submitted_id(asked.stdout) == (ids[0] if ids else None)
    # Recorded along with them, but nothing that this package ever asks for.
    others = {"-J", "-V", "--resubmit"} & set(asked.command.replace("=", " ").split())
    assert ids or asked.code or others


@pytest.mark.parametrize(
    ("stdout", "job_id"),
    [
        ("OAR_JOB_ID=17\n", 17),
        ("[ADMISSION RULE] Modify resource description\nOAR_JOB_ID=17\n", 17),
        ("OAR_JOB_ID=17\r\n", 17),
        ("OAR_JOB_ID=17", 17),
        ("OAR_JOB_ID=17\nOAR_JOB_ID=18\nOAR_ARRAY_ID=17\n", 17),
        ("OAR_JOB_ID=999999999999999999\n", 999999999999999999),
        ("", None),
        ("OAR_JOB_ID=\n", None),
        ("OAR_JOB_ID=-5\n", None),
        ("OAR_JOB_ID=0\n", None),
        ("OAR_JOB_ID=017\n", None),
        ("OAR_JOB_ID=17a\n", None),
        ("OAR_JOB_ID=17 18\n", None),
        ("OAR_JOB_ID=1e3\n", None),
        ("OAR_JOB_ID=" + "9" * 19 + "\n", None),
        ("OAR_JOB_ID=\u0661\u0667\n", None),
        ("OAR_ARRAY_ID=17\n", None),
        ("the job is OAR_JOB_ID=17\n", None),
        (" OAR_JOB_ID=17\n", None),
    ],
)
def test_the_id_of_a_submission(stdout: str, job_id: int | None) -> None:
    assert text_parser.submitted_id(stdout) == job_id


# A word that the grid user must read in the reason, by the recording's last part.
REASONS = {
    "queue-unknown": "nosuch",
    "queue-admin": "admin",
    "resources-impossible": "not enough resources",
    "resource-zero": "not enough resources",
    "resource-unknown": "foo",
    "resource-forbidden": "type",
    "resource-syntax": "",
    "walltime-syntax": "abc",
    "property-nomatch": "not enough resources",
    "property-unknown": "nosuch",
    "property-sqlsyntax": "",
    "type-unknown": "unknown job type: nosuchtype",
    "option-unknown": "nosuchoption",
    "as-root": "root and oar users are not allowed to submit jobs",
    "name-long": "too long",
    "reservation-syntax": "date",
    "down.oarsub": "Job is killed",
}
NOISE = (
    "Traceback",
    "unamed error",
    "Modify resource description",
    "verify your",
    "OAR_JOB_ID",
    "\n",
)


@pytest.mark.parametrize(
    "asked", [asked for asked in recorded("oarsub") if asked.code], ids=lambda asked: asked.where
)
def test_the_reason_of_every_recorded_refusal(asked: Call) -> None:
    reason = text_parser.refusal(asked.stdout, asked.stderr)
    name = asked.step.removeprefix("oarsub.") if asked.scenario == "oarsub-refused" else asked.step
    assert REASONS.get(name, "") in reason
    assert not [noise for noise in NOISE if noise in reason]
    assert len(reason) <= 400
    # A command that was killed while it waited for the database may have said nothing.
    assert reason or asked.code >= 124


@pytest.mark.parametrize(
    ("stdout", "stderr", "reason"),
    [
        ("", "", ""),
        ("", "# queue 'x' does not exist\n", "queue 'x' does not exist"),
        ("", "[ADMISSION RULE] Error: no project x\n\n", "no project x"),
        ("", "#ERROR: unamed error\n(-5, 'There are not enough')\n", "There are not enough"),
        ("OAR_JOB_ID=-5\nno project\n", "", "no project"),
        ("from stdout\n", "from stderr\n", "from stderr"),
        ("twice\n", "twice\n", "twice"),
        ("", "x" * 500, "x" * 397 + "..."),
    ],
)
def test_the_reason_of_a_refusal(stdout: str, stderr: str, reason: str) -> None:
    assert text_parser.refusal(stdout, stderr) == reason


CHATTER = (
    "# Filtering out exotic resources (a, b).\n"
    "\x1b[33m/!\\ site rule\x1b[0m\n"
    "# Set walltime to default (3600 s).\n"
)


def test_messages_of_admission_rules_are_no_reason() -> None:
    """Rules print them on stdout, also for jobs that they accept."""
    reason = text_parser.refusal(CHATTER, "There are not enough resources for your request\n")
    assert reason == "There are not enough resources for your request"


def test_reason_on_stdout_alone() -> None:
    """A rule of OAR 2 that prints and exits."""
    reason = text_parser.refusal(CHATTER, "# INFO: Moldable instance: 1\n")
    assert reason == (
        "Filtering out exotic resources (a, b). site rule Set walltime to default (3600 s)."
    )


def test_failed_rule_of_oar_3() -> None:
    """It is on stdout, below what the rules before it have printed."""
    failed = call("3.0.3dev", "types", "type-noop")
    reason = text_parser.refusal(CHATTER + failed.stdout, failed.stderr)
    assert reason == (
        "A failed admission rule prevented submitting the job: [ADMISSION RULE] Error: unknown job "
        "type: noop."
    )


def test_colours_of_a_reason() -> None:
    assert text_parser.refusal("", "\x1b[1;31m[ERROR]\x1b[0m no\x07 project\n") == "no? project"


# ---- oardel ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "step", "refused"),
    [
        ("2.5.9", "oardel.mix", {99999999: "You are not the right user"}),
        ("2.6.1", "oardel.mix", {99999999: "You are not the right user"}),
        ("2.6.1", "oardel.hold-again", {}),
        ("3.0.2", "mix", {99999998: "Job does not exist"}),
        ("3.0.3dev", "finished", {}),
        ("3.0.3dev", "finished-again", {}),
        ("3.0.3dev", "mix-killed-unknown", {99999998: "Job does not exist"}),
        ("3.0.3dev", "mix-unknown-killed", {99999998: "Job does not exist"}),
        (
            *("3.0.3dev", "otheruser-mix"),
            {4: "You are not the right user", 99999998: "Job does not exist"},
        ),
    ],
)
def test_recorded_deletions(version: str, step: str, refused: dict[int, str]) -> None:
    asked = call(version, "oardel", step)
    assert text_parser.refused_deletions(f"{asked.stdout}\n{asked.stderr}") == refused


# ---- oarstat -V --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [asked for asked in recorded("oarstat", "-V") if asked.code == 0],
    ids=lambda asked: asked.where,
)
def test_the_version_of_every_recording(asked: Call) -> None:
    # The source of 3.0.2's recordings calls itself so.
    expected = {"3.0.2": "3.0.3dev"}.get(asked.version, asked.version)
    assert text_parser.version(asked.stdout) == expected


@pytest.mark.parametrize(
    "text", ["", "oarstat: command not found", "OAR version : Canicule", "2.5.9"]
)
def test_no_version(text: str) -> None:
    with pytest.raises(OarAnswerError, match="no version"):
        text_parser.version(text)


# ---- oarstat -s -J -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [asked for asked in recorded("oarstat", "-s", "-J", "-j") if asked.code == 0],
    ids=lambda asked: asked.where,
)
def test_the_states_of_every_recording(asked: Call) -> None:
    words = asked.command.split()
    ids = [int(word) for before, word in zip(words, words[1:]) if before == "-j"]
    expected = {int(key): word for key, word in json.loads(asked.stdout).items()}
    assert json_parser.states(asked.stdout, ids) == {x: expected[x] for x in ids if x in expected}


@pytest.mark.parametrize("version", ["2.5.9", "2.6.1"])
@pytest.mark.parametrize("step", ["unknown", "mix", "bigint", "huge", "zero"])
def test_unknown_ids_are_not_in_the_answer(version: str, step: str) -> None:
    asked = call(version, "unknown", f"{step}.oarstat-s-J")
    ours = int(call(version, "unknown", "oarsub").stdout.rpartition("=")[2])
    found = json_parser.states(asked.stdout, [ours, 99999999, 9999999999, 0])
    assert found == ({} if step == "unknown" else {ours: "Hold"})


def test_only_the_states_asked_for() -> None:
    assert json_parser.states('{"1": "Error", "2": "Running"}', [2, 3]) == {2: "Running"}


@pytest.mark.parametrize("word", [None, 1, True, ["Error"], {"state": "Error"}, 1.5])
def test_a_state_that_is_no_word_says_nothing(word: Any) -> None:
    assert json_parser.states(json.dumps({"1": word}), [1]) == {1: ""}


@pytest.mark.parametrize(
    "stdout",
    [
        "",
        "\n",
        "oarstat: something\n",
        "[]",
        '["1"]',
        '{"1": "Running"',
        '{"1": "Runn',
        '{"1": "Running"}}',
        '{"1": "Running"}\n{"1": "Error"}',
        "null",
        '"Running"',
        "{1: 'Running'}",
        "DB connection error, exiting.",
    ],
)
def test_half_an_answer_is_none(stdout: str) -> None:
    with pytest.raises(OarAnswerError):
        json_parser.states(stdout, [1])


@pytest.mark.parametrize(
    "before",
    [
        "Use of uninitialized value in concatenation (.) at /usr/lib/oar/oarstat line 3.\n",
        "# INFO: something\n\n",
        "perl: warning: Setting locale failed.\nperl: warning: Please check (LC_ALL = {unset})\n",
    ],
)
def test_warnings_before_the_answer_do_no_harm(before: str) -> None:
    assert json_parser.states(before + '{\n   "1" : "Error"\n}\n', [1]) == {1: "Error"}


# ---- the text listing of what has ended --------------------------------------------------------


@pytest.mark.parametrize(
    ("stdout", "ids"),
    [
        ("", set()),
        ("Job id    S User\n--------- - --------\n", set()),
        ("7         T griduser    0:00:08 R=1\n", {7}),
        ("7         E griduser    0:00:08 R=1\n12        T x", {7, 12}),
        ("7         R griduser\n8         H griduser\n9         F griduser\n", set()),
        ("7         TE griduser\n", set()),
        ("007       T griduser\n", set()),
        ("7T griduser\n", set()),
        (" 7        T griduser\n", set()),
        ("-7        T griduser\n", set()),
        ("7         t griduser\n", set()),
        ("123456789 T griduser\n", {123456789}),
        ("9" * 5000 + " T x\n", set()),
    ],
)
def test_what_a_text_listing_hints_at(stdout: str, ids: set[int]) -> None:
    assert text_parser.ended_hint(stdout) == ids


# ---- oarstat -e -J -----------------------------------------------------------------------------


def test_the_recorded_events_of_oar_3() -> None:
    asked = call("3.0.2", "walltime", "final.oarstat-e-J")
    ((job_id, events),) = json_parser.events_3(asked.stdout).items()
    assert [event.kind for event in events] == [
        "FRAG_JOB_REQUEST",
        "WALLTIME",
        "SEND_KILL_JOB",
        "SWITCH_INTO_ERROR_STATE",
    ]
    assert [event.number for event in events] == sorted({event.number for event in events})
    assert {event.date for event in events} == {None}
    assert events[0].when == "2026-11-21 08:08:04"
    assert str(job_id) in events[0].text


@pytest.mark.parametrize(
    ("stdout", "events"),
    [
        ("{}", {}),
        ('{"7": []}', {7: ()}),
        ('{"7": null, "8": [{"type": "X"}]}', {8: (Event("X", ""),)}),
        ('{"x": [{"type": "X"}]}', {}),
        (
            '{"7": [null, "X", {"type": 1}, {"type": "X", "description": 3}]}',
            {7: (Event("X", "", None, 0),)},
        ),
    ],
)
def test_events_of_oar_3(stdout: str, events: dict[int, tuple[Event, ...]]) -> None:
    assert json_parser.events_3(stdout) == events


@pytest.mark.parametrize("stdout", ["", "[]", '{"7": [', "#WARNING: No job ids specified\n"])
def test_no_events_of_oar_3(stdout: str) -> None:
    with pytest.raises(OarAnswerError):
        json_parser.events_3(stdout)


# ---- oarnodes -J -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        asked
        for asked in recorded("oarnodes", "-J")
        if asked.code == 0 and "-s" not in asked.command.split()
    ],
    ids=lambda asked: asked.where,
)
def test_the_resources_of_every_recording(asked: Call) -> None:
    found = list(resources.resources(asked.stdout))
    assert len(found) >= 8
    assert all(isinstance(row.get("network_address"), str) for row in found)
    assert all(isinstance(row.get("state"), str) for row in found)


@pytest.mark.parametrize(
    ("stdout", "count"), [("", 0), ("{}", 0), ("[]", 0), ('{"1": {"a": 1}, "2": null}', 1)]
)
def test_resources(stdout: str, count: int) -> None:
    assert len(list(resources.resources(stdout))) == count


def test_resources_of_a_list_and_after_a_warning() -> None:
    rows = [{"id": 1, "a": "}, {"}, {"id": 2}]
    assert list(resources.resources("[WARN] x\n" + json.dumps(rows) + "\n")) == rows
    assert list(resources.resources(json.dumps({'"': rows[0]}, indent=3))) == rows[:1]


@pytest.mark.parametrize(
    "stdout",
    ["oarnodes: no", '{"1": {', '{"1": {}', "[{},", "[{}] x", "{} x", '{"1": {} "2": {}}', "[{1}]"],
)
def test_no_resources(stdout: str) -> None:
    with pytest.raises(OarAnswerError):
        list(resources.resources(stdout))


# ---- answers that no reader expects -------------------------------------------------------------


def test_events_of_a_key_of_many_digits() -> None:
    assert sorted(json_parser.events_3(json.dumps({"9" * 5000: [], "7": []}))) == [7]


@pytest.mark.parametrize("stdout", ["[" * 100_000, '{"a":' * 100_000])
def test_nothing_but_brackets(stdout: str) -> None:
    with pytest.raises(OarAnswerError):
        json_parser.states(stdout, [1])


def test_number_of_many_digits() -> None:
    with pytest.raises(OarAnswerError):
        json_parser.states('{"1": "Error"', [1])
    row = f'{{"7": {{"Job_Id": 7, "state": "Error", "exit_code": {"9" * 5000}}}}}'
    with contextlib.suppress(OarAnswerError):
        assert json_parser.records_2(row)[7].state == "Error"


@pytest.mark.parametrize("before", ["[warn] x\n", "{locale unset}\n", "[ADMISSION RULE] x\n"])
def test_warnings_in_brackets_before_the_answer(before: str) -> None:
    assert json_parser.states(before + '{\n   "1" : "Error"\n}\n', [1]) == {1: "Error"}
