"""Faults of arc.conf that doctor reports without asking OAR, and its cures, which a test follows.

tests/live/test_doctor_faults.py has the faults that need a real ARC or OAR.
"""

from __future__ import annotations

import pytest
from support.conf_edits import first_edit, text_of

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
# Values that an option cannot have, and what doctor names as right.
WRONG_VALUES = {
    "default_walltime = soon": "seconds (3600)",
    "lost_time = x": "seconds (3600)",
    "default_walltime = -5": "seconds (3600)",
    "core_level = a b": "the name of one of OAR's resource properties",
    "cpu_level = a b": "the name of one of OAR's resource properties",
    "gpu_level = a b": "the name of one of OAR's resource properties",
    "memory_property = a b": "the name of one of OAR's resource properties",
    "oar_queue = a b": "one word",
    "remote_sessiondir = x": "the absolute path of a directory",
    "private_key = key": "the absolute path of a file",
    "ssh_timeout = x": "seconds (3600)",
    "cores_per_node = x": "a whole number",
    "checkpoint_signal = 99": "the number of a signal",
    "checkpoint = often": "seconds (3600)",
    "max_waiting = many": "a whole number",
    "max_user_running = -1": "a whole number",
    "best_effort_slots = maybe": "free or used",
    "local_jobs = perhaps": "yes or no",
    "memory_unit = PB": "kB, MB or GB",
    "memory_scope = rack": "core or node",
    "resubmitted = maybe": "follow or delete",
    "usage_interval = often": "seconds (3600)",
    "gpus = many": "a whole number",
    "metrics_file = oar.prom": "the absolute path of a file that ends in .prom",
    "identity = nonsense": "voms FQAN",
    "lost_cycles = few": "a whole number",
    "submit_budget = 9999": "at most 600 seconds",
    "command_timeout = never": "seconds (3600)",
    "types = no such=x;y": "a blank between job types",
    "notify = shout": "mail:ADDRESS or exec:/PROGRAM",
    "properties = a'b": "a property, a number",
    "resources = core": "= at character 5",
    "project = a b;c": "one word",
    "bin_path = usr/bin": "the absolute path of a directory",
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
