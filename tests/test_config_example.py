"""arc.conf.example lists every option of the code, with its type, default and meaning."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.arc_conf_example import with_options

from arc_lrms_oar.arex.config import parse_blocks, settings_from, unknown_options
from arc_lrms_oar.options import OPTIONS
from arc_lrms_oar.settings import Settings

EXAMPLE = Path(__file__).parent.parent / "arc.conf.example"


def test_example_is_what_the_generator_writes() -> None:
    """After a change of an option run tests/generate."""
    assert EXAMPLE.read_text() == with_options(EXAMPLE.read_text())


def test_generator_needs_the_line_of_the_block() -> None:
    with pytest.raises(ValueError, match="no line"):
        with_options("[lrms]\n")


def test_meanings_are_phrases_that_a_full_stop_ends() -> None:
    for option in OPTIONS:
        assert option.meaning[0].isupper(), option.name
        assert option.meaning[-1] != ".", option.name


def test_defaults_of_the_example_are_those_of_the_settings() -> None:
    text = re.sub(r"^#(\w+ =)", r"\1", EXAMPLE.read_text(), flags=re.M)
    blocks = parse_blocks(text, "example")
    assert set(blocks["custom:oar"]) == {option.name for option in OPTIONS}
    assert unknown_options(blocks) == []
    plain = settings_from({"queue:default": {}}, "example")
    # A-REX always states its session directories; without them none is known.
    assert settings_from(blocks, "example")._replace(session_dirs=()) == plain
    assert plain.common == Settings().common
