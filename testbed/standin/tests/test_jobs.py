"""Jobs that run: their environment, their end, and their state and events in OAR."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from standin import Standin
from standin.processes import start_time
from standin.tests.helpers import Shell

ALL = pytest.mark.parametrize("version", ["2.5.9", "2.6.1", "3.0.2"])
CORE = ("-l", "/core=1,walltime=0:5:0")


def kinds(job: dict[str, object]) -> list[str]:
    events = job["events"]
    assert isinstance(events, list)
    return [event["type"] for event in events]


@ALL
def test_states_and_event_of_a_successful_job(oar: Standin, sh: Shell) -> None:
    job = oar.wait(sh.submit(*CORE, "true"))
    assert job["states"] == [
        "Waiting",
        "toLaunch",
        "Launching",
        "Running",
        "Finishing",
        "Terminated",
    ]
    assert kinds(job) == ["SWITCH_INTO_TERMINATE_STATE"]
    assert job["exit_code"] == 0
    assert job["submission_time"] <= job["start_time"] <= job["stop_time"]


@pytest.mark.parametrize(
    ("command", "status"),
    [
        ("exit 0", 0),
        ("exit 3", 768),
        ("exit 255", 65280),
        ("kill -9 $$", 9),
        ("kill -15 $$", 15),
        ("/no/such/command", 32512),
    ],
)
def test_exit_code_is_the_wait_status(command: str, status: int, oar: Standin, sh: Shell) -> None:
    job = oar.wait(sh.submit(*CORE, command))
    assert (job["state"], job["exit_code"]) == ("Terminated", status)


def test_environment_of_a_job(oar: Standin, sh: Shell) -> None:
    done = sh(
        "oarsub", "--name", "n", "--project", "p", "-l", "/host=2/core=1,walltime=0:5:0",
        "env -0; cp $OAR_NODEFILE nodes; cp $OAR_RESOURCE_PROPERTIES_FILE properties; umask >mask",
        env={"SECRET": "x", "PATH": "/nowhere"},
    )  # fmt: skip
    assert done.returncode == 0, done
    oar.wait(1)
    shown = dict(
        word.split("=", 1) for word in (sh.cwd / "OAR.n.1.stdout").read_text().split("\0") if word
    )
    assert "SECRET" not in shown
    assert shown["PATH"].startswith("/usr/local/bin:")
    expected = {
        "OAR_JOB_ID": "1",
        "OAR_JOBID": "1",
        "OAR_ARRAY_ID": "1",
        "OAR_ARRAY_INDEX": "1",
        "OAR_JOB_NAME": "n",
        "OAR_PROJECT_NAME": "p",
        "OAR_JOB_WALLTIME": "0:5:0",
        "OAR_JOB_WALLTIME_SECONDS": "300",
        "OAR_WORKDIR": str(sh.cwd),
        "OAR_O_WORKDIR": str(sh.cwd),
        "OAR_WORKING_DIRECTORY": str(sh.cwd),
    }
    assert {name: shown[name] for name in expected} == expected
    files = {shown[f"OAR_{n}"] for n in ("NODEFILE", "NODE_FILE", "FILE_NODES", "RESOURCE_FILE")}
    assert len(files) == 1
    assert (sh.cwd / "nodes").read_text() == "127.0.0.1\n127.0.0.2\n"
    assert " host = 'node2' " in (sh.cwd / "properties").read_text().splitlines()[1]
    assert (sh.cwd / "mask").read_text().strip() == "0022"
    assert not Path(files.pop()).exists()


@ALL
def test_output_files_and_directory(oar: Standin, sh: Shell) -> None:
    (sh.cwd / "d").mkdir()
    job_id = sh.submit(
        *CORE, "-d", str(sh.cwd / "d"), "-O", "o.%jobid%", "-E", "e.%jobid%", "pwd; pwd >&2"
    )
    oar.wait(job_id)
    for name in ("o", "e"):
        assert (sh.cwd / "d" / f"{name}.{job_id}").read_text() == f"{sh.cwd}/d\n"


@pytest.mark.parametrize("version", ["2.5.9", "3.0.2"])
def test_missing_directory_and_output_path(version: str, oar: Standin, sh: Shell) -> None:
    job = oar.wait(sh.submit(*CORE, "-d", "/no/such/place", "true"))
    word = "WORKING_DIRECTOR" + ("Y" if version == "2.5.9" else "")
    assert (job["state"], job["exit_code"]) == ("Error", None)
    assert kinds(job) == ["SWITCH_INTO_ERROR_STATE", word]
    job = oar.wait(sh.submit(*CORE, "-O", "/no/such/place", "true"))
    assert kinds(job) == ["SWITCH_INTO_ERROR_STATE", "OUTPUT_FILES"]


@ALL
def test_walltime_kills_everything(version: str, oar: Standin, sh: Shell) -> None:
    oar.set("walltime_factor", 0.01)
    job_id = sh.submit("-l", "/core=1,walltime=0:1:0", "setsid sleep 77 & echo $! >pid; sleep 77")
    job = oar.wait(job_id)
    assert (job["state"], job["exit_code"]) == ("Error", None)
    assert kinds(job) == [
        "FRAG_JOB_REQUEST",
        "WALLTIME",
        "SEND_KILL_JOB",
        "SWITCH_INTO_ERROR_STATE",
    ]
    who = "oar" if version == "3.0.2" else "root"
    assert job["events"][0]["description"].startswith(f"User {who} requested")
    escaped = int((sh.cwd / "pid").read_text())
    assert start_time(escaped) == 0  # ended, or a zombie that nothing reaps here
    assert f"Job {job_id} KILLED ##" in (sh.cwd / f"OAR.{job_id}.stderr").read_text()


@ALL
def test_deleting_a_running_job(oar: Standin, sh: Shell) -> None:
    job_id = sh.submit(*CORE, "trap '' TERM; sleep 77")
    oar.wait_for(job_id, "Running")
    done = sh("oardel", str(job_id))
    assert done.returncode == 0
    assert oar.job(job_id)["state"] in ("Running", "Finishing", "Error")
    job = oar.wait(job_id)
    assert (job["state"], job["exit_code"]) == ("Error", None)
    assert kinds(job) == ["FRAG_JOB_REQUEST", "SEND_KILL_JOB", "SWITCH_INTO_ERROR_STATE"]
    assert sh("oardel", str(job_id)).returncode == 6


@ALL
def test_deleting_held_and_waiting_jobs(version: str, oar: Standin, sh: Shell) -> None:
    held = sh.submit("--hold", *CORE, "true")
    sh.submit("-l", "/core=8,walltime=1:0:0", "sleep 77")
    waiting = sh.submit(*CORE, "true")
    oar.wait_for(waiting - 1, "Running")
    time.sleep(0.15)  # until it has a prediction
    assert sh("oardel", str(held), str(waiting)).returncode == 0
    for job_id in (held, waiting):
        job = oar.wait(job_id)
        assert (job["state"], job["message"]) == ("Error", "Job killed by Leon directly")
        assert kinds(job) == ["FRAG_JOB_REQUEST"]
    shown = sh("oarstat", "-J", "-f", "-j", str(waiting)).stdout
    assert (shown == "{}\n") == (version == "3.0.2")
    assert '"Error"' in sh("oarstat", "-s", "-J", "-j", str(waiting)).stdout


@ALL
def test_jobs_wait_for_resources(oar: Standin, sh: Shell) -> None:
    wait = "while [ ! -e go ]; do sleep 0.05; done"
    first = sh.submit("-l", "/core=8,walltime=0:5:0", wait)
    second = sh.submit("-l", "/core=2,walltime=0:5:0", "true")
    oar.wait_for(first, "Running")
    assert oar.job(second)["state"] == "Waiting"
    (sh.cwd / "go").touch()
    assert oar.wait(second)["start_time"] >= oar.job(first)["stop_time"]


def test_postponed_dependent_and_array(oar: Standin, sh: Shell) -> None:
    when = time.time() + 2
    stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))
    late = sh.submit("-t", f"postpone={stamp}", *CORE, "true")
    after = sh.submit("-a", str(late), *CORE, "true")
    done = sh("oarsub", "--array", "3", *CORE, "echo $OAR_ARRAY_INDEX")
    assert [x.partition("=")[2] for x in done.stdout.splitlines()[1:]] == ["3", "4", "5", "3"]
    for index in (1, 2, 3):
        oar.wait(index + 2)
        assert (sh.cwd / f"OAR.{index + 2}.stdout").read_text() == f"{index}\n"
    assert oar.wait(after)["start_time"] >= oar.job(late)["start_time"] >= int(when)


@ALL
def test_besteffort_job_is_preempted_and_resubmitted(version: str, oar: Standin, sh: Shell) -> None:
    victim = sh.submit(
        "-t", "besteffort", "-t", "idempotent", "-l", "/core=8,walltime=1:0:0", "sleep 77"
    )
    oar.wait_for(victim, "Running")
    assert oar.job(victim)["queue_name"] == "besteffort"
    oar.wait(sh.submit(*CORE, "true"))
    assert "BESTEFFORT_KILL" in kinds(oar.wait(victim))
    events = {e["type"]: e["description"] for e in oar.job(victim)["events"]}
    successor = oar.jobs()[-1]["job_id"]
    text = f"((0, ''), {successor}" if version == "3.0.2" else f"(new id = {successor})"
    assert text in events["RESUBMIT_JOB_AUTOMATICALLY"]
    assert oar.job(successor)["resubmit_job_id"] == victim


@ALL
def test_idempotent_exit_99(version: str, oar: Standin, sh: Shell) -> None:
    oar.set("idempotent_seconds", -1)
    job = oar.wait(sh.submit("-t", "idempotent", *CORE, "[ -e done ] || { touch done; exit 99; }"))
    assert (job["state"], job["exit_code"]) == ("Terminated", 99 << 8)
    assert ("RESUBMIT_JOB_AUTOMATICALLY" in kinds(job)) == (version != "3.0.2")
    successor = oar.wait(2)
    assert (successor["exit_code"], successor["resubmit_job_id"]) == (0, 1)


@ALL
def test_failed_launch_is_resubmitted(oar: Standin, sh: Shell) -> None:
    oar.set("launch_error", "CPUSET_ERROR:1")
    job = oar.wait(sh.submit(*CORE, "true"))
    assert (job["state"], job["exit_code"]) == ("Error", None)
    assert kinds(job) == ["CPUSET_ERROR", "RESUBMIT_JOB_AUTOMATICALLY"]
    assert oar.wait(2)["resubmit_job_id"] == 1
    assert oar.job(2)["state"] == "Terminated"


@pytest.mark.parametrize("style", [1, 2, 3, 4, 5])
def test_resubmit(style: int, oar: Standin, sh: Shell) -> None:
    oar.set("autorun", 0)
    old = sh.submit(*CORE, "true")
    new = oar.resubmit(old, style)
    assert (oar.job(old)["state"], oar.job(new)["state"]) == ("Error", "Waiting")
    assert oar.job(new)["resubmit_job_id"] == old
    assert oar.job(old)["resubmit_job_id"] == 0
    (event,) = oar.job(old)["events"]
    assert str(new) in event["description"]
    assert ("(type idempotent" in event["description"]) == (style == 2)


def test_stepping(oar: Standin, sh: Shell) -> None:
    oar.set("autorun", 0)
    first, second = sh.submit(*CORE, "true"), sh.submit(*CORE, "true")
    time.sleep(0.2)
    assert oar.job(first)["states"] == ["Waiting"]
    walked = [oar.step(first) for _ in range(5)]
    assert walked == ["toLaunch", "Launching", "Running", "Finishing", "Terminated"]
    assert oar.run_next() == second
    assert oar.wait(second)["exit_code"] == 0
    assert oar.run_next() is None


def test_script_file_is_read_when_the_job_starts(oar: Standin, sh: Shell) -> None:
    oar.set("autorun", 0)
    script = sh.cwd / "job"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    job_id = sh.submit(*CORE, str(script))
    script.write_text("#!/bin/sh\nexit 2\n")
    oar.run_next()
    assert oar.wait(job_id)["exit_code"] == 2 << 8


def test_scanned_script(oar: Standin, sh: Shell) -> None:
    script = sh.cwd / "job"
    script.write_text("#!/bin/sh\n#OAR -n scanned\n#OAR -l /core=2,walltime=0:7:30\n#OAR --hold\n")
    script.chmod(0o755)
    job = oar.job(sh.submit("-S", str(script)))
    assert (job["job_name"], job["state"]) == ("scanned", "Hold")
    assert job["message"] == "R=2,W=0:7:30,J=B,N=scanned"
    assert job["initial_request"].endswith("; #OAR --hold")


def test_hold_and_resume(oar: Standin, sh: Shell) -> None:
    job_id = sh.submit("--hold", *CORE, "true")
    assert sh("oarresume", str(job_id)).returncode == 0
    assert oar.wait(job_id)["state"] == "Terminated"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to act as two users")
def test_jobs_run_as_their_submitters(tmp_path: Path) -> None:
    import subprocess
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        with Standin.create(Path(name) / "oar") as oar:
            for uid in (12345, 0):
                subprocess.run(
                    [str(oar.bin / "oarsub"), "-O", f"{name}/{uid}.out", *CORE, "id -u"],
                    user=uid, group=uid, extra_groups=[], env={}, cwd=name, check=True,
                    stdout=subprocess.DEVNULL,
                )  # fmt: skip
            for job_id, uid in ((1, 12345), (2, 0)):
                oar.wait(job_id)
                assert Path(f"{name}/{uid}.out").read_text() == f"{uid}\n"
            assert [c.uid for c in oar.calls()] == [12345, 0]
            held = subprocess.run(
                [str(oar.bin / "oardel"), "2"], user=12345, group=12345, extra_groups=[],
                env={}, cwd=name, check=False, capture_output=True, text=True,
            )  # fmt: skip
            assert held.returncode == 1
            assert held.stderr == "Cannot frag 2 ; You are not the right user.\n"


def test_rows_without_a_process_can_be_deleted(oar: Standin, sh: Shell) -> None:
    sh.submit("--hold", *CORE, "true")
    owner = str(oar.job(1)["job_user"])
    (row,) = oar.add_jobs(1, first_id=70, state="Running", owner=owner)
    assert sh("oardel", str(row)).returncode == 0
    job = oar.wait(row)
    assert job["state"] == "Error"
    assert kinds(job) == ["FRAG_JOB_REQUEST", "SEND_KILL_JOB", "SWITCH_INTO_ERROR_STATE"]


def test_state_set_by_a_test_is_kept(oar: Standin, sh: Shell) -> None:
    oar.set("autorun", 0)
    job_id = sh.submit(*CORE, "true")
    for state in ("Running", "Finishing", "toError", "Suspended"):
        oar.update(job_id, state=state)
        time.sleep(0.1)
        assert oar.job(job_id)["state"] == state
