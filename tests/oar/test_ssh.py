"""Commands on another machine: a connection that holds, and one that breaks at any moment."""

from __future__ import annotations

import gc
import os
import select
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from support.fake_ssh import FakeSsh

from arc_lrms_oar.errors import OarRefused
from arc_lrms_oar.oar import ssh as module
from arc_lrms_oar.oar.ssh import Frontend, SshTransport
from arc_lrms_oar.oar.transport import CommandFailed, CommandTimeout, Completed

# Far longer than any of these commands takes, for a machine that is busy.
TIMEOUT = 60.0
FRONTEND = Frontend("oar.example", "grid", "/etc/grid-security/oar-key", 10)
DISCONNECT = (
    r"^oarstat: the connection to oar\.example failed: [0-9a-f]*"
    r"client_loop: send disconnect: Broken pipe$"
)


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSsh:
    fake = FakeSsh(tmp_path / "ssh")
    monkeypatch.setattr(module, "SSH", str(fake.path))
    return fake


@pytest.fixture
def bin_path(tmp_path: Path) -> Path:
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


@pytest.fixture
def transport(ssh: FakeSsh, bin_path: Path) -> SshTransport:
    return SshTransport(FRONTEND, str(bin_path), TIMEOUT)


def shell(bin_path: Path, body: str, name: str = "oarstat") -> None:
    (bin_path / name).write_text(f"#!/bin/sh\n{body}\n")
    (bin_path / name).chmod(0o755)


def python(bin_path: Path, body: str, name: str = "oarstat") -> None:
    (bin_path / name).write_text(f"#!{sys.executable} -ISE\n{body}\n")
    (bin_path / name).chmod(0o755)


# ---- how ssh is called -------------------------------------------------------------------------


def test_the_command_line_of_ssh(ssh: FakeSsh, transport: SshTransport, bin_path: Path) -> None:
    shell(bin_path, ":")
    transport.run(["oarstat", "-V"])
    transport.run(["oarstat", "-J"])
    first, second = ssh.calls()
    assert first == second
    (path,) = (word[12:] for word in first if word.startswith("ControlPath="))
    options = [
        "BatchMode=yes",
        "StrictHostKeyChecking=yes",
        "IdentitiesOnly=yes",
        "ConnectTimeout=10",
        "ServerAliveInterval=10",
        "ServerAliveCountMax=3",
        "ControlMaster=auto",
        f"ControlPath={path}",
        "ControlPersist=60",
        "ClearAllForwardings=yes",
        "PermitLocalCommand=no",
        "LogLevel=ERROR",
    ]
    assert first == [
        *["-T", "-x", "-a", "-i", "/etc/grid-security/oar-key", "-l", "grid"],
        *(word for option in options for word in ("-o", option)),
        *["oar.example", "exec /bin/sh -s oarstat"],
    ]
    status = os.stat(os.path.dirname(path))
    assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o700, os.geteuid())


def test_the_connection_goes_with_the_runner(ssh: FakeSsh, bin_path: Path) -> None:
    shell(bin_path, ":")
    transport = SshTransport(FRONTEND, str(bin_path), TIMEOUT)
    transport.run(["oarstat"])
    (path,) = (word[12:] for word in ssh.calls()[0] if word.startswith("ControlPath="))
    del transport
    gc.collect()
    assert ssh.calls()[1] == ["-o", f"ControlPath={path}", "-O", "exit", "oar.example"]
    assert not os.path.exists(os.path.dirname(path))


def test_without_ssh(bin_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SSH", "/nonexistent/ssh")
    with pytest.raises(CommandFailed, match=r"^oarstat: cannot be run: No such file or directory$"):
        SshTransport(FRONTEND, str(bin_path), TIMEOUT).run(["oarstat"])


# ---- what comes back ---------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 1, 25, 254, 255])
def test_output_and_exit_code(transport: SshTransport, bin_path: Path, code: int) -> None:
    shell(bin_path, f"echo out; echo err >&2; exit {code}")
    assert transport.run(["oarstat", "-V"]) == Completed(["oarstat", "-V"], code, "out\n", "err\n")


def test_output_without_a_newline(transport: SshTransport, bin_path: Path) -> None:
    shell(bin_path, "printf out; printf err >&2")
    assert transport.run(["oarstat"])[1:] == (0, "out", "err")


def test_what_the_login_shell_prints_is_no_answer(
    ssh: FakeSsh, transport: SshTransport, bin_path: Path
) -> None:
    shell(bin_path, "echo out; echo err >&2")
    ssh.next("chatty")
    assert transport.run(["oarstat"])[1:] == (0, "out\n", "err\n")


def test_arguments_come_through_as_they_are(transport: SshTransport, bin_path: Path) -> None:
    python(bin_path, "import sys\nsys.stdout.buffer.write(ascii(sys.argv[1:]).encode())")
    words = ["", " ", "a b", "$HOME", "`id`", "*", "';--", '"', "\\", "\n", "é", "-n", "!x", "}"]
    assert transport.run(["oarstat", *words]).stdout == ascii(words)


def test_more_arguments_than_one_word_of_linux_holds(
    transport: SshTransport, bin_path: Path
) -> None:
    python(bin_path, "import sys\nprint(len(sys.argv), len(sys.argv[-1]), sys.stdin.read())")
    ids = [word for number in range(20_000) for word in ("-j", str(10_000 + number))]
    assert transport.run(["oarstat", *ids, "x" * 120_000]).stdout == "40002 120000 \n"


def test_the_environment_there(transport: SshTransport, bin_path: Path) -> None:
    shell(bin_path, 'echo "$PATH $LC_ALL $COLUMNS"; env | grep -c ^PWD=')
    path = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
    assert transport.run(["oarstat"]).stdout == f"{path} C.UTF-8 500\n1\n"


@pytest.mark.parametrize("why", ["missing", "not executable"])
def test_a_command_that_cannot_be_run_there(
    transport: SshTransport, bin_path: Path, why: str
) -> None:
    if why != "missing":
        (bin_path / "oarstat").touch(mode=0o644)
    with pytest.raises(CommandFailed, match=r"^oarstat: cannot be run on oar\.example: .*oarstat"):
        transport.run(["oarstat"])


# ---- the connection breaks ---------------------------------------------------------------------


def test_no_connection(ssh: FakeSsh, transport: SshTransport) -> None:
    ssh.next("refused")
    with pytest.raises(CommandFailed) as caught:
        transport.run(["oarstat"])
    assert str(caught.value) == (
        "oarstat: the connection to oar.example failed: "
        "ssh: connect to host oar.example port 22: Connection refused"
    )


@pytest.mark.parametrize(
    "mode",
    [
        *["held", "mute", "cut out 0", "cut out 20", "cut out 40", "cut out -1", "cut out -3"],
        *["cut err 0", "cut err 20", "cut err -1", "cut out -36"],
    ],
)
def test_connection_cut(ssh: FakeSsh, transport: SshTransport, bin_path: Path, mode: str) -> None:
    """Also where all of the answer but its end has come, or all but the exit code."""
    shell(bin_path, "echo OAR_JOB_ID=1234; echo err >&2")
    ssh.next(mode)
    with pytest.raises(CommandFailed, match=DISCONNECT):
        transport.run(["oarstat"])


def test_half_of_what_was_sent_does_nothing(
    ssh: FakeSsh, transport: SshTransport, bin_path: Path, tmp_path: Path
) -> None:
    """`oardel 1234` cut to `oardel 12` would delete another one's job."""
    shell(bin_path, f"echo $1 >>{tmp_path}/ran", "oardel")
    ssh.next("held")
    with pytest.raises(CommandFailed):
        transport.run(["oardel", "1234"])
    whole = (ssh.place / "held").read_bytes()
    for size in range(len(whole) - 2):
        (ssh.place / "held").write_bytes(whole[:size])
        ssh.deliver()
    assert not (tmp_path / "ran").exists()
    (ssh.place / "held").write_bytes(whole)
    ssh.deliver()
    assert (tmp_path / "ran").read_text() == "1234\n"


def test_no_answer(ssh: FakeSsh, transport: SshTransport) -> None:
    ssh.next("stuck")
    with pytest.raises(CommandTimeout, match=r"^oarstat: no answer in 1 s$"):
        transport.run(["oarstat"], 1.0)


# ---- tickets: a command that must not run twice ------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "it's here").mkdir()
    return tmp_path / "it's here"


def submit(transport: SshTransport, ticket: Path) -> Completed | None:
    return transport.start(["oarsub", "-l", "core=1"], ticket=str(ticket)).wait(TIMEOUT)


def test_a_ticket_is_used_once(transport: SshTransport, bin_path: Path, folder: Path) -> None:
    shell(bin_path, f"echo ran >>'{bin_path}/ran'; echo OAR_JOB_ID=7; exit 9", "oarsub")
    ticket = folder / "job-a.sh.1"
    argv = ["oarsub", "-l", "core=1"]
    assert submit(transport, ticket) == Completed(argv, 9, "OAR_JOB_ID=7\n", "")
    with pytest.raises(CommandFailed, match=r"^oarsub: cannot be run on oar\.example: void$"):
        submit(transport, ticket)
    assert (bin_path / "ran").read_text() == "ran\n"
    assert os.listdir(folder) == ["job-a.sh.1"]


def test_a_session_directory_that_is_not_there(
    transport: SshTransport, bin_path: Path, tmp_path: Path
) -> None:
    shell(bin_path, f"touch '{bin_path}/ran'", "oarsub")
    with pytest.raises(OarRefused) as caught:
        submit(transport, tmp_path / "nowhere" / "job-a.sh.1")
    assert str(caught.value) == (
        "the session directory is not on oar.example, or grid cannot enter it: it must be on a "
        "file system of both machines, there under the path of remote_sessiondir"
    )
    assert not (bin_path / "ran").exists()


def test_a_command_that_comes_too_late(
    ssh: FakeSsh, transport: SshTransport, bin_path: Path, folder: Path
) -> None:
    shell(bin_path, f"touch '{bin_path}/ran'", "oarsub")
    ssh.next("held")
    with pytest.raises(CommandFailed):
        submit(transport, folder / "job-a.sh.1")
    assert transport.is_running(0, str(folder / "job-a.sh.1")) is False
    assert "void" in ssh.deliver()
    assert not (bin_path / "ran").exists()


def test_a_command_that_is_still_at_work(
    ssh: FakeSsh, transport: SshTransport, bin_path: Path, folder: Path
) -> None:
    os.mkfifo(bin_path / "begun")
    os.mkfifo(bin_path / "end")
    shell(bin_path, f"echo x >'{bin_path}/begun'; read x <'{bin_path}/end'", "oarsub")
    ticket = str(folder / "job-a.sh.1")
    ssh.next("left")
    with pytest.raises(CommandFailed):
        submit(transport, Path(ticket))
    (bin_path / "begun").read_text()
    assert transport.is_running(0, ticket) is True
    assert transport.is_running(0, str(folder / "job-a.sh.2")) is False
    (bin_path / "end").write_text("x\n")
    while subprocess.run(["pgrep", "-f", "job-a[.]sh[.]1"], stdout=-3, check=False).returncode == 0:
        pass
    assert transport.is_running(0, ticket) is False


def test_where_it_cannot_be_told(
    ssh: FakeSsh, transport: SshTransport, folder: Path, tmp_path: Path
) -> None:
    ssh.next("mute")
    with pytest.raises(CommandFailed):
        transport.is_running(0, str(folder / "job-a.sh.1"))
    with pytest.raises(CommandFailed, match=r"cannot check whether an earlier one runs on oar\."):
        transport.is_running(0, str(tmp_path / "nowhere" / "job-a.sh.1"))


def test_command_left_alone_comes_to_its_end(
    ssh: FakeSsh, transport: SshTransport, bin_path: Path, folder: Path
) -> None:
    """oarsub prints while it makes its job: that nobody reads it must not end it half-way."""
    os.mkfifo(folder / "go")
    os.mkfifo(folder / "end")
    body = "read go <go; echo half; echo half >&2; echo whole >end"
    shell(bin_path, f"cd {shlex.quote(str(folder))}; {body}", "oarsub")
    ssh.next("unread")
    with pytest.raises(CommandFailed, match="the connection to"):
        submit(transport, folder / "job-a.sh.1")
    go, end = (os.open(folder / name, os.O_RDWR) for name in ("go", "end"))
    os.write(go, b"go\n")
    came = select.select([end], [], [], TIMEOUT)[0]
    os.close(go)
    os.close(end)
    assert came
