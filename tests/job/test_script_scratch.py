"""The job script with a scratch directory: copying in, copying back, cleaning."""

from __future__ import annotations

import os
import signal
import stat
import time
from pathlib import Path

import pytest
from support.ce import GRID_ID
from support.compute_node import Node, ScriptRun

from arc_lrms_oar.job.rte_scripts import RteScript


@pytest.fixture
def scratch(node: Node) -> Path:
    """The scratch directory of the node; the job's own directory is below it."""
    made = node.ce.place / "scratch dir"
    made.mkdir()
    node.plan["scratch_dir"] = str(made)
    return made


def kept(ran: ScriptRun) -> list[str]:
    """The files of the session directory, without the job script."""
    return [name for name in ran.names() if not name.startswith(".arc_oar/")]


def test_job_runs_there_and_output_comes_back(node: Node, scratch: Path) -> None:
    (node.files.session / "in").write_text("input\n")
    ran = node.shell(
        "pwd; cat in; echo result >out; echo $HOME; echo err >&2",
        stdout="o",
        stderr="e",
        outputs=["/out", "/o", "/e"],
    )
    place = f"{scratch}/{GRID_ID}"
    assert (ran.code, ran.comment) == (0, "")
    assert ran.text("o") == f"{place}\ninput\n{place}\n"
    assert (ran.text("out"), ran.text("e")) == ("result\n", "err\n")
    assert os.listdir(scratch) == []
    assert ran.diag.values["exitcode"] == "0"


def test_stdin_of_the_scratch_directory(node: Node, scratch: Path) -> None:
    (node.files.session / "in").write_text("input\n")
    assert node.shell("cat", stdin="in", stdout="o").text("o") == "input\n"


def test_output_appears_while_the_job_runs(node: Node, scratch: Path) -> None:
    ran = node.shell(
        f"echo early; cat {node.files.session}/o >seen; readlink o", stdout="o", outputs=["/seen"]
    )
    assert ran.text("seen") == "early\n"
    assert ran.text("o") == f"early\n{ran.session}/o\n"
    assert not (ran.session / "o").is_symlink()


def test_all_files_of_the_session_directory_are_copied(node: Node, scratch: Path) -> None:
    session = node.files.session
    for name in (".hidden", "..odd", "...", "with space", "-n", "*", "sub/deep/file"):
        path = session / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (session / "link").symlink_to("with space")
    (session / "dangling").symlink_to("/nowhere")
    (session / "run").write_text("#!/bin/sh\n")
    (session / "run").chmod(0o755)
    ran = node.shell("find . ! -type d | sort; test -x run; echo $?", stdout="listing")
    assert ran.text("listing").splitlines() == [
        *("./*", "./-n", "./...", "./..odd", "./.hidden", "./dangling", "./link"),
        *("./listing", "./run", "./sub/deep/file", "./with space", "0"),
    ]


def test_job_script_stays_out_of_it(node: Node, scratch: Path) -> None:
    ran = node.shell("ls -a", stdout="o")
    assert ran.text("o").split() == [".", "..", "o"]
    assert ".arc_oar/job-1.sh" in ran.names()


MAKE = "mkdir -p d/e x/y; for f in a b d/1 d/e/2 x/y/3 .h; do echo $f >$f; done; ln -s a l"


@pytest.mark.parametrize(
    ("outputs", "names"),
    [
        ([], []),
        (["/a"], ["a"]),
        (["a"], ["a"]),
        (["/a", "/nosuch"], ["a"]),
        (["/d"], ["d/1", "d/e/2"]),
        (["/d/"], ["d/1", "d/e/2"]),
        (["/d/e/2"], ["d/e/2"]),
        (["/x/../a", "//b"], ["a", "b"]),
        (["/.h"], [".h"]),
        (["/l"], ["l"]),
        (["/"], [".h", "a", "b", "d/1", "d/e/2", "l", "x/y/3"]),
        (["/./"], [".h", "a", "b", "d/1", "d/e/2", "l", "x/y/3"]),
    ],
)
def test_only_output_files_come_back(
    node: Node, scratch: Path, outputs: list[str], names: list[str]
) -> None:
    ran = node.shell(MAKE, outputs=outputs)
    assert (ran.code, kept(ran)) == (0, names)


def test_output_names_are_no_patterns(node: Node, scratch: Path) -> None:
    make = "touch -- 'a*' ab 'q?' qq '[x]' x '-rf' 'two words' '$HOME' \"it's\" 'ü'"
    names = ["$HOME", "-rf", "[x]", "a*", "it's", "q?", "two words", "ü"]
    ran = node.shell(make, outputs=["/" + name for name in names])
    assert kept(ran) == names


def test_dynamic_output_list(node: Node, scratch: Path) -> None:
    text = "/a\\nd/ gsiftp://elsewhere/d some options\\n./two\\\\ words  \\n\\n///b\\nnosuch\\n"
    ran = node.shell(
        f"{MAKE}; touch 'two words' extra; printf '{text}' >list", outputs=["/@list", "/.h"]
    )
    assert kept(ran) == [".h", "a", "b", "d/1", "d/e/2", "list", "two words"]


def test_dynamic_output_list_that_is_missing(node: Node, scratch: Path) -> None:
    ran = node.shell(MAKE, outputs=["/@list", "/a"])
    assert (ran.code, kept(ran)) == (0, ["a"])


def test_dynamic_output_list_that_is_a_directory(node: Node, scratch: Path) -> None:
    ran = node.shell(f"{MAKE}; mkfifo list", outputs=["/@list", "/a"])
    assert (ran.code, "a" in kept(ran)) == (0, True)


def test_output_of_a_failed_job_comes_back(node: Node, scratch: Path) -> None:
    ran = node.shell("echo part >out; exit 3", outputs=["/out"])
    assert (ran.code, ran.text("out")) == (3, "part\n")
    assert ran.diag.values["exitcode"] == "3"


def test_directory_of_an_earlier_job_is_not_trusted(node: Node, scratch: Path) -> None:
    old = scratch / GRID_ID
    old.mkdir(mode=0o777)
    (old / "planted").touch()
    ran = node.shell("ls; stat -c %a .", stdout="o")
    assert ran.text("o") == "o\n700\n"


def test_link_of_another_user_is_not_followed(node: Node, scratch: Path) -> None:
    target = node.ce.place / "target"
    target.mkdir()
    (scratch / GRID_ID).symlink_to(target)
    ran = node.shell("pwd -P", stdout="o")
    assert ran.text("o") == f"{scratch}/{GRID_ID}\n"
    assert os.listdir(target) == []


def test_scratch_directory_that_cannot_be_made(node: Node) -> None:
    node.environment["HOSTNAME"] = "node1"
    node.plan["scratch_dir"] = "/proc/none"
    ran = node.shell("echo ran", stdout="o", stderr="e")
    said = f"Cannot make the scratch directory /proc/none/{GRID_ID} on node1\n"
    assert (ran.code, ran.text("o"), ran.text("e")) == (1, "", said)
    assert ran.comment.endswith(said)


def test_variable_that_only_the_node_can_expand(node: Node, scratch: Path) -> None:
    node.plan["scratch_dir"] = '$BASE/${SUB}/it\'s "odd" `id`'
    node.environment.update(BASE=str(scratch), SUB="$HOME")
    ran = node.shell("pwd", stdout="o")
    assert ran.text("o") == f'{scratch}/$HOME/it\'s "odd" `id`/{GRID_ID}\n'


def test_parallel_job_stays_in_the_session_directory(node: Node, scratch: Path) -> None:
    node.nodes = ["a", "b"]
    assert node.shell("pwd", stdout="o").text("o") == f"{node.files.session}\n"


def test_parallel_job_on_one_node(node: Node, scratch: Path) -> None:
    node.nodes = ["a", "a"]
    assert node.shell("pwd", stdout="o").text("o") == f"{scratch}/{GRID_ID}\n"


def test_parallel_job_with_multicore_scratch(node: Node, scratch: Path) -> None:
    node.nodes = ["a", "b"]
    node.plan["multicore_scratch"] = True
    assert node.shell("pwd", stdout="o").text("o") == f"{scratch}/{GRID_ID}\n"


def test_directory_chosen_by_an_rte(node: Node, scratch: Path) -> None:
    node.plan["scratch_dir"] = "${WORKDIR}"
    node.environment["WORKDIR"] = str(node.ce.place / "work")
    assert node.shell("pwd", stdout="o").text("o") == f"{node.ce.place}/work/{GRID_ID}\n"


def test_scratch_switched_off_by_an_rte(node: Node, scratch: Path) -> None:
    node.plan["scratch_dir"] = ""
    assert node.shell("pwd", stdout="o").text("o") == f"{node.files.session}\n"


def test_move_tool_of_the_site(node: Node, scratch: Path) -> None:
    tool = node.ce.place / "tool"
    tool.write_text(f'#!/bin/sh\necho "$@" >>{node.ce.place}/calls\nexec cp -a "$2" "$3"\n')
    tool.chmod(0o755)
    node.plan["move_tool"] = f"{tool} -x"
    (node.files.session / "a b").write_text("text")
    ran = node.shell("cat 'a b'", stdout="o")
    assert ran.text("o") == "text"
    calls = (node.ce.place / "calls").read_text()
    assert calls == f"-x {node.files.session}/a b {scratch}/{GRID_ID}/\n"


def test_move_tool_that_fails(node: Node, scratch: Path) -> None:
    node.environment["HOSTNAME"] = "node1"
    node.plan["move_tool"] = "/bin/false"
    (node.files.session / "in").touch()
    ran = node.shell("echo ran", stdout="o", stderr="e")
    said = "Cannot bring in to the scratch directory on node1\n"
    assert (ran.code, ran.text("o"), ran.text("e")) == (1, "", said)


def test_mode_of_files_is_kept(node: Node, scratch: Path) -> None:
    ran = node.shell("umask 0; touch a; chmod 751 a", outputs=["/a"])
    assert stat.S_IMODE((ran.session / "a").stat().st_mode) == 0o751
    assert stat.S_IMODE(ran.session.stat().st_mode) == 0o700


def test_session_directory_that_vanishes(node: Node, scratch: Path) -> None:
    node.environment["HOSTNAME"] = "node1"
    session = node.files.session
    ran = node.shell(f"echo x >out; rm -r {session}; touch {session}", outputs=["/out"])
    place = f"{scratch}/{GRID_ID}"
    assert ran.code == 1
    assert ran.comment.endswith(
        f"Cannot bring the output back. It is in {place} on node1 until it is cleaned up there\n"
    )
    assert (Path(place) / "out").read_text() == "x\n"
    assert ran.diag.values["exitcode"] == "1"


@pytest.mark.parametrize("trouble", ["executable", "input", "rte", "rte exits", "interpreter"])
def test_cleaned_when_the_job_cannot_start(node: Node, scratch: Path, trouble: str) -> None:
    session = node.files.session
    (session / "data").write_text("x")
    (session / "script").write_text("#!/no/such\n")
    (session / "script").chmod(0o755)
    options = {
        "executable": {"executable": "/no/such"},
        "interpreter": {"executable": "script"},
        "input": {"stdin": "missing"},
    }.get(trouble, {})
    if trouble.startswith("rte"):
        node.rtes = [RteScript("R", (), "exit 1\n" if trouble == "rte exits" else "return 1\n")]
    assert node.run(**options).code != 0
    assert os.listdir(scratch) == []
    assert (session / "data").read_text() == "x"


def test_cleaned_when_the_job_is_killed(node: Node, scratch: Path) -> None:
    node.write(executable="/bin/sh", arguments=["-c", "touch started; exec sleep 30"])
    child = node.start()
    while not (scratch / GRID_ID / "started").exists():
        assert child.poll() is None
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGTERM)
    node.ended(child)
    assert os.listdir(scratch) == []


def test_last_line_of_a_dynamic_list_without_newline(node: Node, scratch: Path) -> None:
    ran = node.shell("touch a b; printf 'a\\nb' >list", outputs=["/@list"])
    assert kept(ran) == ["a", "b", "list"]


def test_any_path_of_the_user(node: Node, scratch: Path) -> None:
    (node.files.session / "in").write_text("x")
    ran = node.run(
        executable="/bin/cp",
        arguments=["in", "out"],
        environment={"PATH": "/nowhere"},
        outputs=["/out"],
    )
    assert (ran.code, ran.comment, ran.text("out")) == (0, "", "x")
    assert os.listdir(scratch) == []
