"""A-REX's open files and the private values of a job do not reach other processes or logs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from standin import Standin
from support.ce import GRID_ID, Ce, JobFiles
from support.fake_gm_kick import FakeGmKick
from support.oar_site import Site

from arc_lrms_oar import cli

ROOT = Path(__file__).parent.parent
SECRET = "s3cr3t"
# Logs the target of each of its open files, then answers as the real command would.
OPEN_FILES = """#!/bin/bash
for fd in /proc/$$/fd/*; do readlink "$fd"; done >>{log}
{answer}
"""


@pytest.fixture
def leak() -> Iterator[int]:
    """An open and inheritable descriptor of A-REX."""
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    yield writer
    os.close(reader)
    os.close(writer)


def command(path: Path, log: Path, answer: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(OPEN_FILES.format(log=log, answer=answer))
    path.chmod(0o755)


def script(ce: Ce, verb: str, path: Path, leak: int) -> None:
    """Run one of the scripts as A-REX does, with an inherited descriptor."""
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "ARC_LOCATION": str(ce.place)}
    words = [sys.executable, str(ROOT / f"arc_lrms_oar/share/{verb}-OAR-job")]
    subprocess.run(
        [*words, "--config", str(ce.conf), str(path)],
        env=environment,
        stdin=subprocess.DEVNULL,
        pass_fds=[leak],
        check=True,
    )


def test_open_files_of_arex_reach_no_command(ce: Ce, leak: int) -> None:
    """Neither runtime environments nor OAR's commands nor gm-kick; only oarsub has the journal."""
    place, pipe = ce.place, os.readlink(f"/proc/self/fd/{leak}")
    logs = {name: place / f"{name}.log" for name in ("rte", "oarsub", "oarstat", "oardel", "kick")}
    states = '{"1": "\'$state\'"}'
    values = '"exit_code": 0, "startTime": 1'
    row = f'{{"1": {{"Job_Id": 1, "name": "{GRID_ID}", "state": "\'$state\'", {values}}}}}'
    answers = {
        "oarsub": "echo OAR_JOB_ID=1",
        "oarstat": f"read -r state <{place}/state; "
        f"case \"$*\" in *-V*) echo 'OAR version : 2.5.9';; *' -f '*) echo '{row}';; "
        f"*--sql*) echo '1         T root       0:00:01 R=1';; *) echo '{states}';; esac",
        "oardel": "true",
    }
    for name, answer in answers.items():
        command(place / "bin" / name, logs[name], answer)
    command(place / "libexec/arc/gm-kick", logs["kick"], "true")
    ce.configure(custom_oar=f"bin_path={place}/bin")
    look = 'for fd in /proc/$$/fd/*; do readlink "$fd"; done'
    ce.rte("R", f'[ "$1" != 0 ] || {look} >>{logs["rte"]}\ntrue\n')
    files = ce.job(rtes=[("R",)])
    (place / "state").write_text("Running\n")
    script(ce, "submit", files.file("grami"), leak)
    ce.accepted(files, 1)
    script(ce, "cancel", files.file("grami"), leak)
    (place / "state").write_text("Terminated\n")
    script(ce, "scan", ce.control, leak)
    assert files.done() is not None
    for name, log in logs.items():
        opened = log.read_text()
        assert "/dev/null" in opened, name
        assert pipe not in opened, name
        assert (f"{files.session}/.arc_oar/submitting" in opened) is (name == "oarsub"), name


def job_with_secrets(site: Site) -> JobFiles:
    """A job that has the secret as every private value."""
    files = site.ce.job(
        arguments=[SECRET],
        environment={"TOKEN": SECRET, "MY-TOKEN": SECRET, "BASH_ENV": SECRET},
        stdin="in",
        inputs=["/in"],
    )
    (files.session / "in").write_text(SECRET)
    files.file("proxy").write_text(SECRET)
    with open(files.file("local"), "a") as local:
        local.write(f"tokenclaim.sub={SECRET}\nDN={SECRET}\n")
    return files


@pytest.mark.parametrize("version", ["2.5.9", "3.0.2"])
def test_no_secret_on_a_command_line_or_in_a_log(
    ce: Ce,
    version: str,
    gm_kick: FakeGmKick,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    gm_kick.install()
    with Standin.create(ce.place / "oar", version) as oar:
        site = Site(ce, oar)
        site.configure("log_level=DEBUG\nsubmit_budget=1")
        files = job_with_secrets(site)
        monkeypatch.setenv("X509_USER_PROXY", str(files.file("proxy")))
        monkeypatch.setenv("BEARER_TOKEN", SECRET)
        grami = str(files.file("grami"))
        verb = ["--config", str(ce.conf)]
        assert cli.main(["submit", *verb, grami]) == 0
        ce.accepted(files, oar.jobs()[0]["job_id"])
        oar.wait(1)
        oar.set("garbage", "oarstat:{")
        assert cli.main(["scan", *verb, str(ce.control)]) == 1
        oar.clear("garbage")
        assert cli.main(["scan", *verb, str(ce.control)]) == 0
        assert cli.main(["cancel", *verb, grami]) == 0
        printed = [*capfd.readouterr(), files.errors(), str(gm_kick.calls())]
        calls = [(call.argv, call.env) for call in oar.calls()]
        rows = [(row["command"], row["initial_request"], row["job_env"]) for row in oar.jobs()]
    assert files.done() is not None
    assert SECRET not in "".join(printed)
    assert SECRET not in str(calls)
    assert SECRET not in str(rows)


def test_no_secret_in_an_error_about_a_grami_file(
    ce: Ce, capfd: pytest.CaptureFixture[str]
) -> None:
    files = ce.job(GRID_ID, environment={"TOKEN": SECRET}, executable="a=b", arguments=[SECRET])
    path = files.file("grami")
    text = path.read_text()
    broken = {
        "quote": text + f"joboption_env_9='TOKEN={SECRET}\n",
        "line": text + f"TOKEN {SECRET}\n",
        "odd name": text.replace("TOKEN=", "MY-TOKEN="),
        "no name": text.replace("TOKEN=", "="),
        "nul": text.replace(SECRET, f"{SECRET}\0"),
    }
    for how, content in broken.items():
        path.write_text(content)
        assert cli.main(["submit", "--config", str(ce.conf), str(path)]) == 0, how
        printed = "".join(capfd.readouterr())
        # What the grid user reads, also through arcstat.
        printed += "".join(p.read_text() for p in files.session.glob(".arc_oar/not-submitted-*"))
        assert printed.strip(), how
        assert SECRET not in printed, how
