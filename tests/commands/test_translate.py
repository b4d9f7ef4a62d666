"""Translate: hostile values stay one argument or are refused; ignored attributes are reported."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from bed.grid import rsl_string, xrsl
from support.ce import grami_text
from support.hostile_text import CANARY, LONG, WORDS

from arc_lrms_oar.arex.config import parse_blocks, settings_from
from arc_lrms_oar.commands.translate import Translation, translate
from arc_lrms_oar.commands.translate_output import as_text
from arc_lrms_oar.errors import JobError, OarLrmsError
from arc_lrms_oar.settings import Settings

VALUES = [*WORDS, LONG]


def one(text: str, conf: str = "") -> Translation:
    (found,) = translate(text, settings_from(parse_blocks(conf, "conf"), "conf"))
    return found


def test_hostile_words_of_a_grami_file() -> None:
    """A real bash runs lines of the script and prints the values that it gets."""
    text = grami_text(Path("/sessions/x"), Path("/control"), "ID", arguments=VALUES)
    script = one(text).script
    array = script[script.index("arc_oar_arguments=(") : script.index("arc_oar_keep_all=")]
    shell = f"{array}\nprintf '%s\\0' \"${{arc_oar_arguments[@]}}\""
    done = subprocess.run(
        ["/bin/bash"],
        input=shell.encode("utf-8", "surrogateescape"),
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1] == VALUES
    assert done.stderr == b""
    assert not os.path.exists(CANARY)


@pytest.mark.parametrize("word", VALUES, ids=lambda word: ascii(word)[:30])
def test_hostile_name_is_reduced_to_safe_characters(word: str) -> None:
    found = one(xrsl("/bin/true", extra=f"(jobname={rsl_string(word)})"))
    assert found.description["name"] is not None
    name = found.oarsub[found.oarsub.index("--name") + 1]
    assert name == shlex.quote(name)
    assert len(name) <= 100
    shown = as_text([found], False)
    (line,) = (text for text in shown.split("\n") if text.startswith("  oarsub "))
    assert shlex.split(line) == found.oarsub
    assert "\x1b" not in shown


@pytest.mark.parametrize("word", WORDS, ids=lambda word: ascii(word)[:30])
def test_hostile_queue_is_refused(word: str) -> None:
    text = grami_text(Path("/sessions/x"), Path("/control"), "ID", queue=word)
    with pytest.raises(JobError, match=r"the queue name .* cannot be the name of a queue of OAR"):
        translate(text, Settings())


@pytest.mark.parametrize(
    ("extra", "conf", "line"),
    [
        (
            '(memory="1")',
            "",
            "memory: OAR does not get it, because this queue has no memory_property",
        ),
        ('(memory="1")', "memory_property=mem", "memory: OAR chooses nodes by it and does not"),
        ('(disk="1")', "", "disk: OAR has no information about disk space on its nodes"),
        ('(priority="9")', "", "priority: only A-REX uses it"),
        ('(cputime="9")', "", "cputime: OAR limits only the wall time"),
        ('(count="2")', "gpus=1", "count: the job gets whole GPUs"),
        (
            '(count="2")',
            "resources=/host=1",
            "count: the option resources determines what the job gets",
        ),
        ('(walltime="1")', "checkpoint=60", "checkpoint: the wall time is not longer"),
        ("", "identity=vo * -> project={vo}", "identity: its rules are not applied"),
    ],
)
def test_ignored_attribute(extra: str, conf: str, line: str) -> None:
    found = one(f"&(executable=/bin/true)(queue=q){extra}", f"[custom:oar]\n{conf}\n")
    assert [text for text in found.ignored if text.startswith(line)], found.ignored


def test_job_types_that_oar_3_refuses() -> None:
    text = '&(executable=/bin/true)(queue=q)(starttime="2099-01-01 00:00:00")'
    postpone = "postpone=2099-01-01 00:00:00"
    for dialect, kept, lines in (
        ("2", True, []),
        ("3", False, ["starttime: OAR 3 has no earliest start; A-REX delays jobs"]),
        ("auto", True, [f"job type {postpone}: OAR 3 refuses it"]),
    ):
        found = one(text, f"[custom:oar]\ndialect={dialect}\n")
        assert (postpone in found.oarsub) is kept, dialect
        assert [line for line in found.ignored if "OAR 3" in line] == lines
    found = one("&(executable=/bin/true)", "[custom:oar]\ndialect=3\ntypes=deadline=2037-01-01\n")
    assert "job type deadline=2037-01-01: OAR 3 refuses it" in found.ignored


def test_nothing_is_ignored() -> None:
    text = '&(executable=/bin/true)(queue=q)(count="2")(priority="50")'
    conf = "[custom:oar]\nresources=/core={count}\n"
    assert one(text, conf).ignored == []


def test_queue_that_is_not_in_arc_conf() -> None:
    line = "queue q: not in arc.conf, so A-REX refuses the job"
    assert one("&(executable=/bin/true)(queue=q)", "[queue:other]\n").refused == [line]
    assert one("&(executable=/bin/true)(queue=q)", "[queue:q]\n").refused == []


@pytest.mark.parametrize(
    ("conf", "queue", "line"),
    [
        ("[lrms]\nlrms=OAR\n[queue:a]\n", "a", "a, the only one"),
        (
            "[lrms]\nlrms=OAR b\n[queue:a]\n[queue:b]\n",
            "b",
            "b, the default in [lrms] lrms",
        ),
        (
            "[lrms]\nlrms=OAR\n[queue:a]\n[queue:b]\n",
            None,
            "the first that the user may use",
        ),
    ],
)
def test_queue_of_a_job_that_names_none(conf: str, queue: str | None, line: str) -> None:
    found = one("&(executable=/bin/true)", conf)
    asked = dict(zip(found.oarsub, found.oarsub[1:]))
    assert asked.get("-q") == queue
    chosen = f"queue: not set; the client may choose one, else A-REX uses {line}"
    assert found.assumed == [chosen]
    assert not any("queue" in line for line in found.ignored)
    assert f"\nAssumed:\n  {chosen}\n" in as_text([found], False)


def test_nothing_is_assumed_about_a_job_that_names_its_queue() -> None:
    found = one("&(executable=/bin/true)(queue=a)", "[lrms]\nlrms=OAR\n[queue:a]\n")
    assert found.assumed == []
    assert "Assumed" not in as_text([found], False)


def test_job_that_cannot_be_requested_is_named() -> None:
    text = "+(&(executable=a))(&(executable=b)(queue='a b'))"
    with pytest.raises(JobError) as caught:
        translate(text, Settings(), source="many.xrsl")
    assert str(caught.value) == (
        "many.xrsl: job 2 of 2: the queue name 'a b' cannot be the name of a queue of OAR"
    )


def test_values_with_blanks_are_quoted() -> None:
    text = "&(executable=a)(arguments='b c' d '')(environment=(A 'x y')(B z))"
    lines = as_text([one(text)], False).splitlines()
    assert "  arguments             'b c' d ''" in lines
    assert "  environment           'A=x y' B=z" in lines


@pytest.mark.parametrize(
    ("extra", "line"),
    [
        (
            '(exclusiveexecution="yes")',
            "exclusiveexecution: A-REX refuses a job that has it without count and countpernode "
            "(500 emies:adl parsing error)",
        ),
        (
            '(count="8")(exclusiveexecution="yes")',
            "exclusiveexecution: A-REX loses it without countpernode, so the nodes may be shared",
        ),
    ],
)
def test_whole_nodes_that_arex_loses(extra: str, line: str) -> None:
    (found,) = translate(f"&(executable=/bin/true){extra}", Settings())
    assert line in (found.ignored if "loses" in line else found.refused)
    assert not any("network_address" in word for word in found.oarsub)


def test_whole_nodes() -> None:
    extra = '(count="8")(countpernode="4")(exclusiveexecution="yes")'
    (found,) = translate(f"&(executable=/bin/true){extra}", Settings())
    assert "/network_address=2" in found.oarsub
    assert not any(line.startswith("exclusiveexecution") for line in found.ignored)


@pytest.mark.parametrize("language", [None, "xrsl", "grami"])
def test_adl_is_not_read(language: str | None) -> None:
    text = ' <?xml version="1.0"?><ActivityDescription/>'
    with pytest.raises(OarLrmsError) as caught:
        translate(text, Settings(), language=language, source="job.adl")
    assert str(caught.value) == "job.adl: this is XML, perhaps ADL; only xRSL and GRAMi are read"


def test_missing_runtime_environment_is_refused_by_a_ce(tmp_path: Path) -> None:
    text = "&(executable=/bin/true)(queue=q)(runtimeenvironment=A/B)"
    conf = f"[arex]\ncontroldir={tmp_path}\n"
    assert one(text, conf).refused[0].startswith("runtimeenvironment A/B: not enabled on this")
    (nowhere,) = translate(text, Settings(control_dir=str(tmp_path)))
    assert nowhere.refused == []
    assert nowhere.ignored[0].startswith("runtimeenvironment A/B: not enabled on this machine")
    assert "\n\nThe CE refuses this job:\n  runtime" in as_text([one(text, conf)], False)
