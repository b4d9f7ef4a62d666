"""arc.conf.example lists every option of the code, with the same type, default and meaning."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from arc_lrms_oar.arex.config import parse_blocks, settings_from, unknown_options
from arc_lrms_oar.settings import OPTIONS, Option, Settings

EXAMPLE = Path(__file__).parent.parent / "arc.conf.example"


def documented() -> dict[str, tuple[str, str]]:
    """What the example says of each option: (heading and meaning, default)."""
    _, _, text = EXAMPLE.read_text().partition("\n[custom:oar]\n")
    found = {}
    for comment, name, default in re.findall(r"((?:^## .*\n)+)^#(\w+) =(.*)$", text, re.M):
        heading = " ".join(line[3:] for line in comment.splitlines())
        found[name] = (heading, default.strip())
    return found


def test_the_example_and_the_code_have_the_same_options_in_the_same_order() -> None:
    assert list(documented()) == [option.name for option in OPTIONS]


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: str(option.name))
def test_type_default_and_meaning_are_those_of_the_code(option: Option) -> None:
    where = " (per queue)" if option.per_queue else ""
    assert documented()[option.name] == (
        f"{option.name} = {option.type}{where}: {option.meaning}.",
        option.default,
    )


def test_the_defaults_of_the_example_are_those_of_the_settings() -> None:
    text = re.sub(r"^#(\w+ =)", r"\1", EXAMPLE.read_text(), flags=re.M)
    blocks = parse_blocks(text, "example")
    assert unknown_options(blocks) == []
    plain = settings_from({"queue:default": {}}, "example")
    assert settings_from(blocks, "example") == plain
    assert plain.common == Settings().common
