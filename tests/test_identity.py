"""The identity of the grid user, and the rules of arc.conf that map it."""

from __future__ import annotations

import pytest
from support.hostile_text import WORDS

from arc_lrms_oar.identity import Identity, Rule, choose, from_local, rules

PILOT = Identity(
    "/DC=org/CN=Test User (1)",
    ("atlas", "cms"),
    ("/atlas/Role=pilot", "/atlas", "/cms/italy"),
    ("wlcg.groups=/dune/prod",),
    ("testers", "all"),
)


def test_rules() -> None:
    text = (
        "voms /atlas/Role=pilot -> project=pilots oar_queue=pilot\n\n"
        "subject /DC=org/O=A B/CN=C -> D -> oar_queue=mine\n"
        "vo * -> project={vo}-{role}.x\n"
    )
    assert rules(text) == (
        Rule("voms", "/atlas/Role=pilot", "pilots", "pilot"),
        Rule("subject", "/DC=org/O=A B/CN=C -> D", "", "mine"),
        Rule("vo", "*", "{vo}-{role}.x", ""),
    )


@pytest.mark.parametrize(
    "line",
    [
        "atlas -> project=a",
        "vo atlas project=a",
        "vo -> project=a",
        "vo atlas ->",
        "vo atlas -> project=",
        "vo atlas -> project=a project=b",
        "vo atlas -> account=a",
        "vo atlas -> project=it's",
        "vo atlas -> project={name}",
        "vo atlas -> project=-x",
        *(f"vo atlas -> project={word}" for word in WORDS if "\n" not in word),
    ],
)
def test_wrong_rules_are_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r"voms FQAN, vo NAME, subject NAME, claim NAME=VALUE"):
        rules(line)


def test_identity_of_a_local_file() -> None:
    local = {
        "subject": ["/DC=org/CN=Test User (1)"],
        "localvo": ["atlas"],
        "voms": ["/atlas/Role=pilot/Capability=NULL", "/atlas/Role=NULL", "/cms/italy"],
        "tokenclaim.wlcg.groups": ["/dune/prod"],
        "auth": ["testers", "all"],
        "jobname": ["x"],
    }
    assert from_local(local) == PILOT
    assert from_local({}) == Identity()


@pytest.mark.parametrize(
    ("table", "given"),
    [
        ("vo cms -> project=c", ("c", "")),
        ("vo dune -> project=c", ("", "")),
        ("voms /atlas/Role=pilot -> oar_queue=q", ("", "q")),
        ("voms /atlas/Role -> project=p", ("", "")),
        ("voms */Role=pilot -> project={vo}-{role}", ("atlas-pilot", "")),
        ("vo * -> project={vo}{role}", ("atlas", "")),
        ("subject /DC=org/* -> project=p oar_queue=q", ("p", "q")),
        ("subject /DC=org/CN=Test User (1) -> project=p", ("p", "")),
        ("subject /DC=org/CN=Test.User.(1) -> project=p", ("", "")),
        ("claim wlcg.groups=/dune/* -> project=d", ("d", "")),
        ("authgroup all -> project=a", ("a", "")),
        ("authgroup testers* -> project=t\nauthgroup all -> project=a", ("t", "")),
        ("authgroup other -> project={vo}{role}a", ("", "")),
        ("vo x -> project=1\nvo cms -> project=2\nvo atlas -> project=3", ("2", "")),
    ],
)
def test_first_matching_rule(table: str, given: tuple[str, str]) -> None:
    assert choose(rules(table), PILOT) == given


def test_unknown_user_matches_no_rule() -> None:
    assert choose(rules("vo * -> project=a\nsubject * -> project=b"), Identity()) == ("", "")


@pytest.mark.parametrize("word", WORDS, ids=lambda word: ascii(word)[:30])
def test_user_chosen_names_are_made_safe(word: str) -> None:
    project, _ = choose(rules("vo * -> project={vo}"), Identity(vos=(word,)))
    assert set(project) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
    assert not project.startswith("-")
