"""Settings that stage 0 of a runtime environment changes by joboption_oar_*."""

from __future__ import annotations

import pytest
from support.hostile_text import ALIKE, LONG, WORDS

from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job.rte_overrides import for_one_job
from arc_lrms_oar.options import OPTIONS
from arc_lrms_oar.settings import QueueSettings


def refused(name: str, value: str) -> str:
    with pytest.raises(JobError) as caught:
        for_one_job(QueueSettings(), {f"joboption_oar_{name}": value})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_all_of_them() -> None:
    values = {
        "joboption_count": "2",
        "joboption_oar_queue": "q",
        "joboption_oar_resources": "/a=1 | /b=2",
        "joboption_oar_gpus": "2",
        "joboption_oar_properties": "gpu='A'",
        "joboption_oar_types": "besteffort",
        "joboption_oar_project": "p",
        "joboption_oar_checkpoint": "0:01:00",
        "joboption_oar_checkpoint_signal": "10",
        "joboption_oar_notify": "mail:a@b.org",
    }
    assert for_one_job(QueueSettings(), values) == QueueSettings(
        oar_queue="q",
        resources=("/a=1", "/b=2"),
        gpus=2,
        properties="gpu='A'",
        types=("besteffort",),
        project="p",
        checkpoint=60,
        checkpoint_signal=10,
        notify="mail:a@b.org",
    )
    names = {option.rte_name for option in OPTIONS if option.by_rte}
    assert names == set(values) - {"joboption_count"}


def test_types_and_properties_are_added() -> None:
    queue = QueueSettings(types=("a", "b"), properties="x=1 OR y=1", project="p", gpus=1)
    values = {
        "joboption_oar_types": "b c",
        "joboption_oar_properties": "z=1",
        "joboption_oar_project": "other",
        "joboption_oar_gpus": "0",
    }
    assert for_one_job(queue, values) == QueueSettings(
        types=("a", "b", "c"), properties="(x=1 OR y=1) AND (z=1)", project="other"
    )


def test_empty_value_has_no_effect() -> None:
    queue = QueueSettings(project="p", types=("a",))
    assert for_one_job(queue, {f"joboption_oar_{n}": " " for n in ("project", "types")}) == queue


def test_unknown_variable() -> None:
    assert refused("gpu", "1").startswith(
        "a runtime environment has set joboption_oar_gpu, which does not exist; there are "
        "joboption_oar_queue, joboption_oar_resources, joboption_oar_gpus, "
    )


def test_wrong_value() -> None:
    assert refused("gpus", "many") == (
        "a runtime environment has set joboption_oar_gpus='many', which is wrong: "
        "it must be a whole number, 0 or more"
    )


def test_rte_cannot_name_a_program_for_the_server() -> None:
    assert refused("notify", "exec:/bin/true").endswith(
        "it must be mail:ADDRESS, or [END,ERROR]mail:ADDRESS for these events only"
    )


@pytest.mark.parametrize(
    ("name", "word"),
    [
        (option.rte_name[len("joboption_oar_") :], word)
        for option in OPTIONS
        for word in [*WORDS, LONG]
        if option.by_rte and (option.rte_name, word) != ("joboption_oar_types", ALIKE)
    ],
    ids=lambda word: ascii(word)[:30],
)
def test_hostile_values_are_refused_in_one_line(name: str, word: str) -> None:
    line = refused(name, word)
    assert line.startswith(f"a runtime environment has set joboption_oar_{name}=")
    assert len(line) < 400
