"""Recorded calls of oarsub, oardel, oarnodes and oarstat with unusual options, replayed."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from standin import Standin
from standin.tests.helpers import Recording, Shell, am_root, recordings

# Calls that need files, other users or a state of OAR are tested elsewhere.
_ELSEWHERE = re.compile(
    r"script|sub-S|param-file|dir-space|resubmit|as-root|queue-admin|reservation|otheruser|baddir|missingS"
    r"|noserver|nodb|array$"
)


def real(version: str) -> dict[str, Recording]:
    return recordings(Path(__file__).parent / "recordings", version)


def commands(version: str, pattern: str) -> list[object]:
    return [
        pytest.param(recording, id=name)
        for name, recording in real(version).items()
        if re.match(pattern, name) and not _ELSEWHERE.search(name)
    ]


def plain(text: str) -> str:
    """Return the text without job IDs, dates, PostgreSQL's details and tracebacks."""
    text = re.sub(r"(OAR_(?:JOB|ARRAY)_ID=)[1-9]\d*", r"\1N", text)
    text = re.sub(r"\[\d{4}-\d\d-\d\d [\d:,]+\]", "[DATE]", text)
    text = re.sub(r"(?m)^LINE \d+: .*\n\s+\)\n", "", text)
    text = re.sub(r'"job_id" : "\d+"', '"job_id" : "N"', text)
    return re.sub(r"(?s)(Traceback|LINE 3).*", r"\1", text)


def argv(recording: Recording) -> list[str]:
    words = shlex.split(recording["cmd"])
    words = words[2:] if words[0] == "timeout" else words
    return [Path(words[0]).name, *words[1:]]


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("2.5.9", "almightydown.oarsub"),
        ("2.5.9", "almightydown.oarsub-array"),
        ("2.6.1", "sub-noserver"),
        ("3.0.2", "almightydown.oarsub"),
        ("2.5.9", "almightydown.oardel"),
        ("2.6.1", "oardel-noserver"),
        ("3.0.2", "almightydown.oardel"),
    ],
)
def test_server_down(version: str, name: str, sh: Shell, oar: Standin) -> None:
    oar.set("server_down")
    recording = real(version)[name]
    words = argv(recording)
    if words[0] == "oardel":
        if not am_root():
            pytest.skip("only root may delete the jobs of the recordings' user")
        oar.add_jobs(1, first_id=int(words[1]), state="Hold")
        oar.update(int(words[1]), frag="done" if "already killed" in recording["stderr"] else None)
    check(sh, recording)


def check(sh: Shell, recording: Recording) -> None:
    done = sh(*argv(recording))
    assert done.returncode == recording["rc"]
    head = recording["stdout"]
    if "Usage" in head:  # compare the first line only
        assert done.stdout.split()[0] == "Usage:"
    else:
        assert plain(done.stdout) == plain(head)
    assert plain(done.stderr) == plain(recording["stderr"])


@pytest.mark.parametrize("recording", commands("2.5.9", r"oarsub\."))
def test_oarsub_259(recording: Recording, sh: Shell) -> None:
    check(sh, recording)


@pytest.mark.parametrize("version", ["2.6.1"])
@pytest.mark.parametrize("recording", commands("2.6.1", r"sub-"))
def test_oarsub_261(recording: Recording, sh: Shell, oar: Standin) -> None:
    check(sh, recording)


@pytest.mark.parametrize("version", ["3.0.2"])
@pytest.mark.parametrize("recording", commands("3.0.2", r"oarsub\.(?!version)"))
def test_oarsub_302(recording: Recording, sh: Shell) -> None:
    """The version is excluded: it was recorded on a later 3.0.3dev."""
    check(sh, recording)


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (version, name)
        for version in ("2.5.9", "2.6.1", "3.0.2")
        for name in real(version)
        if re.match(r"oardel[.-]", name) and not re.search(r"otheruser|nodb|noserver|help", name)
    ],
)
def test_oardel(version: str, name: str, sh: Shell, oar: Standin) -> None:
    recording = real(version)[name]
    output = recording["stdout"] + recording["stderr"]
    for word in argv(recording)[1:]:
        if word.isdigit() and int(word) < 90000000 and f"{word} ; Job does" not in output:
            if word == "99999":
                continue
            oar.add_jobs(1, first_id=int(word), state="Hold")
            if f"Cannot frag {word} ; This job" in output:
                oar.update(int(word), frag="done")
    if not am_root() and any(oar.jobs()):
        pytest.skip("only root may delete the jobs of the recordings' user")
    check(sh, recording)


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (version, name)
        for version in ("2.5.9", "2.6.1", "3.0.2")
        for name in real(version)
        if re.match(r"bulk\.(unknown|malformed|option|sql-e)|oarstat-(V|badopt|non)", name)
        and not re.search(r"positional|-nodb|-Y$|-p$", name)
    ],
)
def test_oarstat_oddities(version: str, name: str, sh: Shell, oar: Standin) -> None:
    oar.add_jobs(1, first_id=10013, state="Terminated")
    check(sh, real(version)[name])


@pytest.mark.parametrize(
    ("version", "name"),
    [
        (version, name)
        for version in ("2.5.9", "2.6.1", "3.0.2")
        for name in real(version)
        if re.match(r"oarnodes[.-]", name)
    ],
)
def test_oarnodes(version: str, name: str, sh: Shell, oar: Standin) -> None:
    if version == "2.6.1":
        oar.set_nodes([{"host": "node1"}, {"host": "node2"}])
    recording = real(version)[name]
    done = sh(*argv(recording))
    assert done.returncode == recording["rc"]
    if "J" not in name:
        squeezed = [" ".join(sorted(re.split(r"[\s,]+", x))) for x in done.stdout.splitlines()]
        expected = [
            " ".join(sorted(re.split(r"[\s,]+", x))) for x in recording["stdout"].splitlines()
        ]
        if version == "3.0.2" and name.endswith("s"):
            return  # boxes are not replayed
        assert squeezed == expected
        return
    found, recorded = json.loads(done.stdout), json.loads(recording["stdout"])
    if name == "oarnodes-J-j.busy":
        assert found == {}  # no job is running here
    elif version == "3.0.2":
        assert sorted(map(_shape, found)) == sorted(map(_shape, recorded))
    else:
        for key in recorded:
            assert _shape(found[key]) == _shape(recorded[key])


def _shape(data: object) -> str:
    """Return the structure with its values; values that depend on the time by their type."""
    if isinstance(data, dict):
        return str(
            sorted(
                (k, type(v).__name__ if k == "last_job_date" else _shape(v))
                for k, v in data.items()
                if k != "mem"
            )
        )
    return str(sorted(map(_shape, data))) if isinstance(data, list) else repr(data)
