"""docs/jobs.md covers everything that the code reads of a job description."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from arc_lrms_oar.arex.config import parse_blocks, settings_from
from arc_lrms_oar.commands.translate import translate
from arc_lrms_oar.job import grami
from arc_lrms_oar.job.xrsl import attributes, dependent_attributes, no_effect, special_attributes
from arc_lrms_oar.options import OPTIONS

CHAPTER = (Path(__file__).parent.parent / "docs/jobs.md").read_text()
ROW = re.compile(r"\| `(\(.+?\))` \|(.*?)\| `(-.+?)` \|(.*?)\|")


def rows() -> list[tuple[str, str, str]]:
    """Each row: an example in xRSL, arguments of oarsub, and lines of [custom:oar]."""
    found = []
    for line in CHAPTER.splitlines():
        row = ROW.fullmatch(line.replace("\\|", "\x00"))
        if row:
            conf = "\n".join(re.findall("`(.+?)`", row[4])).replace("\x00", "|")
            found.append((row[1], row[3], conf))
    return found


@pytest.mark.parametrize(("example", "words", "conf"), rows())
def test_row(example: str, words: str, conf: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    settings = settings_from(parse_blocks(f"[custom:oar]\n{conf}\n", "jobs.md"), "jobs.md")
    (found,) = translate(f"&(executable=/bin/true){example}", settings)
    expected = shlex.split(words)
    lines = [found.oarsub[i : i + len(expected)] for i in range(len(found.oarsub))]
    assert expected in lines, found.oarsub


def test_all_rows_are_read() -> None:
    assert len(rows()) == len(re.findall(r"^\| `\(", CHAPTER, re.M)) > 20


class Asked(Mapping[str, str]):
    """GRAMi values that record which of them are read."""

    def __init__(self) -> None:
        self.keys_asked: set[str] = set()
        self.values_held = {"joboption_arg_0": "/bin/true", "joboption_runtime_0": "R"}

    def __getitem__(self, key: str) -> str:
        self.keys_asked.add(key)
        return self.values_held[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_held)

    def __len__(self) -> int:
        return len(self.values_held)


def test_every_key_of_grami_that_is_read() -> None:
    asked = Asked()
    grami.describe(asked, "p")
    for key in asked.keys_asked:
        name = re.sub(r"_1$", "_M", re.sub(r"_\d+", "_N", key.partition("_")[2], count=1))
        if name.startswith("runtime_N_"):
            name = "runtime_N_M"
        assert re.search(rf"`(joboption_)?{name}`", CHAPTER), key


def test_every_attribute_of_xrsl() -> None:
    known = {
        *attributes._ONCE,
        *attributes._NUMBERS,
        *attributes._TIMES,
        *special_attributes.OTHERS,
    }
    known |= {*dependent_attributes.ATTRIBUTES, *no_effect.SINGLE, *no_effect.ONCE, *no_effect.ANY}
    missing = {name for name in known if not re.search(rf"`{name}`|\({name}=", CHAPTER)}
    assert missing == set()


def test_every_option_of_a_queue_and_every_variable() -> None:
    for option in OPTIONS:
        if option.per_queue:
            assert re.search(rf"`?{option.name} = ", CHAPTER), option.name
        if option.by_rte:
            assert f"`{option.rte_name}`" in CHAPTER
    named = set(re.findall(r"`(joboption_oar_\w+)`", CHAPTER))
    assert named == {option.rte_name for option in OPTIONS if option.by_rte}
