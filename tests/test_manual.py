"""The manual: every page is in the table of contents, and its reference is what the code says.

Broken links, orphan pages and addresses on other hosts are found by `mkdocs build`, a step of
tests/run; these tests need nothing but the standard library.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from support.import_graph import IMAGE_PATH, images
from support.messages import doctor_findings, failure_sentences, log_lines
from support.metrics_page import METRICS_PATH
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


@pytest.mark.parametrize("path", [OPTIONS_PATH, COMMANDS_PATH, METRICS_PATH, IMAGE_PATH])
def test_generated_file_is_what_the_generator_writes(path: str) -> None:
    """After a change of a command, an option or an import run tests/generate."""
    assert (ROOT / path).read_text() == {**reference_pages(), **images()}[path]


def test_commands_are_described() -> None:
    text = reference_pages()[COMMANDS_PATH]
    for name, command in cli.commands().items():
        assert f"\n## {name}\n" in text
        assert f"\n{command.summary.partition(' --')[0]}" in text


def test_every_option_has_an_example() -> None:
    assert {option.name for option in OPTIONS} <= set(EXAMPLES)


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


@pytest.mark.parametrize(
    ("page", "messages"),
    [
        ("doctor.md", doctor_findings),
        ("jobs.md", failure_sentences),
        ("log.md", log_lines),
    ],
)
def test_every_message_has_an_entry(page: str, messages: Callable[[], set[str]]) -> None:
    """A new message needs an entry of its own: what it means, and what to do."""
    text = (ROOT / "docs/troubleshooting" / page).read_text()
    entries = re.findall(r"^#### `(.*)`$", text, re.M)
    assert len(entries) == len(set(entries))
    assert set(entries) == messages()
    assert not re.search(r"^#### .*\n+#", text, re.M), "an entry without text"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_links_of_the_documents_beside_the_manual(name: str) -> None:
    """mkdocs checks those of the manual, except for files that have no page."""
    links = re.findall(r"\]\((?![a-z]+:)([^)#]+)", (ROOT / name).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_paths_in_contributing_exist() -> None:
    named = re.findall(r"`((?:[\w-]+/)+[\w./*-]*)[^`]*`", (ROOT / "CONTRIBUTING.md").read_text())
    roots = (ROOT, ROOT / "arc_lrms_oar")
    paths = [path for path in named if not path.startswith("build/")]
    assert len(paths) > 20
    assert [path for path in paths if not any([*top.glob(path)] for top in roots)] == []


def test_readme_has_two_screens() -> None:
    """What does not fit belongs into the manual."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 100
