"""The command lines with which each generation of OAR is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from oar.recorded import VERSIONS, calls

from arc_lrms_oar.id_ranges import ranges_of
from arc_lrms_oar.oar import text_parser
from arc_lrms_oar.oar.dialect import Dialect, Dialect2, Dialect3, dialect_of

TWO = Dialect2()
THREE = Dialect3()
ENDED = "state IN ('Terminated','Error')"
# Linux's MAX_ARG_STRLEN.
LONGEST_ARGUMENT = 128 * 1024


def conditions(ids: Sequence[int]) -> list[str]:
    """The conditions of the query for ended jobs, without the constant part."""
    found = []
    for words in TWO.ask_ended(ranges_of(ids)) or []:
        assert words[:-1] == ["oarstat", "--format", "2", "--sql"]
        match = re.fullmatch(re.escape(ENDED) + r" AND \((.*)\)", words[-1])
        assert match
        found.append(match[1])
    return found


def selected(condition: str) -> list[int]:
    """The IDs that a condition selects."""
    ids: list[int] = []
    for part in condition.split(" OR "):
        listed = re.fullmatch(r"job_id IN \(([0-9,]+)\)", part)
        between = re.fullmatch(r"job_id BETWEEN ([0-9]+) AND ([0-9]+)", part)
        if listed:
            ids += [int(word) for word in listed[1].split(",")]
        else:
            assert between
            ids += range(int(between[1]), int(between[2]) + 1)
    return ids


@pytest.mark.parametrize(
    ("version", "generation"),
    [
        ("2", 2),
        ("2.5", 2),
        ("2.5.9", 2),
        ("2.5.10+g5k1", 2),
        ("2.6.1", 2),
        ("3", 3),
        ("3.0.0.dev15", 3),
        ("3.0.3dev", 3),
        ("3.1.0", 3),
        ("4.0", 3),
        ("10.1", 3),
    ],
)
def test_dialect_of_a_version(version: str, generation: int) -> None:
    assert dialect_of(version).generation == generation


@pytest.mark.parametrize("version", VERSIONS)
def test_dialect_of_each_recorded_version(version: str) -> None:
    printed = {
        asked.stdout
        for asked in calls()
        if asked.version == version and asked.asks("oarstat", "-V") and asked.code == 0
    }
    assert printed
    assert {dialect_of(text_parser.version(text)).generation for text in printed} == {
        int(version[0])
    }


@pytest.mark.parametrize("dialect", [TWO, THREE])
def test_states_are_queried_alike(dialect: Dialect) -> None:
    assert dialect.ask_states([7, 12]) == ["oarstat", "-s", "-J", "-j", "7", "-j", "12"]


def test_command_lines_for_oar_2() -> None:
    assert TWO.ask_records([7, 12]) == [
        *("oarstat", "--format", "2", "-J", "-f", "-j", "7", "-j", "12")
    ]
    assert TWO.ask_ended([(7, 7), (12, 12)]) == [
        ["oarstat", "--format", "2", "--sql", f"{ENDED} AND (job_id IN (7,12))"]
    ]
    assert TWO.ask_events([7]) is None
    assert TWO.ask_successors([7]) == []
    assert TWO.ask_assigned([7]) is None
    assert TWO.ask_queues() == ["oarnotify", "-l"]
    assert TWO.ask_active() == ["oarstat", "--format", "2", "-J"]
    assert TWO.ask_named("a-b_3") == [
        *("oarstat", "--format", "2", "-J", "--sql", "job_name = 'a-b_3'")
    ]
    blocks = TWO.ask_names_ending(["a"] * 1000)
    assert [argv[-1].count("job_name LIKE '%a'") for argv in blocks] == [800, 200]
    alive = "state NOT IN ('Terminated','Error') AND command LIKE '%x%'"
    asked = ["oarstat", "--format", "2", "-J", "--sql"]
    assert TWO.ask_commands_like("%x%", []) == [*asked, f"({alive})"]
    assert TWO.ask_commands_like("%x%", [(3, 3), (5, 99)]) == [
        *(*asked, f"({alive} AND NOT (job_id IN (3) OR job_id BETWEEN 5 AND 99))")
    ]
    many = [(number, number) for number in range(1, 100_000, 2)]
    assert len(TWO.ask_commands_like("%x%", many)[-1]) < 131_072


def test_command_lines_for_oar_3() -> None:
    assert THREE.ask_records([7, 12]) == ["oarstat", "-J", "-f", "-j", "7", "-j", "12"]
    assert THREE.ask_events([7, 12]) == ["oarstat", "-e", "-J", "-j", "7", "-j", "12"]
    assert THREE.ask_active() == ["oarstat", "-J", "-f"]
    always = "2000-01-01 00:00:00, 2037-12-31 23:59:59"
    assert THREE.ask_named("a-b_3") == [
        *("oarstat", "-J", "-f", "-g", always, "--sql", "job_name = 'a-b_3'")
    ]
    assert THREE.ask_successors([7, 12]) == [
        ["oarstat", "-J", "-f", "-g", always, "--sql", "(resubmit_job_id IN (7,12))"]
    ]
    similar = "(job_name LIKE '%a1' OR job_name LIKE '%b2')"
    assert THREE.ask_names_ending(["a1", "b2"]) == [
        ["oarstat", "-J", "-f", "-g", always, "--sql", similar]
    ]
    alive = "state NOT IN ('Terminated','Error') AND command LIKE '%x%'"
    assert THREE.ask_commands_like("%x%", [(7, 7)]) == [
        *("oarstat", "-J", "-f", "-g", always, "--sql", f"({alive} AND NOT (job_id IN (7)))")
    ]
    assert THREE.ask_assigned([7]) == ["oarstat", "-p", "-J", "-j", "7"]
    assert THREE.ask_queues() == ["oarqueue", "-l"]


@pytest.mark.parametrize(
    ("ids", "condition"),
    [
        ([7], "job_id IN (7)"),
        ([7, 8, 9], "job_id IN (7,8,9)"),
        (list(range(7, 14)), "job_id BETWEEN 7 AND 13"),
        ([1, *range(7, 14), 20], "job_id IN (1,20) OR job_id BETWEEN 7 AND 13"),
    ],
)
def test_query_selects_exactly_these_jobs(ids: list[int], condition: str) -> None:
    """A range must contain no other job: its name may hold a forged row."""
    assert conditions(ids) == [condition]


def test_no_query_without_jobs() -> None:
    assert TWO.ask_ended([]) == []


@pytest.mark.parametrize("step", [1, 2, 3, 7])
@pytest.mark.parametrize("gap", [1, 5, 6, 7, 8, 100])
def test_any_set_of_jobs(step: int, gap: int) -> None:
    first = 10**9
    ids = [first + step * n + 3 * (n // gap) for n in range(30_000)]
    found = conditions(ids)
    assert sorted(job_id for condition in found for job_id in selected(condition)) == ids
    assert all(len(condition) + len(ENDED) + 10 < LONGEST_ARGUMENT for condition in found)


def test_few_queries_for_many_jobs() -> None:
    assert len(conditions(range(10**6, 10**6 + 100_000))) == 1
    assert len(conditions(range(10**6, 10**6 + 200_000, 2))) < 12


def test_oar_3_has_no_query_for_ended_jobs() -> None:
    """Its --sql lists active jobs only, and its text is never read."""
    assert THREE.ask_ended([(7, 7)]) is None


def test_oar_3_is_asked_for_json_only() -> None:
    asked = [
        THREE.ask_states([1]),
        THREE.ask_records([1]),
        THREE.ask_events([1]) or [],
        THREE.ask_active(),
        THREE.ask_named("x"),
    ]
    assert all("-J" in words for words in asked)
    assert not any("--format" in words or "-X" in words or "-D" in words for words in asked)


@pytest.mark.parametrize("dialect", [TWO, THREE])
def test_command_lines_are_the_recorded_ones(dialect: Dialect) -> None:
    """The readers are tested with recorded answers, so the queries must be the recorded ones."""
    recorded = {
        " ".join(asked.command.split()[: asked.command.split().index("-j")])
        for asked in calls()
        if asked.version.startswith(str(dialect.generation))
        and asked.program == "oarstat"
        and "-j" in asked.command.split()
        and asked.code == 0
    }
    questions = [dialect.ask_states([1]), dialect.ask_records([1]), dialect.ask_events([1])]
    for words in questions:
        if words is not None:
            assert " ".join(words[: words.index("-j")]) in recorded


# As recorded with the default admission rules of 3.0.3dev (fixtures/3.0.3dev/types.json).
TYPES_3 = {
    "refused": [
        *("deadline=2037-01-01 00:00:00", "postpone=2037-01-01 00:00:00", "state=permissive"),
        *("token:x=1", "noop", "checkpoint", "timesharing", "extratime"),
    ],
    "accepted": ["inner=5", "allowed=x", "container", "placeholder=x", "besteffort", "idempotent"],
}


def test_job_types_that_oar_3_refuses() -> None:
    everything = [word for words in TYPES_3.values() for word in words]
    assert THREE.refused_types(everything) == TYPES_3["refused"]
    assert TWO.refused_types(everything) == []


def test_recorded_job_types_of_oar_3() -> None:
    for asked in calls():
        found = re.search(r"-t '?([^']+?)'? '?sleep 1'?$", asked.command)
        if asked.version == "3.0.3dev" and found:
            assert bool(THREE.refused_types([found[1]])) == (asked.code == 1), asked.command
