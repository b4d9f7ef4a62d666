"""Running commands on this machine: real executables that behave like OAR's, and worse."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.oar.local import LocalTransport
from arc_lrms_oar.oar.transport import CommandFailed, CommandTimeout, Completed
from arc_lrms_oar.process import ENVIRONMENT

# Seconds: far longer than any of these commands takes on a busy machine.
TIMEOUT = 30.0
POLL = select.poll
ROOT = Path(__file__).resolve().parents[2]


class Programs:
    """A directory of executables, and a transport that runs them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.transport = LocalTransport(str(directory), TIMEOUT)

    def shell(self, body: str, name: str = "oarstat") -> None:
        self._write(name, f"#!/bin/sh\n{body}\n")

    def python(self, body: str, name: str = "oarstat") -> None:
        self._write(name, f"#!{sys.executable} -ISE\n{body}\n")

    def _write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, *words: str, timeout: float | None = None) -> Completed:
        return self.transport.run(["oarstat", *words], timeout)


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    directory = tmp_path / "bin"
    directory.mkdir()
    return Programs(directory)


def gone(pid: int) -> bool:
    """Whether the process has ended (a zombie has), waiting up to 5 s for it."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def open_pipes() -> int:
    """The number of pipes that this process has open."""
    links = []
    for entry in os.scandir("/proc/self/fd"):
        try:
            links.append(os.readlink(entry.path))
        except OSError:
            continue
    return len([link for link in links if link.startswith("pipe:")])


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


# ---- output and exit status --------------------------------------------------------------------


def test_output_and_exit_code(programs: Programs) -> None:
    programs.shell("echo out; echo err >&2; exit 3")
    assert programs.run("-V") == Completed(["oarstat", "-V"], 3, "out\n", "err\n")


def test_no_output(programs: Programs) -> None:
    programs.shell(":")
    assert programs.run() == Completed(["oarstat"], 0, "", "")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_killed_by_a_signal(programs: Programs, number: signal.Signals) -> None:
    programs.shell(f"echo half; kill -{int(number)} $$")
    assert programs.run() == Completed(["oarstat"], -number, "half\n", "")


def test_arguments_arrive_unchanged(programs: Programs) -> None:
    programs.python("import sys\nsys.stdout.buffer.write(ascii(sys.argv[1:]).encode())")
    words = [
        "",
        " ",
        "a b",
        "$HOME",
        "`id`",
        "*",
        "';--",
        '"',
        "\\",
        "\n",
        "é",
        "-n",
        "x" * 100_000,
    ]
    assert programs.run(*words).stdout == ascii(words)


def test_argument_that_is_not_utf8(programs: Programs) -> None:
    programs.python(
        "import os, sys\nsys.stdout.buffer.write(os.fsencode(sys.argv[1]).hex().encode())"
    )
    assert programs.run(os.fsdecode(b"a\xff")).stdout == "61ff"


@pytest.mark.parametrize(
    ("printed", "read"),
    [
        (b"\xc3\xa9", "é"),
        (b"t\xe9st", "t\ufffdst"),
        (b"\xff\xfe\x00", "\ufffd\ufffd\x00"),
        (b"cut \xe6\x97", "cut \ufffd"),
        (b"a\r\nb\rc\n", "a\r\nb\rc\n"),
    ],
)
def test_output_that_is_not_text(programs: Programs, printed: bytes, read: str) -> None:
    programs.python(f"import sys\nsys.stdout.buffer.write({printed!r})")
    assert programs.run().stdout == read


def test_characters_split_between_two_reads(programs: Programs) -> None:
    programs.python(
        "import sys, time\nout = sys.stdout.buffer\n"
        "for byte in '日本'.encode():\n    out.write(bytes([byte])); out.flush(); time.sleep(0.02)"
    )
    assert programs.run().stdout == "日本"


def test_much_output_on_both_streams(programs: Programs) -> None:
    """Far more than a pipe holds: reading one stream to its end first would deadlock."""
    programs.python(
        "import sys\nfor i in range(50):\n"
        "    sys.stdout.write('o' * 100000); sys.stderr.write('e' * 100000)\nsys.exit(4)"
    )
    done = programs.run()
    assert done.code == 4
    assert (len(done.stdout), len(done.stderr)) == (5_000_000, 5_000_000)
    assert set(done.stdout) == {"o"}
    assert set(done.stderr) == {"e"}


def test_output_is_closed_before_the_end(programs: Programs) -> None:
    programs.shell("echo out; exec >&- 2>&-; sleep 0.3; exit 5")
    assert programs.run() == Completed(["oarstat"], 5, "out\n", "")


# ---- environment, open files, signals ----------------------------------------------------------


def test_clean_environment(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "X509_USER_PROXY",
        "LD_PRELOAD_SECRET",
        "OAR_OARSTAT_OUTPUT_FORMAT",
        "LANG",
        "HOME",
    ):
        monkeypatch.setenv(name, "of the CE")
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.delenv("TZ", raising=False)
    programs.python("import json, os\nprint(json.dumps(dict(os.environ)))")
    found = json.loads(programs.run().stdout)
    found.pop("LC_CTYPE", None)  # set by Python itself
    assert found == {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
        "HOME": "/",
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "500",
    }


def test_the_time_zone_is_kept(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """OAR prints local times."""
    monkeypatch.setenv("TZ", "Europe/Paris")
    programs.shell('echo "$TZ"')
    assert programs.run().stdout == "Europe/Paris\n"


def test_standard_input_is_empty(programs: Programs) -> None:
    """oarsub would wait for a password or a script."""
    programs.shell("cat; echo end")
    reading, writing = os.pipe()
    ours = os.dup(0)
    try:
        os.write(writing, b"ours\n")
        os.close(writing)
        os.dup2(reading, 0)
        assert programs.run().stdout == "end\n"
    finally:
        os.dup2(ours, 0)
        os.close(ours)
        os.close(reading)


def test_open_files_are_not_inherited(programs: Programs, tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as handle:
        os.set_inheritable(handle.fileno(), True)
        programs.python("import os\nprint(len(os.listdir('/proc/self/fd')))")
        # Standard input, output and error, and the directory itself.
        assert programs.run().stdout == "4\n"


def test_open_files_to_inherit(programs: Programs, tmp_path: Path) -> None:
    """The lock of a submission, for example: only this command inherits it."""
    with (tmp_path / "lock").open("w") as handle:
        kept = handle.fileno()
        programs.python("import os\nprint(*os.listdir('/proc/self/fd'))")
        command = programs.transport.start(["oarstat"], [kept])
        done = command.wait(TIMEOUT)
        assert done is not None
        assert set(map(int, done.stdout.split())) >= {0, 1, 2, kept}
        assert len(done.stdout.split()) == 5
        assert not os.get_inheritable(kept)
        assert programs.run().stdout.split() == ["0", "1", "2", "3"]


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_closed_standard_streams(programs: Programs, closed: tuple[int, ...]) -> None:
    """The parent may have closed 0, 1 or 2, so that a pipe gets one of these numbers."""
    programs.shell('read line || echo "end"; echo err >&2')
    script = (
        "import os, sys\n"
        f"for one in {closed!r}: os.close(one)\n"
        "from arc_lrms_oar.oar.local import LocalTransport\n"
        f"done = LocalTransport({str(programs.directory)!r}, {TIMEOUT}).run(['oarstat'])\n"
        f"open({str(programs.directory / 'told')!r}, 'w').write(repr(tuple(done[1:])))\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
    assert (programs.directory / "told").read_text() == "(0, 'end\\n', 'err\\n')"


def test_signals_that_python_ignores_have_their_default_action(programs: Programs) -> None:
    programs.shell("kill -s PIPE $$; echo lives")
    assert programs.run().code == -signal.SIGPIPE


def test_ignored_sigchld(programs: Programs) -> None:
    """A process inherits that SIGCHLD is ignored. The exit status is lost then: no success."""
    programs.shell("echo out; exit 0")
    ours = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        done = programs.run()
    finally:
        signal.signal(signal.SIGCHLD, ours)
    assert (done.code, done.stdout) == (255, "out\n")


def test_own_session_and_process_group(programs: Programs) -> None:
    programs.python("import os\nprint(os.getpid(), os.getpgrp(), os.getsid(0))")
    command = programs.transport.start(["oarstat"])
    done = command.wait(TIMEOUT)
    assert done is not None
    assert set(map(int, done.stdout.split())) == {command.pid}


def test_search_in_the_usual_path() -> None:
    done = LocalTransport("", TIMEOUT).run(["sh", "-c", "echo $0", "x"])
    assert done == Completed(["sh", "-c", "echo $0", "x"], 0, "x\n", "")


def test_search_nowhere_else(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the caller's PATH nor the current directory is searched."""
    programs.shell("echo not this one", "oarnothing")
    monkeypatch.setenv("PATH", str(programs.directory))
    monkeypatch.chdir(programs.directory)
    with pytest.raises(CommandFailed, match="oarnothing: cannot be run: No such file"):
        LocalTransport("", TIMEOUT).run(["oarnothing"])


@pytest.mark.parametrize(("order", "code"), [("ab", 5), ("ba", 5), ("b", None)])
def test_command_without_execute_permission_in_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: str, code: int | None
) -> None:
    """Reported as such and not as missing, unless another directory has one that may be run."""
    for name, mode in (("a", 0o755), ("b", 0o644)):
        (tmp_path / name).mkdir()
        Programs(tmp_path / name).shell("exit 5")
        (tmp_path / name / "oarstat").chmod(mode)
    folders = [str(tmp_path / name) for name in order]
    monkeypatch.setitem(ENVIRONMENT, "PATH", ":".join([*folders, "/nonexistent"]))
    if code is not None:
        assert LocalTransport("", TIMEOUT).run(["oarstat"]).code == code
        return
    with pytest.raises(CommandFailed, match="oarstat: cannot be run: Permission denied"):
        LocalTransport("", TIMEOUT).run(["oarstat"])


def test_bin_path_is_the_only_directory(programs: Programs) -> None:
    with pytest.raises(CommandFailed, match="sh: cannot be run"):
        programs.transport.run(["sh", "-c", "exit 0"])


# ---- commands that cannot be started -----------------------------------------------------------


def test_no_such_command(programs: Programs) -> None:
    with pytest.raises(OarUnavailable, match=r"^oarstat: cannot be run: No such file") as caught:
        programs.run("-V")
    assert isinstance(caught.value, CommandFailed)
    assert (caught.value.argv, caught.value.code) == (["oarstat", "-V"], None)
    assert (caught.value.stdout, caught.value.stderr) == ("", "")


def test_not_executable(programs: Programs) -> None:
    programs.shell("echo hi")
    (programs.directory / "oarstat").chmod(0o644)
    with pytest.raises(CommandFailed, match="cannot be run: Permission denied"):
        programs.run()


def test_missing_interpreter(programs: Programs) -> None:
    path = programs.directory / "oarstat"
    path.write_text("#!/nonexistent/perl\n")
    path.chmod(0o755)
    with pytest.raises(CommandFailed, match="cannot be run: No such file"):
        programs.run()


def test_not_a_program(programs: Programs) -> None:
    path = programs.directory / "oarstat"
    path.write_bytes(b"\x7fELF nonsense")
    path.chmod(0o755)
    with pytest.raises(CommandFailed, match="cannot be run: Exec format error"):
        programs.run()


def test_directory_instead_of_a_command(programs: Programs) -> None:
    (programs.directory / "oarstat").mkdir()
    with pytest.raises(CommandFailed, match="cannot be run: Permission denied"):
        programs.run()


@pytest.mark.parametrize("words", [["a\x00b"], ["x" * 140_000], ["x" * 100_000] * 40])
def test_arguments_that_linux_refuses(programs: Programs, words: list[str]) -> None:
    programs.shell(":")
    with pytest.raises(CommandFailed, match="cannot be run"):
        programs.run(*words)


def test_no_open_pipes_after_a_failed_start(programs: Programs) -> None:
    before = open_pipes()
    for _ in range(20):
        with pytest.raises(CommandFailed):
            programs.run()
    assert open_pipes() == before


# ---- commands that do not end ------------------------------------------------------------------


def test_timeout(programs: Programs) -> None:
    programs.shell("echo half; echo why >&2; exec sleep 60")
    before = open_pipes()
    started = time.monotonic()
    with pytest.raises(CommandTimeout, match=r"^oarstat: no answer in 0 s") as caught:
        programs.run("-V", timeout=0.4)
    assert time.monotonic() - started < 10
    error = caught.value
    assert (error.argv, error.code) == (["oarstat", "-V"], None)
    assert (error.stdout, error.stderr) == ("half\n", "why\n")
    assert open_pipes() == before


def test_timeout_of_the_transport(programs: Programs) -> None:
    programs.shell("exec sleep 60")
    with pytest.raises(CommandTimeout):
        LocalTransport(str(programs.directory), 0.2).run(["oarstat"])


def test_timeout_kills_the_process_group(programs: Programs, tmp_path: Path) -> None:
    """Including a child that ignores SIGTERM and its child, which has the pipes open."""
    pids = tmp_path / "pids"
    programs.shell(
        "trap '' TERM HUP INT\n"
        f"(trap '' TERM HUP INT; sh -c 'echo $$ >>{pids}; exec sleep 60') &\n"
        f"echo $$ >>{pids}; while :; do sleep 60; done"
    )
    with pytest.raises(CommandTimeout):
        programs.run(timeout=1.0)
    found = [int(line) for line in pids.read_text().split()]
    assert len(found) == 2
    assert all(gone(pid) for pid in found)


def test_grandchild_with_open_pipes_is_not_waited_for(programs: Programs) -> None:
    """It has its own session; the command itself has succeeded."""
    programs.shell("echo out; setsid sh -c 'echo $$ >&2; exec sleep 60' & sleep 0.3; exit 0")
    started = time.monotonic()
    done = programs.run()
    assert time.monotonic() - started < 15
    try:
        assert (done.code, done.stdout) == (0, "out\n")
    finally:
        os.kill(int(done.stderr), signal.SIGKILL)


def test_timeout_with_a_grandchild_in_another_session(programs: Programs, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    programs.shell(f"setsid sh -c 'echo $$ >{pid}; exec sleep 60' & exec sleep 60")
    started = time.monotonic()
    before = open_pipes()
    with pytest.raises(CommandTimeout):
        programs.run(timeout=0.5)
    assert time.monotonic() - started < 15
    assert open_pipes() == before
    os.kill(int(pid.read_text()), signal.SIGKILL)


def test_endless_output(programs: Programs) -> None:
    programs.shell("while :; do echo x; done")
    started = time.monotonic()
    with pytest.raises(CommandTimeout) as caught:
        programs.run(timeout=0.3)
    assert time.monotonic() - started < 15
    assert caught.value.stdout.startswith("x\nx\n")


def test_command_that_may_not_be_killed(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OAR's setuid commands: the caller has no permission and gives them up."""
    programs.shell("exec sleep 60")

    def refuse(pid: int, number: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    command = programs.transport.start(["oarstat"])
    before = open_pipes()
    with monkeypatch.context() as patched:
        patched.setattr(os, "killpg", refuse)
        assert command.wait(0.1) is None
        assert command.kill() is False
        started = time.monotonic()
        command.abandon()
        assert time.monotonic() - started < 5
    assert open_pipes() == before - 2
    assert command.kill() is True


# ---- a running command -------------------------------------------------------------------------


def test_wait_several_times(programs: Programs) -> None:
    programs.python(
        "import sys, time\nprint('first', flush=True)\ntime.sleep(1)\nprint('second')\nsys.exit(3)"
    )
    command = programs.transport.start(["oarstat"])
    deadline = time.monotonic() + TIMEOUT
    while command.output()[0] != "first\n" and time.monotonic() < deadline:
        assert command.wait(0.02) is None
    assert command.output() == ("first\n", "")
    done = command.wait(TIMEOUT)
    assert done == Completed(["oarstat"], 3, "first\nsecond\n", "")
    assert command.output() == ("first\nsecond\n", "")


def test_kill(programs: Programs) -> None:
    programs.shell("exec sleep 60")
    command = programs.transport.start(["oarstat"])
    assert command.kill() is True
    assert gone(command.pid)
    assert command.wait(1) == Completed(["oarstat"], -signal.SIGKILL, "", "")


def test_kill_after_the_end(programs: Programs) -> None:
    programs.shell("echo out")
    command = programs.transport.start(["oarstat"])
    assert command.wait(TIMEOUT) is not None
    assert command.kill() is True
    command.abandon()


def test_no_open_pipes_after_the_end(programs: Programs) -> None:
    programs.shell("echo out; echo err >&2")
    before = open_pipes()
    for _ in range(10):
        programs.run()
    assert open_pipes() == before


# ---- output in the last moment ------------------------------------------------------------------


Ready = list[tuple[int, int]]


class WatchedPoll:
    """A poll object that calls `act(poll, timeout)` instead of each poll."""

    def __init__(self, act: Callable[[Callable[[float], Ready], float], Ready]) -> None:
        self._poll = POLL()
        self._act = act
        self.register = self._poll.register
        self.unregister = self._poll.unregister

    def poll(self, timeout: float) -> Ready:
        return self._act(self._poll.poll, timeout)


def test_output_just_before_the_end(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command prints and ends between the poll of its pipes and the check of its status."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    programs.shell(f"read go <{gate}; echo OAR_JOB_ID=7")
    command = programs.transport.start(["oarstat"])
    opened = False

    def poll_then_act(real: Callable[[float], Ready], timeout: float) -> Ready:
        nonlocal opened
        ready = real(0 if not opened else timeout)
        if not ready and not opened:
            opened = True
            gate.write_text("go\n")
            os.waitid(os.P_PID, command.pid, os.WEXITED | os.WNOWAIT)
        return ready

    monkeypatch.setattr(select, "poll", lambda: WatchedPoll(poll_then_act))
    assert command.wait(TIMEOUT) == Completed(["oarstat"], 0, "OAR_JOB_ID=7\n", "")


def test_output_just_before_the_timeout(
    programs: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command prints and ends after the last poll of its pipes, just before the timeout."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    programs.shell(f"read go <{gate}; echo OAR_JOB_ID=7")
    command = programs.transport.start(["oarstat"])

    def poll_then_act(real: Callable[[float], Ready], timeout: float) -> Ready:
        ready = real(timeout)
        gate.write_text("go\n")
        os.waitid(os.P_PID, command.pid, os.WEXITED | os.WNOWAIT)
        return ready

    monkeypatch.setattr(select, "poll", lambda: WatchedPoll(poll_then_act))
    assert command.wait(0) == Completed(["oarstat"], 0, "OAR_JOB_ID=7\n", "")


def test_endless_output_of_a_grandchild(programs: Programs) -> None:
    """It fills the pipes of a command that has ended."""
    programs.shell("echo $$ >&2; (while :; do echo x; done) & echo out; exit 0")
    started = time.monotonic()
    done = programs.run(timeout=2)
    assert time.monotonic() - started < 15
    assert done.code == 0
    os.killpg(int(done.stderr), signal.SIGKILL)


# ---- output to files ----------------------------------------------------------------------------


def test_command_with_a_ticket_gets_no_sigpipe(programs: Programs, tmp_path: Path) -> None:
    """oarsub with a closed pipe deletes its job on OAR 2 and hangs for good on OAR 3."""
    gate, printed = tmp_path / "gate", tmp_path / "printed"
    os.mkfifo(gate)
    programs.shell(f"echo first; read go <{gate}; echo second && echo yes >{printed}", "oarsub")
    command = programs.transport.start(["oarsub"], ticket="t")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "killpg", lambda *_: None)
        patched.setattr("arc_lrms_oar.process._KILL_TIMEOUT", 0)
        command.abandon()
    gate.write_text("go\n")
    os.waitpid(command.pid, 0)
    assert printed.read_text() == "yes\n"


def test_output_of_a_command_with_a_ticket(programs: Programs) -> None:
    programs.python(
        "import sys, time\nprint('first', flush=True)\ntime.sleep(1)\n"
        "print('x' * 3_000_000)\nsys.stderr.write('err\\n')\nsys.exit(3)",
        "oarsub",
    )
    before = open_files()
    command = programs.transport.start(["oarsub"], ticket="t")
    deadline = time.monotonic() + TIMEOUT
    while command.output()[0] != "first\n" and time.monotonic() < deadline:
        assert command.wait(0.02) is None
    assert command.output() == ("first\n", "")
    done = command.wait(TIMEOUT)
    output = "first\n" + "x" * 3_000_000 + "\n"
    assert done == Completed(["oarsub"], 3, output, "err\n")
    assert command.output() == (output, "err\n")
    assert open_files() == before


def test_open_files_of_a_command_with_a_ticket(programs: Programs) -> None:
    programs.python("import os\nprint(*os.listdir('/proc/self/fd'))", "oarsub")
    done = programs.transport.start(["oarsub"], ticket="t").wait(TIMEOUT)
    assert done is not None
    assert done.stdout.split() == ["0", "1", "2", "3"]
