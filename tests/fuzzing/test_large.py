"""Large inputs of the kinds that are slowest to parse: each finishes within the usual TIMEOUT."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Callable

import pytest
from fuzzing.fuzzed import ROUND, cpu_time_limit

from arc_lrms_oar import identity
from arc_lrms_oar.arex import config, control_files
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.diag import LIMIT, Diag
from arc_lrms_oar.errors import OarLrmsError
from arc_lrms_oar.job import grami, xrsl
from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.job.request import make_request
from arc_lrms_oar.job.rte_overrides import for_one_job
from arc_lrms_oar.job.script import NodePlan, build
from arc_lrms_oar.oar import json_parser, resources, text_parser
from arc_lrms_oar.options import OPTIONS
from arc_lrms_oar.scan.job_cache import JobCache
from arc_lrms_oar.scan.job_index import JobIndex
from arc_lrms_oar.scan.state import ScanState
from arc_lrms_oar.settings import QueueSettings

# 256 KiB in the usual tests, which have to be quick: enough to notice superlinear time.
MB = 1 << (20 if ROUND in os.environ else 18)
JOB = JobDescription(executable="run", session_dir="/grid/session/1", grid_id="1")

GRAMI = {
    "one value": "a='" + "x" * MB + "'\n",
    "quotes": "a=" + "''" * (MB // 2),
    "backslashes": "a=" + "\\" * MB,
    "double quotes": 'a="' + "\\`" * (MB // 2) + '"',
    "comments": "#\n" * (MB // 2),
    "blanks": " " * MB,
    "names": "".join(f"joboption_arg_{i}=x\n" for i in range(MB // 20)),
    "no names": "x" * MB,
    "open quote": "a='" * (MB // 3),
}
XRSL = {
    "brackets": "&" + "(" * (MB // 3),
    "nested": "&(a=" + "(" * 23 + ")" * 23 + ")",
    "comments": "&(executable=a)" + "(**)" * (MB // 10),
    "open comments": "(*" * (MB // 5),
    "quotes": "&(a=" + "'" * (MB // 3),
    "quotes of one's own": "&(a=^x" + "x" * (MB // 3),
    "words": "&(arguments=" + "x " * 7900 + ")",
    "joined": "&(arguments=" + "x#" * 3900 + "x)",
    "conditions": "&" + "(nosuch=x)" * 1300,
    "different conditions": "&" + "".join(f"(nosuch{i}=x)" for i in range(1300)),
    "alternatives": "&(executable=a)(|" + "(memory=1)" * 100 + ")" + "(nosuch=x)" * 1100,
    "alternatives of much": "&"
    + "".join(f"(a{i}=x)" for i in range(1100))
    + "(|"
    + "(memory=1)" * 100
    + ")"
    + "".join(f"(b{i}=x)" for i in range(300)),
    "jobs": "+" + "(&(executable=a))" * 900,
    "doubling": "&(rsl_substitution=(a 0123456789))"
    + "".join("(rsl_substitution=(a $(a)$(a)))" for _ in range(400)),
    "digits": "&(executable=a)(count=" + "0" * (MB // 3) + "1)",
    "time of digits": "&(executable=a)(walltime='" + "1" * (MB // 3) + " h')",
    "time of units": "&(executable=a)(walltime='" + "1h" * (MB // 6) + "')",
    "time without a unit": "&(executable=a)(walltime='" + "0" * (MB // 3) + "1')",
    "moment": "&(executable=a)(starttime='" + "2026 " * (MB // 15) + "')",
}
JSON = {
    "deep lists": "[" * MB,
    "deep objects": '{"a":' * (MB // 5),
    "beginnings": "[\n" * (MB // 2),
    "beginnings of objects": "{\n" * (MB // 2),
    "deep beginnings": '{"a":\n' * (MB // 6),
    "whole ones": "[1,\n" * 500 + "1" + "]" * 500 + "x",
    "open text": '{"' + "x" * MB,
    "quotes": '{"a":' + '"\\"' * (MB // 3),
    "rows": "{" + ",".join(f'"{i}": {{"Job_Id": {i}}}' for i in range(MB // 40)) + "}",
    "a number": '{"1": ' + "1" * MB + "}",
    "blanks": "{" + " " * MB + "}",
    "blank lines": "{" + "\n" * MB,
    "commas": "[" + "," * MB,
    "empty rows": "[" + "{}, " * (MB // 4) + "{}" + " " * 1000 + "x",
    "halves of characters": '{"1": "' + "\\ud800" * (MB // 6) + '"}',
}
LINES = {
    "tabs": "\t" * MB + "x",
    "blanks": " " * MB + "x",
    "marks": "#" * MB + "x",
    "marks and blanks": "# " * (MB // 2),
    "labels": "[ERROR]" * (MB // 7),
    "errors": "ERROR : " * (MB // 8),
    "brackets": ")" * MB,
    "tuples": "(-1, '" * (MB // 6),
    "ids": "OAR_JOB_ID=\n" * (MB // 12),
    "versions": "OAR version " * (MB // 12),
    "a version": "OAR version : " + "1" * MB + ".1",
    "rows": "1  T u\n" * (MB // 8),
    "equal signs": " = " * (MB // 3),
    "lines": "x\n" * (MB // 2),
    "rows of marks": "#\n" * (MB // 2),
}
VALUES = {
    "words": "a " * (MB // 2),
    "one word": "a" * MB,
    "brackets": "(" * MB,
    "levels": "/a=1" * (MB // 4) + "!",
    "alternatives": "/a=1|" * (MB // 5),
    "quotes": "'" * MB,
    "texts": "a='" + "''" * (MB // 2),
    "mails": "mail:" + "a@b.c," * (MB // 6),
    "events": "[" + "A," * (MB // 2) + "]mail:a@b",
    "rules": "vo a -> project=b\n" * (MB // 20),
    "blank rule": "vo a" + " " * MB + "b",
    "digits": "1" * MB,
    "comparisons": "a=1 AND " * (MB // 8) + "a=1",
}


def parametrized(inputs: dict[str, str]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("text", inputs.values(), ids=inputs)


def _try(read: Callable[[str], object], text: str, refusal: type[Exception] = OarLrmsError) -> None:
    with cpu_time_limit(), contextlib.suppress(refusal):
        read(text)


@parametrized(GRAMI)
def test_grami(text: str) -> None:
    _try(lambda text: grami.describe(grami.parse(text, "grami"), "grami"), text)


@parametrized(XRSL)
def test_xrsl(text: str) -> None:
    _try(xrsl.read, text)


@parametrized(JSON)
def test_json_of_oars(text: str) -> None:
    for read in (
        json_parser.records_2,
        json_parser.records_3,
        json_parser.events_3,
        resources.assigned,
    ):
        _try(read, text)
    _try(lambda text: json_parser.states(text, [1]), text)
    _try(lambda text: list(resources.resources(text)), text)


@parametrized(LINES)
def test_lines_of_oars(text: str) -> None:
    for read in (
        text_parser.submitted_id,
        text_parser.version,
        text_parser.ended_hint,
        resources.queues,
    ):
        _try(read, text)
    _try(lambda text: text_parser.refusal(text, text), text)


@parametrized(VALUES)
def test_values_of_settings(text: str) -> None:
    for option in OPTIONS:
        _try(option.convert, text, ValueError)
        if option.by_rte:
            values = {option.rte_name: text}
            with cpu_time_limit(), contextlib.suppress(OarLrmsError):
                for_one_job(QueueSettings(), values)


@parametrized({**LINES, "blocks": "[a]\n" * (MB // 4), "options": "[a]\n" + "b=c\n" * (MB // 4)})
def test_arc_conf(text: str) -> None:
    _try(lambda text: config.settings_from(config.parse_blocks(text, "arc.conf"), "arc.conf"), text)


@parametrized({"stars": "*a" * 20 + "b", "more stars": "*" * 1000})
def test_patterns_of_users(text: str) -> None:
    rules = identity.rules(f"subject {text} -> project=p")
    _try(lambda name: identity.choose(rules, identity.Identity(subject=name)), "a" * (MB // 4))


@parametrized({**JSON, **LINES})
def test_files_of_the_control_directory(tmp_path: Path, text: str) -> None:
    (tmp_path / "processing").mkdir()
    for name in ("arc_lrms_oar.jobs", "arc_lrms_oar.scan", "job.1.local"):
        (tmp_path / name).write_text(text)
    (tmp_path / "processing" / "job.1.status").write_text("INLRMS\n")
    with cpu_time_limit(), ScanState.locked(str(tmp_path)) as state:
        assert state is not None
        JobIndex(JobCache(str(tmp_path))).refresh(0)
    with cpu_time_limit():
        assert len(Diag.parse(text.encode()).format()) <= LIMIT


def test_a_new_id_leaves_a_long_local_file_whole(tmp_path: Path) -> None:
    job = GridJob("1", "INLRMS", 6, str(tmp_path), 0.0)
    path = Path(job.file("local"))
    path.write_text("localid=1\nargs=" + "x" * (1 << 21) + "\nsessiondir=/grid/session/1\n")
    control_files.set_local_id(job, 17)
    lines = ["args=" + "x" * (1 << 21), "sessiondir=/grid/session/1", "localid=17", ""]
    assert path.read_text() == "\n".join(lines)


@parametrized({"blanks": " " * MB, "quotes": "'" * MB, "variables": "$A" * (MB // 2)})
def test_words_of_a_job(text: str) -> None:
    job = JobDescription(
        executable=text,
        arguments=(text, *text[:1000]),
        name=text,
        environment=(("A", text),),
        output_files=(text, "/" * MB),
        node_properties=(text,),
        project=text,
        session_dir=JOB.session_dir,
        grid_id="1",
    )
    _try(lambda text: build(job, [], NodePlan(scratch_dir=text)), text)
    _try(lambda text: make_request(job, QueueSettings(), text, 0.0), text)
