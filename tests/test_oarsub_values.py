"""The values that oarsub's options may have, and hostile ones that are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.hostile_text import ALIKE, WORDS

from arc_lrms_oar import oarsub_values
from arc_lrms_oar.oarsub_grammar import GrammarError

CONVERTERS: list[Callable[[str], Any]] = [
    oarsub_values.job_types,
    oarsub_values.resources,
    oarsub_values.condition,
    oarsub_values.mail,
    oarsub_values.notification,
    oarsub_values.signal_number,
]


@pytest.mark.parametrize(
    ("convert", "text", "value"),
    [
        (oarsub_values.job_types, "", ()),
        (oarsub_values.job_types, " besteffort  idempotent ", ("besteffort", "idempotent")),
        (oarsub_values.job_types, "besteffort, container=a", ("besteffort", "container=a")),
        (oarsub_values.job_types, ALIKE, tuple(ALIKE.split())),
        (oarsub_values.job_types, "inner=4711 token:lic=2", ("inner=4711", "token:lic=2")),
        (oarsub_values.job_types, "timesharing=user,name", ("timesharing=user,name",)),
        (oarsub_values.resources, "", ()),
        (oarsub_values.resources, " /core={count} ", ("/core={count}",)),
        (
            oarsub_values.resources,
            "/host=1/gpu=2,walltime=1:0:0 | /switch=1/host=ALL",
            ("/host=1/gpu=2,walltime=1:0:0", "/switch=1/host=ALL"),
        ),
        (oarsub_values.resources, "nodes=2 / core=BESTHALF", ("/nodes=2/core=BESTHALF",)),
        (
            oarsub_values.resources,
            "/core={count}+{type='licence'}/licence=1, walltime=1:0:0",
            ("/core={count}+{type='licence'}/licence=1,walltime=1:0:0",),
        ),
        (
            oarsub_values.resources,
            "{ cputype ~ 'a|b' AND (mem>1) }/host=1/core={count} | /core=1",
            ("{cputype ~ 'a|b' AND (mem>1)}/host=1/core={count}", "/core=1"),
        ),
        (
            oarsub_values.job_types,
            "deadline=2037-01-01 12:00:00 besteffort",
            ("deadline=2037-01-01 12:00:00", "besteffort"),
        ),
        (oarsub_values.job_types, "deadline=2037-01-01", ("deadline=2037-01-01",)),
        (
            oarsub_values.job_types,
            "expire=\"2037-01-01  12:00\", container='a b'",
            ("expire=2037-01-01 12:00", "container=a b"),
        ),
        (oarsub_values.mail, "", ""),
        (oarsub_values.mail, "mail:a.b+c@d-e.org,f@g.org", "mail:a.b+c@d-e.org,f@g.org"),
        (oarsub_values.mail, "[END,ERROR]mail:a@b", "[END,ERROR]mail:a@b"),
        (oarsub_values.notification, "mail:a@b.org", "mail:a@b.org"),
        (oarsub_values.notification, "[END]exec:/opt/tell me", "[END]exec:/opt/tell me"),
        (oarsub_values.signal_number, "0", 0),
        (oarsub_values.signal_number, "12", 12),
    ],
)
def test_allowed_values(convert: Callable[[str], Any], text: str, value: Any) -> None:
    assert convert(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gpu='NO'",
        "gpu = 'NO' AND (mem >= 4096 OR mem IS NULL)",
        "host IN ('a','b') AND NOT (core<5)",
        "network_address LIKE 'node-%.site.org'",
        "model = 'it''s' AND memcore*2 > 1.5 and drain <> \"YES\"",
        "host ~ '^node[12]$'",
    ],
)
def test_condition(text: str) -> None:
    assert oarsub_values.condition(f" {text} ") == text


@pytest.mark.parametrize(
    "text",
    [
        "gpu='NO",
        "gpu='NO'; DROP TABLE jobs",
        "a=1) OR (1=1",
        "(a=1",
        "a=1 -- rest",
        "a=1 /* rest",
        "pg_sleep(9) > 0",
        "a IN (SELECT job_id FROM jobs)",
        "a=1 UNION b",
        "a='b\\' OR 1=1 --'",
        "a='b\nc'",
        "a=`id`",
        "a=$(id)",
        "a=\x00",
    ],
)
def test_invalid_condition(text: str) -> None:
    with pytest.raises(GrammarError):
        oarsub_values.condition(text)
    with pytest.raises(GrammarError):
        oarsub_values.resources(f"{{{text}}}/core=1")


@pytest.mark.parametrize(
    ("convert", "text", "right"),
    [
        (oarsub_values.job_types, "noop", "other types than noop, for which OAR does not run"),
        (oarsub_values.mail, "exec:/bin/true", "mail:ADDRESS, or"),
        (oarsub_values.mail, "mail:a@b\nBcc: c@d", "mail:ADDRESS, or"),
        (oarsub_values.notification, "exec:true", "mail:ADDRESS or exec:/PROGRAM"),
        (oarsub_values.notification, "exec:/bin/true;id", "mail:ADDRESS or exec:/PROGRAM"),
        (oarsub_values.signal_number, "9", "the number of a signal that a program can catch"),
        (oarsub_values.signal_number, "65", "the number of a signal"),
        (oarsub_values.signal_number, "USR1", "the number of a signal"),
    ],
)
def test_refused_values(convert: Callable[[str], Any], text: str, right: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        convert(text)
    assert str(caught.value).startswith(right)


AMOUNT = "a number, ALL, BEST, BESTHALF or {count}"


@pytest.mark.parametrize(
    ("convert", "text", "expected", "rest"),
    [
        (oarsub_values.resources, "/core=0", AMOUNT, "0"),
        (oarsub_values.resources, "/core={other}", AMOUNT, "{other}"),
        (oarsub_values.resources, "/core=1x", AMOUNT, "1x"),
        (oarsub_values.resources, "/core=1|", "a level such as /core={count}", ""),
        (oarsub_values.resources, "/core=1+", "a level such as /core={count}", ""),
        (oarsub_values.resources, "/core 1", "=", "1"),
        (oarsub_values.resources, "/core=1 x", "+, |, / or ,walltime=H:M:S", "x"),
        (oarsub_values.resources, "/core=1,walltime=3600", "walltime=H:M:S", "walltime=3600"),
        (oarsub_values.resources, "/core=1,walltime=1:0:0+/a=1", "| or the end", "+/a=1"),
        (oarsub_values.resources, "{a=1/core=1", "an operator or }", ""),
        (oarsub_values.resources, "{a='}'}/core=1", "a text without }", "'}'}/core=1"),
        (oarsub_values.resources, "{}/core=1", "a comparison such as gpu='NO'", "}/core=1"),
        (oarsub_values.condition, "a=1 b=2", "an operator", "b=2"),
        (oarsub_values.condition, "(a=1 AND (b=2)", "a ) for the (", "(a=1 AND (b=2)"),
        (oarsub_values.condition, "a=1)", "a ( for this )", ")"),
        (oarsub_values.condition, "a AND b", "a comparison such as gpu='NO'", "a AND b"),
        (oarsub_values.job_types, "-t", "a job type such as besteffort", "-t"),
        (oarsub_values.job_types, "a;b", "a blank between job types", ";b"),
        (oarsub_values.job_types, "a b=$x", "a value, in quotes if it has blanks", "$x"),
        (oarsub_values.job_types, "a='x;y'", "a value, in quotes if it has blanks", "'x;y'"),
    ],
)
def test_caret_under_the_error(
    convert: Callable[[str], Any], text: str, expected: str, rest: str
) -> None:
    with pytest.raises(GrammarError) as caught:
        convert(text)
    column = len(text) - len(rest)
    assert str(caught.value) == f"{expected} at character {column + 1}"
    assert caught.value.details == f"  {text}\n  {' ' * column}^"


@pytest.mark.parametrize(
    ("convert", "word"),
    [
        (convert, word)
        for convert in CONVERTERS
        for word in WORDS
        if (convert, word) != (oarsub_values.job_types, ALIKE)
    ],
)
def test_hostile_words_are_refused_by_all(convert: Callable[[str], Any], word: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        convert(word)
