"""The code blocks of the manual: each is classified, and what can be tested is.

CONTRIBUTING.md describes the classes, which follow the language after the three backquotes.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from bed import cli as bed_cli

from arc_lrms_oar import cli
from arc_lrms_oar.arex.config import parse_blocks, settings_from, unknown_options
from arc_lrms_oar.commands.translate import translate

ROOT = Path(__file__).parent.parent
CLASSES = {"sh run", "sh norun", "ini arc.conf", "ini", "xrsl", "text", "text oarsub"}
# Also in list items, which are indented.
FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.M | re.S)
# Commands with arguments in the text, and in blocks that are only indented.
MENTIONED = re.compile(
    r"(?:`|^ {4,})((?:arc-oar|python3 -m arc_lrms_oar|testbed/testbed) [^\s`]+ (?:\\\n|[^`\n])+)",
    re.M,
)
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "testbed/README.md", "bench/README.md")
OWN_COMMANDS = (["arc-oar"], ["python3", "-m", "arc_lrms_oar"])


class Code(NamedTuple):
    """One code block: its page and line, its class, its text."""

    place: str
    kind: str
    text: str


def blocks() -> Iterator[Code]:
    for page in sorted((ROOT / "docs").rglob("*.md")):
        text = page.read_text()
        for found in FENCE.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            place = f"{page.relative_to(ROOT / 'docs')}:{line}"
            yield Code(place, found[2], textwrap.dedent(found[3]))


ALL = list(blocks())


def of_kind(*kinds: str) -> pytest.MarkDecorator:
    chosen = [code for code in ALL if code.kind in kinds]
    assert chosen
    return pytest.mark.parametrize("code", chosen, ids=[code.place for code in chosen])


def test_every_block_is_classified() -> None:
    assert [(code.place, code.kind) for code in ALL if code.kind not in CLASSES] == []


@pytest.mark.parametrize(
    "page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: str(page.relative_to(ROOT))
)
def test_no_block_is_only_indented(page: Path) -> None:
    """It would have no class, and in a list item it may be shown as text."""
    text = re.sub(r"^::: .*\n( {4}.*\n)+", "", FENCE.sub("", page.read_text()), flags=re.M)
    in_list = r"^(?:\d+\.|\*) .*\n(?:(?:  +\S.*)?\n)*"
    assert re.findall(r"^ {4,}\S.*", re.sub(in_list, "", text, flags=re.M), re.M) == []
    assert re.findall(r"^ {5,}\S.*", text, re.M) == []


@of_kind("sh run")
def test_commands_succeed(code: Code, tmp_path: Path) -> None:
    for name, arguments in (("arc-oar", " -m arc_lrms_oar"), ("python3", "")):
        (tmp_path / name).write_text(f'#!/bin/sh\nexec {sys.executable}{arguments} "$@"\n')
        (tmp_path / name).chmod(0o755)
    conf = tmp_path / "arc.conf"
    conf.write_text("[queue:default]\n")
    path = f"{tmp_path}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "ARC_CONFIG": str(conf)}
    done = subprocess.run(
        ["bash", "-euc", code.text],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@of_kind("sh run", "sh norun")
def test_own_commands_have_valid_arguments(code: Code) -> None:
    check_commands(code.text)


@pytest.mark.parametrize(
    "page",
    [*sorted((ROOT / "docs").rglob("*.md")), *(ROOT / name for name in DOCUMENTS)],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_mentioned_commands_have_valid_arguments(page: Path) -> None:
    for found in MENTIONED.finditer(FENCE.sub("", page.read_text())):
        check_commands(found[1])


def check_commands(text: str) -> None:
    """Fails the test if a command of this repository would refuse its arguments."""
    table = cli.commands()
    own = cli.parser(table, table)
    for words in commands(text):
        for start in OWN_COMMANDS:
            if words[: len(start)] == start:
                parse(own, words[len(start) :])
        if words[0] == "testbed/testbed":
            parse(bed_cli.parser(), words[1:])
        if words[0].startswith(("packaging/", "testbed/", "bench/", "tests/")):
            assert os.access(ROOT / words[0], os.X_OK), words[0]


def commands(text: str) -> Iterator[list[str]]:
    """The words of each command of a block."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if not set(word) <= set("();<>|&"):
                words.append(word)
            elif words:
                yield words
                words = []


def parse(parser: argparse.ArgumentParser, words: list[str]) -> None:
    """Fails the test on invalid arguments."""
    if "--help" not in words:
        parser.parse_args(words)


@of_kind("ini arc.conf")
def test_configuration_is_accepted(code: Code) -> None:
    found = parse_blocks(code.text, code.place)
    assert unknown_options(found) == []
    settings = settings_from(found, code.place)
    for block in found:
        _, slash, queue = block.partition("custom:oar/")
        assert not slash or f"queue:{queue}" in found
    lrms = found.get("lrms", {}).get("lrms", [""])[-1].split()
    assert not lrms[1:] or f"queue:{lrms[1]}" in found
    assert settings.shared_filesystem


@of_kind("xrsl")
def test_job_becomes_what_is_shown(code: Code, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the configuration above it, and the arguments of oarsub below it, if there are any."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    number = ALL.index(code)
    page = code.place.partition(":")[0]
    before = [one for one in ALL[:number] if one.place.startswith(f"{page}:")]
    configurations = [one.text for one in before if one.kind == "ini arc.conf"]
    conf = configurations[-1] if configurations else ""
    (job,) = translate(code.text, settings_from(parse_blocks(conf, page), page))
    following = ALL[number + 1 : number + 2]
    if following and following[0].kind == "text oarsub":
        for line in following[0].text.splitlines():
            expected = shlex.split(line)
            lists = [job.oarsub[i : i + len(expected)] for i in range(len(job.oarsub))]
            assert expected in lists, job.oarsub
