"""Faults of arc.conf that doctor reports without asking OAR, and its cures, which a test follows.

tests/live/test_doctor_faults.py has the faults that need a real ARC or OAR.
"""

from __future__ import annotations

import re

import pytest
from support.conf_edits import first_edit, text_of
from support.wrong_values import WRONG_VALUES

from arc_lrms_oar.admin.check_config import check_config
from arc_lrms_oar.admin.findings import Finding
from arc_lrms_oar.arex.config import parse_blocks

BLOCK = "[custom:oar]\n"
GOOD = f"[common]\n[lrms]\nlrms = OAR\n[queue:default]\n[queue:long]\n{BLOCK}"

# What is inserted before or into [custom:oar], the level, and the message.
FAULTS = {
    f"[custom:OAR]\nproject = x\n{BLOCK}": ("FAIL", "block names are case-sensitive"),
    f"[custom:oar/none]\nproject = x\n{BLOCK}": ("warn", "a queue without a block"),
    f"[custom:oar/long]\nlost_time = 60\n{BLOCK}": ("warn", "lost_time: no such option"),
    f"{BLOCK}proyect = x\n": ("warn", "did you mean project?"),
    f"{BLOCK}acl_users = nosuch\n": ("warn", "no user nosuch"),
    f"{BLOCK}remote_user = oar\n": ("warn", "without remote_host"),
}


def findings(conf: str) -> list[Finding]:
    """The findings that are not ok."""
    found = check_config("arc.conf", parse_blocks(conf, "arc.conf"))
    return [one for one in found if one.level != "ok"]


def cured(conf: str, finding: Finding) -> str:
    """`conf` after the change that the cure names."""
    edit = first_edit(finding.cure)
    assert edit is not None, finding
    return edit.apply(conf)


@pytest.mark.parametrize("changed", FAULTS)
def test_fault(changed: str) -> None:
    faulty = GOOD.replace(BLOCK, changed)
    (found,) = findings(faulty)
    level, message = FAULTS[changed]
    assert (found.level, found.check) == (level, "configuration")
    assert message in found.message
    assert findings(cured(faulty, found)) == []


def test_default_queue_that_does_not_exist() -> None:
    faulty = GOOD.replace("lrms = OAR", "lrms = OAR nosuch")
    (found,) = findings(faulty)
    assert (found.level, found.check) == ("FAIL", "configuration")
    assert "the default queue nosuch" in found.message
    assert findings(cured(faulty, found)) == []


@pytest.mark.parametrize("line", WRONG_VALUES)
def test_wrong_value(line: str) -> None:
    faulty = f"{GOOD}{line}\n"
    (found,) = findings(faulty)
    assert (found.level, found.check) == ("FAIL", "configuration")
    name, _, value = line.partition(" = ")
    assert f'[custom:oar] {name} = "{value}": expected ' in found.message
    assert f": expected {WRONG_VALUES[line]}" in found.message
    assert text_of(cured(faulty, found)) == text_of(GOOD)


def test_all_wrong_values_at_once() -> None:
    lines = {line.partition(" = ")[0]: line for line in WRONG_VALUES}.values()
    found = findings(GOOD + "".join(f"{line}\n" for line in lines))
    assert sorted(
        re.findall(r"\[custom:oar\] (\w+) = ", " ".join(one.message for one in found))
    ) == (sorted(line.partition(" = ")[0] for line in lines))


def test_wrong_values_in_several_blocks() -> None:
    found = findings(f"{GOOD}[custom:oar/long]\ngpus = many\n[lrms]\ndefaultmemory = much\n")
    assert [one.message.split(" = ")[0] for one in found] == [
        "arc.conf: [lrms] defaultmemory",
        "arc.conf: [custom:oar/long] gpus",
    ]


def test_missing_value() -> None:
    """Each option is named once, for a wrong value or because it is missing."""
    (user,) = findings(f"{GOOD}remote_host = login\nprivate_key = /key\n")
    assert '[custom:oar] remote_user = "": expected a value' in user.message
    assert user.cure.startswith("correct it; ")
    (key,) = findings(f"{GOOD}remote_host = login\nremote_user = oar\nprivate_key = key\n")
    assert '[custom:oar] private_key = "key": expected the absolute path' in key.message
