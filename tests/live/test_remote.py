"""OAR on another machine, with an ssh connection that is cut: each grid job is one OAR job.

doctor names what prevents the login.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bed import Bed
from bed.arcconf import SESSIONDIR
from bed.grid import USER, Grid, Job, shell
from bed.remote_oar import COMMANDS, HOST, KEY, SESSIONS, RemoteOar

pytestmark = pytest.mark.live

HERE = Path(__file__).parent
LOG = "/var/log/arc/job.helper.errors"
REMOTE = f"""
bin_path = {COMMANDS}
remote_host = {HOST}
remote_user = {USER}
private_key = {KEY.format(user=USER)}
remote_sessiondir = {SESSIONS}
ssh_timeout = 2
dialect = 2
"""


class RemoteGrid(Grid):
    """The grid, with root's oarstat run on OAR's machine."""

    def __init__(self, oar_host: RemoteOar) -> None:
        super().__init__(oar_host.bed)
        self.oar_host = oar_host

    def root(self, *argv: str, **more: Any) -> str:
        if argv[0] == "oarstat":
            return self.oar_host.run(argv).stdout.decode()
        return super().root(*argv, **more)


@pytest.fixture(scope="module")
def oar_host(bed: Bed, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteOar]:
    """The testbed with OAR on another machine, and A-REX configured for that."""
    conf = tmp_path_factory.mktemp("conf") / "arc.conf"
    text = (HERE / "arc.conf.in").read_text()
    conf.write_text(text.replace("[custom:oar]\n", f"[custom:oar]{REMOTE}"))
    oar_host = RemoteOar(bed, USER, SESSIONDIR)
    oar_host.up()
    try:
        bed.reconf(conf)
        yield oar_host
    finally:
        oar_host.down()
        bed.reconf(HERE / "arc.conf.in")


@pytest.fixture(scope="module")
def remote(oar_host: RemoteOar) -> Grid:
    return RemoteGrid(oar_host)


def finished(job: Job, code: int = 0) -> dict[str, Any]:
    """Check that the job ended with exit code `code` and had one OAR job; return that job."""
    job.wait()
    failure = f"LRMS error: ({code}) Job finished with exit code {code}" if code else ""
    assert job.failure() == failure, job.diagnostics()
    (held,) = job.oar_jobs()
    assert (held["exit_code"], held["Job_Id"]) == (code << 8, job.oar_id())
    assert job.private_files() == ""
    return held


def test_jobs_on_another_machine(remote: Grid, oar_host: RemoteOar) -> None:
    here = oar_host.bed.run(["oarstat"], user=USER, check=False)
    assert here.returncode != 0, "OAR answers on A-REX's side"
    descriptions = [shell("echo done; pwd"), shell("exit 3"), shell("sleep 300")]
    good, bad, long = remote.submit_all([(text, {}) for text in descriptions])
    long.wait_running()
    remote.user("arckill", "-k", long.url)
    held = finished(good)
    assert held["launchingDirectory"] == f"{SESSIONS}/{good.grid_id}"
    assert good.output("out.txt") == f"done\n{SESSIONS}/{good.grid_id}\n"
    finished(bad, 3)
    long.wait()
    assert long.failure().startswith("Job is canceled by external request"), long.diagnostics()
    assert [row["state"] for row in long.oar_jobs()] == ["Error"]


def test_cable_cut_while_oarsub_is_at_work(remote: Grid, oar_host: RemoteOar) -> None:
    """oarsub continues on OAR's machine; the submission waits for it and uses its job."""
    oar_host.hold("oarsub", "oarstat")
    job = remote.submit(shell("echo done"))
    job.wait_until(lambda: oar_host.held("oarsub"), "at work in oarsub")
    before = oar_host.connections()
    oar_host.cut_network()
    job.wait_until(lambda: not before & oar_host.connections(), "aware of the cut")
    oar_host.restore_network()
    asking = ["pgrep", "-f", f"oarstat.*job_name.*{job.grid_id}"]
    job.wait_until(lambda: oar_host.run(asking, check=False).stdout, "asked for by name")
    oar_host.release("oarstat")
    assert (job.state(), job.oar_jobs()) == ("SUBMIT", [])
    oar_host.release("oarsub")
    finished(job)
    assert job.output("out.txt") == "done\n"


def test_connection_ended_while_oarstat_is_at_work(remote: Grid, oar_host: RemoteOar) -> None:
    """The job stays in INLRMS, and the next scan reports it."""
    job = remote.submit(shell("sleep 5; echo done"))
    job.wait_running()
    before = len(remote.read(LOG))
    oar_host.hold("oarstat")
    problem = f"nothing was changed: oarstat: the connection to {HOST} failed: "

    def noticed() -> bool:
        """The information provider also queries OAR, so the first connection may be its own."""
        if oar_host.held("oarstat"):
            oar_host.drop_connections()
        return problem in remote.read(LOG)[before:]

    job.wait_until(noticed, "noticed by scan")
    assert job.state() == "INLRMS"
    oar_host.release("oarstat")
    finished(job)
    assert job.output("out.txt") == "done\n"


OWN = KEY.format(user=USER)
KNOWN = "/etc/ssh/ssh_known_hosts"


def problems(oar_host: RemoteOar, user: str) -> list[tuple[str, str, str]]:
    """The findings of level FAIL, and those of the login."""
    done = oar_host.bed.run(
        ["python3", "-m", "arc_lrms_oar", "doctor", "--json"], user=user, check=False
    )
    rows = json.loads(done.stdout)["findings"]
    return [
        (row["check"], row["message"], row["cure"])
        for row in rows
        if row["level"] == "FAIL" or (row["check"] == f"ssh to {HOST}" and row["level"] != "ok")
    ]


@pytest.mark.parametrize("user", ["root", USER])
@pytest.mark.parametrize(
    ("cause", "undo", "users", "reason", "cure"),
    [
        (
            f"mv {OWN} {OWN}.away",
            f"mv {OWN}.away {OWN}",
            f"{USER}, root",
            f"cannot read the private key {OWN}: No such file or directory",
            f"create the key {OWN}, or correct private_key in [custom:oar]",
        ),
        (
            f"chown root:root {OWN}",
            "",
            USER,
            f"cannot read the private key {OWN}: Permission denied",
            f"run: chown {USER} {OWN} && chmod 600 {OWN}; {USER} must reach its directory",
        ),
        (
            f"mv {KNOWN} {KNOWN}.away",
            f"mv {KNOWN}.away {KNOWN}",
            f"{USER}, root",
            f"the connection to {HOST} failed: Host key verification failed.",
            f"run: ssh-keyscan {HOST} >>{KNOWN}; compare the keys with those in /etc/ssh on {HOST}",
        ),
        (
            f"cd /home/{USER}/.ssh && mv authorized_keys away",
            f"cd /home/{USER}/.ssh && mv away authorized_keys",
            f"{USER}, root",
            f"the connection to {HOST} failed: {USER}@{HOST}: Permission denied",
            f"add what `ssh-keygen -y -f {OWN}` prints to .ssh/authorized_keys of {USER}",
        ),
    ],
    ids=["no-key", "key-of-root", "unknown-host-key", "refused-key"],
)
def test_doctor_names_why_the_login_fails(
    oar_host: RemoteOar, user: str, cause: str, undo: str, users: str, reason: str, cure: str
) -> None:
    root = oar_host.bed.run
    assert problems(oar_host, user) == []
    root(["sh", "-c", cause])
    try:
        ((check, message, printed),) = problems(oar_host, user)
        names = users if user == "root" else USER
        assert (check, message.startswith(f"as {names}: {reason}")) == (f"ssh to {HOST}", True)
        assert printed.startswith(cure)
        if printed.startswith("run: "):
            root(["sh", "-c", printed[5:].partition("; ")[0]])
            assert problems(oar_host, user) == []
    finally:
        root(["sh", "-c", undo or f"chown {USER}: {OWN}; chmod 600 {OWN}"])
