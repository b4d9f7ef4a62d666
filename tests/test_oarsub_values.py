"""What may stand behind oarsub's options, and above all what may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.hostile_text import ALIKE, WORDS

from arc_lrms_oar import oarsub_values

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
        (oarsub_values.mail, "", ""),
        (oarsub_values.mail, "mail:a.b+c@d-e.org,f@g.org", "mail:a.b+c@d-e.org,f@g.org"),
        (oarsub_values.mail, "[END,ERROR]mail:a@b", "[END,ERROR]mail:a@b"),
        (oarsub_values.notification, "mail:a@b.org", "mail:a@b.org"),
        (oarsub_values.notification, "[END]exec:/opt/tell me", "[END]exec:/opt/tell me"),
        (oarsub_values.signal_number, "0", 0),
        (oarsub_values.signal_number, "12", 12),
    ],
)
def test_right(convert: Callable[[str], Any], text: str, value: Any) -> None:
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
def test_more_than_a_condition(text: str) -> None:
    with pytest.raises(ValueError, match="an SQL condition on properties"):
        oarsub_values.condition(text)


@pytest.mark.parametrize(
    ("convert", "text", "right"),
    [
        (oarsub_values.job_types, "noop", "other types than noop, for which OAR does not run"),
        (oarsub_values.job_types, "-t", "OAR job types separated by spaces"),
        (oarsub_values.resources, "core=1", "levels as in /switch=1/core={count}"),
        (oarsub_values.resources, "/core=0", "levels as in"),
        (oarsub_values.resources, "/core=1|", "levels as in"),
        (oarsub_values.resources, "/core=1,walltime=3600", "levels as in"),
        (oarsub_values.resources, "/core={other}", "levels as in"),
        (oarsub_values.mail, "exec:/bin/true", "mail:ADDRESS, or"),
        (oarsub_values.mail, "mail:a@b\nBcc: c@d", "mail:ADDRESS, or"),
        (oarsub_values.notification, "exec:true", "mail:ADDRESS or exec:/PROGRAM"),
        (oarsub_values.notification, "exec:/bin/true;id", "mail:ADDRESS or exec:/PROGRAM"),
        (oarsub_values.signal_number, "9", "the number of a signal that a program can catch"),
        (oarsub_values.signal_number, "65", "the number of a signal"),
        (oarsub_values.signal_number, "USR1", "the number of a signal"),
    ],
)
def test_wrong(convert: Callable[[str], Any], text: str, right: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        convert(text)
    assert str(caught.value).startswith(right)


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
