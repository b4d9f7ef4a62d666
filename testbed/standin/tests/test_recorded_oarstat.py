"""Recorded output of oarstat: the stand-in prints the same for the same row."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from standin import Standin
from standin.tests.helpers import Recording, Shell, am_root, recordings

# JSON keys of 2.x and the columns they come from.
KEYS = {
    "array_id": "array_id",
    "array_index": "array_index",
    "command": "command",
    "dependencies": "dependencies",
    "exit_code": "exit_code",
    "initial_request": "initial_request",
    "jobType": "job_type",
    "launchingDirectory": "launching_directory",
    "message": "message",
    "name": "job_name",
    "owner": "job_user",
    "project": "project",
    "properties": "properties",
    "queue": "queue_name",
    "reservation": "reservation",
    "resubmit_job_id": "resubmit_job_id",
    "startTime": "start_time",
    "stopTime": "stop_time",
    "state": "state",
    "stderr_file": "stderr_file",
    "stdout_file": "stdout_file",
    "submissionTime": "submission_time",
    "types": "types",
    "scheduledStart": "scheduled",
    "walltime": "walltime",
    "wanted_resources": "wanted",
    "assigned_resources": "resources",
}
KEYS_3 = {
    "id": "job_id",
    "name": "job_name",
    "env": "job_env",
    "type": "job_type",
    "user": "job_user",
    "group": "job_group",
}
NODES: list[dict[str, int | str]] = [{"host": f"node{i}"} for i in range(1, 5)]
NODES.append({"host": "nonode", "network_address": "nonode.invalid"})


def real(version: str) -> dict[str, Recording]:
    return recordings(Path(__file__).parent / "recordings", version)


def load(oar: Standin, job_id: int, shown: dict[str, Any], keys: dict[str, str]) -> None:
    """Insert a job into the stand-in as the real oarstat printed it."""
    columns = {keys[k]: v for k, v in shown.items() if k in keys}
    oar.add_jobs(1, first_id=job_id)
    oar.update(job_id, **columns)
    for event in sorted(shown.get("events", []), key=lambda e: int(e.get("event_id", 0))):
        oar.add_event(job_id, event["type"], event["description"], event["date"])


def scenarios(version: str, pattern: str) -> list[tuple[str, Recording]]:
    """Return (scenario, recorded oarstat -J -f); `pattern` captures the scenario in the name."""
    found = []
    for name, recording in real(version).items():
        match = re.fullmatch(pattern, name)
        if match and recording["stdout"].strip() not in ("", "{}"):
            found.append((match.group(1), recording))
    return found


def as_json(text: str) -> Any:
    """Parse the output; order and numbering of events are dropped."""
    data = json.loads(text)
    for job in data.values():
        for event in job.get("events", []) if isinstance(job, dict) else []:
            del event["event_id"], event["to_check"]  # YES for a moment only
        if isinstance(job, dict) and "events" in job:
            job["events"].sort(key=lambda e: (e["date"], e["type"], e["description"]))
        if isinstance(job, dict) and not am_root():
            job["initial_request"] = ""
    return data


def as_text(text: str) -> list[str]:
    """Return the lines; events are sorted, since their order varies."""
    if not am_root():  # requests of other users are not printed
        text = re.sub(r"(?s)\n    initial_request = .*?(?=\n    message = )", "", text)
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    at = lines.index("    events =") + 1 if "    events =" in lines else 0
    return lines[:at] + sorted(lines[at:])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Standin]]:
    """One stand-in per version, shared by the tests."""
    place = tmp_path_factory.mktemp("oar")
    versions = ("2.5.9", "2.6.1", "3.0.2")
    found = {version: Standin.create(place / version, version, nodes=NODES) for version in versions}
    yield found
    for oar in found.values():
        oar.close()


@pytest.fixture
def oar(version: str, made: dict[str, Standin]) -> Standin:
    made[version].reset()
    return made[version]


@pytest.mark.parametrize(
    ("scenario", "recording"),
    [
        pytest.param(s, r, id=s)
        for s, r in scenarios("2.5.9", r"((?!bulk).+\.\w[\w-]*)\.oarstat-J-f")
    ],
)
def test_259(scenario: str, recording: Recording, oar: Standin, sh: Shell) -> None:
    shown = next(iter(json.loads(recording["stdout"]).values()))
    key = str(shown["Job_Id"])
    load(oar, int(key), shown, KEYS)
    recorded = real("2.5.9")
    for options in ("-J -f", "-J", "-f", "", "-s", "-s -J", "-e"):
        name = f"{scenario}.oarstat{options.replace(' ', '') or '-j'}"
        if name not in recorded or (options == "" and shown["startTime"] and not shown["stopTime"]):
            continue  # the duration of a running job changes
        done = sh("oarstat", *options.split(), "-j", key)
        assert done.returncode == recorded[name]["rc"]
        expected = recorded[name]["stdout"]
        if options.startswith("-J"):
            assert as_json(done.stdout) == as_json(expected)
        elif options in ("-f", "-e"):
            assert as_text(done.stdout) == as_text(expected)
        else:
            assert done.stdout == expected
        assert done.stderr == recorded[name]["stderr"]


@pytest.mark.parametrize("version", ["2.6.1"])
@pytest.mark.parametrize(
    ("scenario", "recording"),
    [pytest.param(s, r, id=s) for s, r in scenarios("2.6.1", r"oarstat-J-f-j\.(.+)")],
)
def test_261(scenario: str, recording: Recording, oar: Standin, sh: Shell) -> None:
    ((key, shown),) = json.loads(recording["stdout"]).items()
    load(oar, int(key), shown, KEYS)
    if shown["cpuset_name"] is None:
        oar.set("no_cpuset")
    for options in ("-J -f", "-J"):
        done = sh("oarstat", *options.split(), "-j", key)
        assert as_json(done.stdout) == as_json(recording["stdout"])
    text = real("2.6.1").get(f"oarstat-f-j.{scenario}")
    if text:
        assert as_text(sh("oarstat", "-f", "-j", key).stdout) == as_text(text["stdout"])


@pytest.mark.parametrize("version", ["2.6.1"])
def test_261_format_3(oar: Standin, sh: Shell) -> None:
    recorded = real("2.6.1")
    ((key, shown),) = json.loads(recorded["oarstat-F2-J-f-j"]["stdout"]).items()
    load(oar, int(key), shown, KEYS)
    for style in "123":
        done = sh("oarstat", "--format", style, "-J", "-f", "-j", key)
        assert as_json(done.stdout) == as_json(recorded[f"oarstat-F{style}-J-f-j"]["stdout"])
        done = sh("oarstat", "--format", style, "-f", "-j", key)
        assert as_text(done.stdout) == as_text(recorded[f"oarstat-F{style}-f-j"]["stdout"])


@pytest.mark.parametrize("version", ["3.0.2"])
@pytest.mark.parametrize(
    ("scenario", "recording"),
    [
        pytest.param(s, r, id=s)
        for s, r in scenarios("3.0.2", r"(.+\.(?:final|held)|bulk.mix)\.oarstat-J-f")
    ],
)
def test_302(scenario: str, recording: Recording, oar: Standin, sh: Shell) -> None:
    recorded = real("3.0.2")
    jobs = json.loads(recording["stdout"])
    for key, shown in jobs.items():
        columns = {k: KEYS_3.get(k, k) for k in shown if k not in ("id", "cpuset_name")}
        load(oar, int(key), shown, columns)
        events = recorded.get(f"{scenario}.oarstat-e-J")
        for event in json.loads(events["stdout"]).get(key, []) if events else []:
            oar.add_event(int(key), event["type"], event["description"], epoch(event["date"]))
    ids = [word for key in jobs for word in ("-j", key)]
    for options in ("-J -f", "-J", "-s", "-s -J", "-e -J"):
        name = f"{scenario}.oarstat{options.replace(' ', '')}"
        if name in recorded:
            done = sh("oarstat", *options.split(), *ids)
            assert done.stdout == recorded[name]["stdout"], name
            assert done.returncode == recorded[name]["rc"]


def epoch(text: str) -> int:
    from datetime import datetime, timezone

    found = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
    return int(found.timestamp())
