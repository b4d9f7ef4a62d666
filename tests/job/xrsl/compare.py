"""Descriptions in xRSL as this package reads them, in the form of ARC's recorded answers."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arc_lrms_oar.job import xrsl

CORPUS = Path(__file__).parent / "corpus.json"
# One answer a line. ARC 7.0.0 answers the same.
ANSWERS = Path(__file__).parents[3] / "fixtures" / "xrsl" / "arc-6.17.json"

# Descriptions that this package reads differently, each with the reason.
ON_PURPOSE = {
    "walltime 99999999": "ARC lets seconds overflow 31 bits and asks for another time",
    "walltime too large": "ARC lets seconds overflow 31 bits and asks for a negative time",
    "walltime too large in weeks": "ARC lets seconds overflow 31 bits and asks for another time",
    "starttime date cut short": "ARC's client aborts; we take it for no time, as the like",
    "quotes custom of two bytes": "ARC takes a letter's first byte for the sign, we the letter",
    "nul byte": "no shell, no command line and no file name can hold it",
    "deep 30": "depth is limited, so that no text can exhaust the stack",
}

Answer = dict[str, Any]
Answers = dict[str, Answer]
# Values that are not positive, or negative, make no difference to A-REX or a backend.
_POSITIVE = ("count", "count_per_node")
_NOT_NEGATIVE = ("memory", "disk", "priority", "rerun")
# Requirements that exclude a name or a version.
_NOT_RUN = ("!=", "<", ">")


def corpus() -> dict[str, str]:
    """The descriptions by name."""
    found: dict[str, str] = json.loads(CORPUS.read_text())
    return found


def recorded() -> Answers:
    """The recorded answers of ARC's client."""
    found: Answers = json.loads(ANSWERS.read_text())["answers"]
    return found


def ours(text: str) -> Answer:
    """The answer of this package: whether a description is accepted, and its content."""
    try:
        jobs = xrsl.read(text)
    except xrsl.XrslError as error:
        return {"accepted": False, "error": str(error)}
    return {"accepted": True, "jobs": [_job(job) for job in jobs]}


def comparable(answer: Answer) -> Answer:
    """The part of an answer that must be the same in both."""
    if not answer["accepted"]:
        return {"accepted": False}
    return {"accepted": True, "jobs": [_comparable_job(job) for job in answer["jobs"]]}


def _job(job: xrsl.XrslJob) -> Answer:
    said = job.description
    fields = {
        "executable": said.executable,
        "arguments": list(said.arguments),
        "name": said.name,
        "environment": [list(pair) for pair in said.environment],
        "stdin": said.stdin,
        "stdout": said.stdout,
        "stderr": said.stderr,
        "queue": said.queue,
        "cpu_time": said.cpu_time,
        "wall_time": said.wall_time,
        "memory": said.memory,
        "disk": said.disk,
        "count": None if "count" in job.unset else said.count,
        "count_per_node": said.count_per_node,
        "exclusive": None if "exclusive" in job.unset else ("no", "yes")[said.exclusive],
        "runtime_environments": [
            ["=", rte.name, list(rte.options)] for rte in said.runtime_environments
        ],
        "start_time": said.start_time,
        "priority": said.priority,
        "rerun": job.rerun,
        "input_files": list(said.input_files),
        "output_files": list(said.output_files),
        "alternatives": [_job(other) for other in job.alternatives],
    }
    return {name: value for name, value in fields.items() if value not in (None, "", [])}


def _comparable_job(job: Answer) -> Answer:
    job = dict(job)
    for name in _POSITIVE:
        if job.get(name, 0) < 1:
            job.pop(name, None)
    for name in _NOT_NEGATIVE:
        if job.get(name, 0) < 0:
            del job[name]
    environments = job.pop("runtime_environments", [])
    job["runtime_environments"] = [rte[1:] for rte in environments if rte[0] not in _NOT_RUN]
    job["alternatives"] = [_comparable_job(other) for other in job.get("alternatives", [])]
    return job


def differences(descriptions: dict[str, str], answers: Answers) -> dict[str, tuple[Answer, Answer]]:
    """The descriptions that are read differently: ARC's answer and ours."""
    found = {}
    with utc():
        for name, text in descriptions.items():
            theirs, mine = comparable(answers[name]), comparable(ours(text))
            if theirs != mine:
                found[name] = (theirs, mine)
    return found


@contextlib.contextmanager
def utc() -> Iterator[None]:
    """Use UTC as the local time, as for the recorded answers."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()
