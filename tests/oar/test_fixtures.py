"""The recordings themselves: complete, in one form, with nothing in them that must not be there."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from bed.recording.record import chosen, parser
from bed.recording.scenario import SCENARIOS
from oar.recorded import FIXTURES, VERSIONS, calls

FILES = sorted(FIXTURES.glob("*/*.json"))
KEYS = {"step", "command", "user", "date", "code", "stdout", "stderr"}
# What the beds have, and so what `testbed/record` makes.
MADE = ("2.5.9", "2.6.1")


def load(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_the_form(version: str) -> None:
    paths = [path for path in FILES if path.parent.name == version]
    assert len(paths) >= 40
    for path in paths:
        check_form(load(path))


def check_form(content: dict[str, Any]) -> None:
    assert set(content) == {"how", "made", "calls"}
    assert re.fullmatch(r"\S.*\.", content["how"])
    assert re.fullmatch(r"by hand|testbed/record on Debian [a-z]+", content["made"])
    assert content["calls"]
    for call in content["calls"]:
        assert set(call) == KEYS
        assert isinstance(call["code"], int)
        assert 0 <= call["code"] < 256
        assert re.fullmatch(r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", call["date"])
        assert call["command"]
        assert call["user"]


@pytest.mark.parametrize("version", MADE)
def test_every_scenario_is_recorded_as_it_is_now(version: str) -> None:
    for scenario in SCENARIOS.values():
        content = load(FIXTURES / version / f"{scenario.name}.json")
        assert content["made"].startswith("testbed/record"), scenario.name
        assert content["how"] == scenario.how


def test_steps_have_names_of_their_own() -> None:
    names = Counter(asked.where for asked in calls())
    assert [name for name, count in names.items() if count > 1] == []


def test_nothing_that_must_not_be_published() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
    assert not re.search(r"PRIVATE KEY|ssh-rsa|DB_BASE_PASSWD|password=|://[^/ ]+:[^/ ]+@", text)
    # Only the testbed's own places, OAR's, and such as do not exist.
    places = re.findall(
        r"(?<![\w/.:%-])/(?:home|root|work|srv|mnt|media|Users)\b[^\s\"'\\,:;)]*", text
    )
    assert {
        place
        for place in places
        if not re.match(r"/home/(griduser2?|otheruser)\b|/root/x\.", place)
    } == set()


def test_which_scenarios_are_chosen() -> None:
    everything = {one.name for one in chosen(None, False, False)}
    assert everything == set(SCENARIOS)
    assert not [one for one in chosen(None, True, False) if one.disturbs]
    assert not [one for one in chosen(None, False, True) if one.slow]
    assert [one.name for one in chosen(["exit3"], True, True)] == ["exit3"]
    assert chosen(None, False, False)[0].slow


def test_an_unknown_scenario_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parser().parse_args(["--only", "nosuch"])
    assert "invalid choice: 'nosuch'" in capsys.readouterr().err
