"""Each knob: the failure that it causes, and the recovery when it is cleared."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from standin import Standin
from standin.processes import start_time
from standin.tests.helpers import Shell, ignores, until

ALL = pytest.mark.parametrize("version", ["2.5.9", "2.6.1", "3.0.2"])
CORE = ("-l", "/core=1,walltime=0:5:0")


def start(oar: Standin, sh: Shell, *argv: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(oar.bin / argv[0]), *argv[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={},
        cwd=sh.cwd,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    ("version", "rc", "text"),
    [
        ("2.5.9", 25, "DB connection error, exiting.\n"),
        ("2.6.1", 25, "DB connection error, exiting.\n"),
        ("3.0.2", 1, "sqlalchemy.exc.OperationalError"),
    ],
)
def test_database_down(version: str, rc: int, text: str, oar: Standin, sh: Shell) -> None:
    oar.add_jobs(1)
    oar.set("db_down")
    for argv in (
        ["oarstat", "-s", "-J", "-j", "1"],
        ["oarstat", "--sql", "job_id=1"],
        ["oarnodes", "-J"],
    ):
        done = sh(*argv)
        assert (done.returncode, done.stdout) == (rc, "")
        assert text in done.stderr
    assert sh("oarstat", "-V").returncode == (1 if version == "3.0.2" else 0)
    oar.clear("db_down")
    assert sh("oarstat", "-s", "-J", "-j", "1").returncode == 0


@pytest.mark.parametrize("argv", [("oarsub", *CORE, "true"), ("oardel", "1")])
def test_database_down_makes_oarsub_and_oardel_wait(
    argv: tuple[str, ...], oar: Standin, sh: Shell
) -> None:
    oar.add_jobs(1, first_id=1, owner="nobody-else")
    oar.set("db_down")
    process = start(oar, sh, *argv)
    until(lambda: ignores(process.pid, signal.SIGTERM))
    process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    assert len(oar.jobs()) == 1
    assert oar.calls()[-1].rc is None
    oar.clear("db_down")  # and the command continues
    out, _ = process.communicate(timeout=60)
    assert "OAR_JOB_ID=2" in out or "Deleting the job = 1" in out


@pytest.mark.parametrize(("version", "rc"), [("2.5.9", 9), ("2.6.1", 9), ("3.0.2", 0)])
def test_server_down(version: str, rc: int, oar: Standin, sh: Shell) -> None:
    oar.set("server_down")
    done = sh("oarsub", *CORE, "true")
    assert done.returncode == rc
    assert "OAR_JOB_ID=1\n" in done.stdout
    assert ("annot connect to executor" in done.stderr) == (rc == 9)
    time.sleep(0.3)
    assert oar.job(1)["state"] == "Waiting"
    held = sh("oarsub", "--hold", *CORE, "true")
    assert "OAR_JOB_ID=2\n" in held.stdout
    deleted = sh("oardel", "2")
    assert deleted.returncode == (2 if rc else 0)
    time.sleep(0.2)
    assert oar.job(2)["state"] == "Hold"
    oar.clear("server_down")
    assert oar.wait(1)["state"] == "Terminated"
    assert oar.job(2)["state"] == "Hold"  # the server does not know of the request
    assert sh("oardel", "2").returncode == 6
    assert oar.wait(2)["state"] == "Error"


@ALL
def test_job_runs_although_it_was_deleted_while_the_server_was_down(
    oar: Standin, sh: Shell
) -> None:
    oar.set("server_down")
    sh("oarsub", *CORE, "true")
    sh("oardel", "1")
    oar.clear("server_down")
    assert oar.wait(1)["state"] == "Terminated"


def test_hang(oar: Standin, sh: Shell) -> None:
    oar.set("hang", "oarstat")
    process = start(oar, sh, "oarstat", "-V")
    # The second one holds the pipes open.
    until(lambda: len(processes_of(oar)) == 2 and ignores(process.pid, signal.SIGTERM))
    process.terminate()
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)
    # The pipes are still open: a process in another session holds them.
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=0.3)
    assert sh("oardel", "5").returncode == 1  # other commands are not affected
    oar.close()
    process.communicate(timeout=60)


def test_accept_then_hang(oar: Standin, sh: Shell) -> None:
    oar.set("accept_then_hang")
    process = start(oar, sh, "oarsub", "--name", "n", *CORE, "true")
    until(oar.jobs)
    assert oar.wait(1)["job_name"] == "n"
    assert process.poll() is None
    oar.close()
    out, _ = process.communicate(timeout=60)
    assert "OAR_JOB_ID" not in out


@ALL
def test_accept_no_id(oar: Standin, sh: Shell) -> None:
    oar.set("accept_no_id")
    done = sh("oarsub", *CORE, "true")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert oar.wait(1)["state"] == "Terminated"


def test_half_prefixed_and_garbage_output(oar: Standin, sh: Shell) -> None:
    oar.add_jobs(1, first_id=7)
    healthy = sh("oarstat", "-J", "-f", "-j", "7").stdout
    oar.set("half", "oarstat")
    assert sh("oarstat", "-J", "-f", "-j", "7").stdout == healthy[: len(healthy) // 2]
    oar.clear("half")
    oar.set("warn_before", "oarstat:perl: warning: Setting locale failed.")
    warned = sh("oarstat", "-J", "-f", "-j", "7").stdout
    assert warned == "perl: warning: Setting locale failed.\n" + healthy
    oar.clear("warn_before")
    oar.set("garbage", ["oarsub:nonsense", "oarstat:{]"])
    assert sh("oarstat", "-J", "-f", "-j", "7").stdout == "{]"
    assert sh("oardel", "8").stdout.startswith("Deleting")


def test_slow(oar: Standin, sh: Shell) -> None:
    oar.set("slow", "*:0.5")
    before = time.monotonic()
    assert sh("oarstat", "-V").returncode == 0
    assert time.monotonic() - before > 0.5


def test_fail_times(oar: Standin, sh: Shell) -> None:
    oar.set("fail_times", "oarsub:2:5:no: such thing")
    replies = [sh("oarsub", *CORE, "true") for _ in range(3)]
    assert [d.returncode for d in replies] == [5, 5, 0]
    assert replies[0].stderr == "no: such thing\n"
    assert len(oar.jobs()) == 1
    assert [c.rc for c in oar.calls()] == [5, 5, 0]


@ALL
def test_refusals(version: str, oar: Standin, sh: Shell) -> None:
    oar.set("admission_refusal", "no more jobs today")
    done = sh("oarsub", *CORE, "true")
    if version == "3.0.2":
        assert done.returncode == 1
        assert "prevented submitting the job: no more jobs today.\n" in done.stdout
    else:
        assert (done.returncode, done.stdout) == (254, "")
        assert done.stderr == "[ADMISSION RULE] no more jobs today\n\n"
    assert oar.jobs() == []
    oar.clear("admission_refusal")
    job_id = sh.submit("--hold", *CORE, "true")
    oar.set("refuse_del")
    done = sh("oardel", str(job_id))
    assert done.returncode == 1
    assert "You are not the right user." in done.stderr
    assert oar.job(job_id)["events"] == []


def test_close_ends_everything(oar: Standin, sh: Shell) -> None:
    job_id = sh.submit(*CORE, "env -i setsid sleep 66 & setsid sleep 66 & sleep 66")
    oar.wait_for(job_id, "Running")
    until(lambda: len(processes_of(oar)) >= 4)  # a runner, a shell, two sleeps
    mine = processes_of(oar)
    oar.close()
    until(lambda: not any(map(start_time, mine)))


def test_runner_ends_when_its_directory_is_deleted(tmp_path: Path, sh: Shell) -> None:
    import shutil

    oar = Standin.create(tmp_path / "other")
    Shell(oar, sh.cwd).submit(*CORE, "sleep 66")
    oar.wait_for(1, "Running")
    mine = processes_of(oar)
    oar.release()
    shutil.rmtree(tmp_path / "other")
    until(lambda: not any(map(start_time, mine)))


def processes_of(oar: Standin) -> list[int]:
    """Return the processes that name this stand-in in their arguments or environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes()
            environ = (entry / "environ").read_bytes()
        except OSError:
            continue
        mark = str(oar.directory).encode()
        if mark in command or mark in environ:
            found.append(int(entry.name))
    return found


def test_many_callers_at_once(oar: Standin, sh: Shell) -> None:
    oar.set_nodes([{"cores": 20}])
    started = [start(oar, sh, "oarsub", *CORE, "true") for _ in range(20)]
    replies = [process.communicate(timeout=20)[0] for process in started]
    ids = sorted(int(text.split("OAR_JOB_ID=")[1]) for text in replies)
    assert ids == list(range(1, 21))
    assert {oar.wait(i, 20)["exit_code"] for i in ids} == {0}


def test_make(tmp_path: Path) -> None:
    make = Path(__file__).resolve().parents[1] / "make"
    argv = [sys.executable, str(make), str(tmp_path / "it's here"), "--version", "3.0.2"]
    done = subprocess.run(
        [*argv, "--set", "delay=0.01"], capture_output=True, text=True, check=True
    )
    oarsub = str(Path(done.stdout.strip()) / "oarsub")
    subprocess.run([oarsub, *CORE, "true"], env={}, cwd=tmp_path, check=True, capture_output=True)
    with Standin(tmp_path / "it's here") as oar:
        assert oar.wait(1)["exit_code"] == 0
    again = subprocess.run([*argv, "--set", "db_down"], capture_output=True, text=True, check=True)
    assert again.stdout == done.stdout
    assert subprocess.run([oarsub, "-V"], env={}, capture_output=True, check=False).returncode == 1
