"""The states of OAR's jobs: all that there are, each with its meaning."""

from __future__ import annotations

import re

import pytest
from oar.recorded import call, calls

from arc_lrms_oar.oar import json_parser
from arc_lrms_oar.oar.states import BY_WORD, State, state_of

# OAR's word, whether the job has ended, the letter that ARC publishes for one that has not.
MEANING = {
    "Waiting": (False, "Q"),
    "toLaunch": (False, "R"),
    "toAckReservation": (False, "Q"),
    "Launching": (False, "R"),
    "Hold": (False, "S"),
    "Suspended": (False, "S"),
    "Running": (False, "R"),
    "Resuming": (False, "R"),
    "Finishing": (False, "R"),
    "toError": (False, "EXECUTED"),
    "Terminated": (True, "EXECUTED"),
    "Error": (True, "EXECUTED"),
}


@pytest.mark.parametrize("word", MEANING)
def test_each_state_has_its_meaning(word: str) -> None:
    state = state_of(word)
    assert state is not None
    assert (state.word, state.ended, state.published) == (word, *MEANING[word])


def test_there_are_no_others() -> None:
    assert set(BY_WORD) == {state.word for state in State} == set(MEANING)


@pytest.mark.parametrize("version", ["2.5.9", "2.6.1"])
def test_they_are_the_states_that_oars_own_database_admits(version: str) -> None:
    constraint = call(version, "site", "states.psql").stdout
    assert set(re.findall(r"'(\w+)'::character varying", constraint)) == set(MEANING)


def test_all_of_them_and_no_others_are_recorded() -> None:
    seen = set()
    for asked in calls():
        if asked.asks("oarstat", "-s", "-J", "-j") and asked.code == 0:
            seen |= set(json_parser.document(asked.stdout).values())
    assert seen == set(MEANING)


@pytest.mark.parametrize(
    "word", ["", "terminated", "TERMINATED", "Terminated ", "Unknown", "E", "T"]
)
def test_unknown_words_are_no_state(word: str) -> None:
    assert state_of(word) is None
