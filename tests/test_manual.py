"""The manual: every page is in the table of contents, and its reference is what the code says.

Broken links, orphan pages and addresses on other hosts are found by `mkdocs build`, a step of
tests/run; these tests need nothing but the standard library.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.reference_pages import COMMANDS_PATH, EXAMPLES, OPTIONS_PATH, reference_pages

from arc_lrms_oar import cli
from arc_lrms_oar.arex.config import parse_blocks, settings_from, unknown_options
from arc_lrms_oar.options import OPTIONS, Option

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").rglob("*.md"))


def test_every_page_is_in_the_table_of_contents() -> None:
    _, _, nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")
    listed = set(re.findall(r"[\w/-]+\.md", nav))
    pages = {str(page.relative_to(ROOT / "docs")) for page in PAGES}
    assert pages == {name for name in listed if not name.startswith("repository/")}


@pytest.mark.parametrize("path", [OPTIONS_PATH, COMMANDS_PATH])
def test_reference_is_what_the_generator_writes(path: str) -> None:
    """After a change of a command or an option run tests/generate."""
    assert (ROOT / path).read_text() == reference_pages()[path]


def test_commands_are_described() -> None:
    text = reference_pages()[COMMANDS_PATH]
    for name, command in cli.commands().items():
        assert f"\n## {name}\n" in text
        assert f"\n{command.summary.partition(' --')[0]}" in text


def test_every_option_has_an_example() -> None:
    assert set(EXAMPLES) == {option.name for option in OPTIONS}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: str(option.name))
def test_example_of_an_option_is_accepted_and_not_its_default(option: Option) -> None:
    lines = f"{option.name} = {EXAMPLES[option.name]}\n"
    for other in ("remote_host", "remote_user", "private_key"):
        if option.name != other:
            lines += f"{other} = {EXAMPLES[other]}\n"
    blocks = parse_blocks(f"[custom:oar]\n{lines}[queue:q]\n", "example")
    assert unknown_options(blocks) == []
    settings_from(blocks, "example")
    assert EXAMPLES[option.name] != option.default
