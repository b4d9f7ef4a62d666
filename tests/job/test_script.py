"""The job script, run by a real bash: what the user's program gets, and the result."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.ce import GRID_ID
from support.compute_node import Node

from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job import script
from arc_lrms_oar.job.description import JobDescription


def environment(node: Node, **options: Any) -> dict[str, str]:
    """The environment of the user's program, read without a shell."""
    ran = node.run(executable="/usr/bin/env", arguments=["-0"], stdout="o", **options)
    assert (ran.code, ran.comment) == (0, "")
    return dict(entry.partition("=")[::2] for entry in ran.text("o").split("\0") if entry)


def test_plain_job(node: Node) -> None:
    ran = node.shell("echo out; echo err >&2; pwd", stdout="o", stderr="e")
    assert (ran.code, ran.comment) == (0, "")
    assert ran.text("o") == f"out\n{ran.session}\n"
    assert ran.text("e") == "err\n"


VALUES = {
    "QUOTES": "it's \"so\" ''",
    "SHELL_WORDS": "$HOME `id` $(id) ${x} \\ * ? [a] ~ ! # & | ; < > ( ) { }",
    "LINES": "first\nsecond\n\nlast\n",
    "BACKSLASH": "a\\nb\\",
    "BLANKS": "  a  b\t ",
    "EMPTY": "",
    "EQUALS": "a=b=c",
    "UTF8": "ü€\U0001f600",
    "BYTES": "\udcff\udc80\x01\x7f",
    "LONG": "x" * 100_000,
}


def test_environment_of_any_bytes(node: Node) -> None:
    found = environment(node, environment=VALUES)
    assert {name: found.get(name) for name in VALUES} == VALUES
    assert found["GRID_GLOBAL_JOBID"] == GRID_ID


@pytest.mark.parametrize(
    "name", ["A-B", "a.b", "1x", "BASH_ENV", "SHELLOPTS", "IFS", "UID", "ENV", "TIMEFORMAT", "-u"]
)
def test_names_that_bash_cannot_set_reach_the_program(node: Node, name: str) -> None:
    assert environment(node, environment={name: "a b\nc"})[name] == "a b\nc"


def test_names_that_bash_cannot_set_reach_the_program_only(node: Node) -> None:
    trap = node.ce.place / "trap"
    trap.write_text(f"echo trapped >>{node.ce.place}/sprung\n")
    ran = node.run(
        executable="/bin/true",
        environment={"BASH_ENV": str(trap), "ENV": str(trap), "IFS": "/", "SHELLOPTS": "noexec"},
    )
    assert (ran.code, ran.comment) == (0, "")
    assert not (node.ce.place / "sprung").exists()


@pytest.mark.parametrize("gnu_time", ["/usr/bin/time", ""])
@pytest.mark.parametrize("checkpoint_signal", [0, 12])
def test_environment_is_on_no_command_line(
    node: Node, gnu_time: str, checkpoint_signal: int
) -> None:
    """Every user of the node can read command lines while the program runs."""
    node.plan = {"gnu_time": gnu_time, "checkpoint_signal": checkpoint_signal}
    secret = os.urandom(8).hex()
    ran = node.shell(
        "cat /proc/[0-9]*/cmdline 2>/dev/null; echo; echo $PLAIN",
        stdout="o",
        environment={"PLAIN": secret, "MY-TOKEN": secret, "BASH_ENV": secret},
    )
    lines, _, environment = ran.text("o").rpartition("\n" + secret)
    assert (secret in lines, environment) == (False, "\n")
    assert "cat /proc/" in lines


@pytest.mark.parametrize("value", ["1 x", "1"])
@pytest.mark.parametrize(
    "name",
    [
        *("FUNCNEST", "RANDOM", "SRANDOM", "SECONDS", "GROUPS", "FUNCNAME", "LINENO", "HISTCMD"),
        *("DIRSTACK", "EPOCHSECONDS", "EPOCHREALTIME", "COMP_WORDBREAKS", "PIPESTATUS", "OPTIND"),
        *("OPTERR", "TMOUT", "CHILD_MAX", "SHLVL", "REPLY", "MAPFILE"),
    ],
)
def test_names_with_a_meaning_in_bash(node: Node, name: str, value: str) -> None:
    assert environment(node, environment={name: value})[name] == value


def test_path_reaches_the_program(node: Node) -> None:
    assert environment(node, environment={"PATH": "/a b:/c"})["PATH"] == "/a b:/c"


def test_last_of_two_values_counts(node: Node) -> None:
    pairs = [("A", "1"), ("A", "2"), ("B-C", "1"), ("B-C", "2")]
    found = environment(node, environment=pairs)
    assert (found["A"], found["B-C"]) == ("2", "2")


def test_variables_of_the_script_do_not_reach_the_program(node: Node) -> None:
    found = environment(node)
    assert [name for name in found if name.startswith(("arc_oar_", "RUNTIME_"))] == []
    assert found["HOME"] == str(node.files.session)


def test_users_values_do_not_change_the_script(node: Node) -> None:
    other = node.ce.place / "other"
    ran = node.shell(
        "echo out",
        stdout="o",
        environment={
            "RUNTIME_JOB_DIAG": str(other),
            "RUNTIME_JOB_STDOUT": str(other),
            "RUNTIME_JOB_DIR": "/",
            "HOME": "/nowhere",
            "arc_oar_result": "0",
            "PATH": "/nowhere",
            "TZ": "Asia/Tokyo",
            "LC_ALL": "xx_YY",
            "POSIXLY_CORRECT": "1",
        },
    )
    assert (ran.code, ran.text("o")) == (0, "out\n")
    assert not other.exists()
    assert ran.diag.complete


@pytest.mark.parametrize("value", list(VALUES.values()), ids=list(VALUES))
def test_arguments_of_any_bytes(node: Node, value: str) -> None:
    ran = node.shell('printf "%s" "$1" "-$2" "$#"', "zero", value, "--", stdout="o")
    assert ran.text("o") == value + "---2"


def test_nul_is_refused_with_a_sentence(node: Node) -> None:
    for options in ({"arguments": ["a\0b"]}, {"environment": {"A": "\0"}}):
        with pytest.raises(JobError) as caught:
            node.write(**options)
        said = "a NUL byte cannot be part of an argument or of the environment"
        assert str(caught.value) == said


def test_environment_variable_without_a_name(node: Node) -> None:
    with pytest.raises(JobError, match="an environment variable needs a name"):
        node.write(environment={"": "x"})


def test_streams_joined_when_equal(node: Node) -> None:
    ran = node.shell("echo 1; echo 2 >&2; echo 3", stdout="log", stderr="log")
    assert ran.text("log") == "1\n2\n3\n"


def test_existing_streams_are_emptied(node: Node) -> None:
    (node.files.session / "o").write_text("old old old\n")
    assert node.shell("echo new", stdout="o").text("o") == "new\n"


def test_input(node: Node) -> None:
    (node.files.session / "in").write_text("question\n")
    assert node.shell("cat", stdin="in", stdout="o").text("o") == "question\n"


def test_job_without_input_reads_nothing(node: Node) -> None:
    assert node.shell("cat; echo end", stdout="o").text("o") == "end\n"


def test_streams_below_directories_of_their_own(node: Node) -> None:
    ran = node.shell("echo out; echo err >&2", stdout="a/b/o", stderr="c/e")
    assert (ran.text("a/b/o"), ran.text("c/e")) == ("out\n", "err\n")


def test_job_without_output_files(node: Node) -> None:
    ran = node.shell("echo out; echo err >&2")
    assert (ran.code, ran.comment, ran.names()) == (0, "", [".arc_oar/job-1.sh"])


def test_missing_input(node: Node) -> None:
    ran = node.shell("echo ran", stdin="in", stdout="o", stderr="e")
    said = f"Cannot read the input {ran.session}/in\n"
    assert (ran.code, ran.comment, ran.text("e"), ran.text("o")) == (1, said, said, "")


def test_output_that_cannot_be_written(node: Node) -> None:
    (node.files.session / "o").mkdir()
    ran = node.shell("touch ran", stdout="o")
    assert ran.code == 1
    assert ran.comment.endswith(f"Cannot write the output file {ran.session}/o\n")
    assert "ran" not in ran.names()
    assert ran.diag.values["exitcode"] == "1"


def test_umask(node: Node) -> None:
    ran = node.shell("umask; touch made; mkdir dir", stdout="o")
    assert ran.text("o") == "0077\n"
    modes = {n: stat.S_IMODE((ran.session / n).stat().st_mode) for n in ("o", "made", "dir")}
    assert modes == {"o": 0o600, "made": 0o600, "dir": 0o700}


def test_session_directory_missing_on_the_node(node: Node) -> None:
    node.write(executable="/bin/true")
    moved = node.path.rename(node.ce.place / "job.sh")
    node.files.session.joinpath(".arc_oar").rmdir()
    node.files.session.rmdir()
    _, variables = node.command()
    done = subprocess.run(
        [str(moved)], env=variables, capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 1
    assert f"Cannot go to the session directory {node.files.session} on " in done.stderr


def test_script_that_vanishes_while_it_runs(node: Node) -> None:
    ran = node.shell("rm -r .arc_oar; echo still here", stdout="o")
    assert (ran.code, ran.text("o"), ran.diag.complete) == (0, "still here\n", True)


def test_same_oar_job_started_again_runs_nothing(node: Node) -> None:
    """It returns the code of the first start, and the accounting is that of the first one."""
    node.environment = {"OAR_JOB_ID": "73"}
    first = node.shell("echo ran >>count; exit 7")
    again = node.ended(node.start())
    assert (first.code, again.code) == (7, 7)
    assert (again.text("count"), again.raw_diag) == ("ran\n", first.raw_diag)
    said = "OAR has started its job 73 a second time. The program does not run again.\n"
    assert (first.comment, again.comment) == ("", said)


def test_same_oar_job_started_again_before_its_end_fails(node: Node) -> None:
    """Also while the first start goes on, or where it was killed."""
    node.environment = {"OAR_JOB_ID": "73"}
    node.write(executable="/bin/true")
    Path(f"{node.path}.started-73").touch()
    node.files.diag.touch()
    again = node.ended(node.start())
    assert (again.code, again.raw_diag) == (1, "")
    assert "OAR has started its job 73 a second time" in again.comment


def test_resubmitted_oar_job_runs(node: Node) -> None:
    node.environment = {"OAR_JOB_ID": "73"}
    node.shell("echo ran >>count; exit 7")
    node.environment = {"OAR_JOB_ID": "74"}
    again = node.ended(node.start())
    assert (again.code, again.text("count"), again.comment) == (7, "ran\nran\n", "")


def test_new_submission_with_the_same_oar_job_id_runs(node: Node) -> None:
    """The IDs of a restored database come back; a submission has a script of its own."""
    node.environment = {"OAR_JOB_ID": "73"}
    node.write(executable="/bin/true")
    node.path.with_name("job-2.sh.started-73").touch()
    assert node.ended(node.start()).code == 0


def test_mark_that_cannot_be_written_stops_no_job(node: Node) -> None:
    node.environment = {"OAR_JOB_ID": "73"}
    node.write(executable="/bin/true")
    Path(f"{node.path}.started-73").mkdir()
    ran = node.ended(node.start())
    assert (ran.code, ran.comment) == (0, "")


def test_script_is_private(node: Node) -> None:
    os.umask(0)
    node.write()
    assert stat.S_IMODE(node.path.stat().st_mode) == 0o700
    assert os.listdir(node.path.parent) == ["job-1.sh"]


def test_script_that_cannot_be_written(node: Node) -> None:
    with pytest.raises(JobError) as caught:
        script.write(str(node.ce.place / "none" / "job.sh"), "x")
    assert str(caught.value) == (
        "the job script cannot be written to the session directory: No such file or directory"
    )


def test_half_written_script_of_a_killed_attempt(tmp_path: Path) -> None:
    (tmp_path / ".job.sh.arc_oar").write_text("half of an older and longer script")
    script.write(str(tmp_path / "job.sh"), "x")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("job.sh", "x")]
    assert stat.S_IMODE((tmp_path / "job.sh").stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["job.sh", ".job.sh.arc_oar"])
def test_fifo_at_the_path_is_replaced(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    script.write(str(tmp_path / "job.sh"), "x")
    assert [path.name for path in tmp_path.iterdir()] == ["job.sh"]
    assert (tmp_path / "job.sh").read_text() == "x"


def test_script_on_a_full_disk_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(JobError, match="session directory: No space left on device"):
        script.write(str(tmp_path / "job.sh"), "x")
    assert list(tmp_path.iterdir()) == []


def test_grid_id_cannot_end_the_comment() -> None:
    job = JobDescription("/bin/true", grid_id="x\necho evil", session_dir="/s")
    text = script.build(job, [], script.NodePlan())
    assert text.startswith("#!/bin/bash\n# Grid job x?echo evil, by arc_lrms_oar ")


def test_needs_no_environment_at_all(node: Node) -> None:
    node.environment.update(PATH="", OAR_NODE_FILE="")
    ran = node.run(executable="/bin/echo", arguments=["ran"], stdout="o")
    assert (ran.code, ran.text("o")) == (0, "ran\n")
