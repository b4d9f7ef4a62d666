"""Runtime environments: real scripts, sourced by a real bash at submission and on the node."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from support.ce import GRID_ID, Ce
from support.compute_node import Node, ScriptRun

from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job import grami
from arc_lrms_oar.job.description import RuntimeEnvironment
from arc_lrms_oar.job.rte_scripts import RteScript, node_scripts
from arc_lrms_oar.job.runtime_env import Stage0, run_stage_0
from arc_lrms_oar.settings import Settings


def run(ce: Ce, *rtes: tuple[str, ...], scratch: str = "", **options: Any) -> Stage0:
    """Run stage 0 of the RTEs of a job."""
    files = ce.job(rtes=rtes, **options)
    settings = Settings(config_file=str(ce.conf), control_dir=str(ce.control), scratch_dir=scratch)
    path = str(files.file("grami"))
    return run_stage_0(grami.read_values(path), settings, path, lambda: {})


def stage_0(ce: Ce, *rtes: tuple[str, ...], **options: Any) -> grami.Values:
    """The GRAMi values as the RTEs of the job leave them."""
    return run(ce, *rtes, **options).values


def described(values: grami.Values) -> Any:
    return grami.describe(values, "p")


def failed(ce: Ce, *rtes: tuple[str, ...]) -> JobError:
    with pytest.raises(JobError) as caught:
        stage_0(ce, *rtes)
    return caught.value


def on_node(node: Node, *rtes: tuple[str, ...], **options: Any) -> ScriptRun:
    """Runs the job script with these RTEs of the CE."""
    asked = [RuntimeEnvironment(name, tuple(words)) for name, *words in rtes]
    node.rtes = node_scripts(asked, str(node.ce.control))
    return node.run(
        executable="/bin/sh", arguments=["-c", "echo job; env | sort"], stdout="o", **options
    )


def test_job_without_rtes_starts_no_process(ce: Ce, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> None:
        raise RuntimeError("a process was started")

    monkeypatch.setattr("arc_lrms_oar.process.start", run)
    assert stage_0(ce)["joboption_count"] == "1"


def test_values_come_back_unchanged(ce: Ce) -> None:
    ce.rte("R", "true\n")
    odd = "a'b\"c\n$d `e` \\ \udcff ü\n\n"
    values = stage_0(ce, ("R", odd), arguments=[odd, ""], environment={"A": odd}, name=odd)
    job = described(values)
    assert job.arguments == (odd, "")
    assert dict(job.environment)["A"] == odd
    assert job.name == odd
    assert job.runtime_environments[0].options == (odd,)


def test_options_and_stage(ce: Ce) -> None:
    ce.rte("DIR/R-1.0", 'joboption_rsl_project="$#:$1:$2:$3"\n')
    values = stage_0(ce, ("DIR/R-1.0", "a b", 'it\'s "so" $x `y`'))
    assert values["joboption_rsl_project"] == '3:0:a b:it\'s "so" $x `y`'


def test_parameters_of_the_admin(ce: Ce) -> None:
    ce.rte("R", 'joboption_rsl_project="$P/$Q"\n', params="P='from params'\nQ=2\n")
    assert stage_0(ce, ("R",))["joboption_rsl_project"] == "from params/2"


def test_count_is_changed(ce: Ce) -> None:
    ce.rte("MPI", '[ "$1" != 0 ] || { joboption_count=$2; joboption_countpernode=4; }\n')
    job = described(stage_0(ce, ("MPI", "8")))
    assert (job.count, job.count_per_node) == (8, 4)


def test_options_that_only_an_rte_can_set(ce: Ce) -> None:
    ce.rte("R", "export joboption_rsl_project=atlas joboption_nodeproperty_0=\"gpu='YES'\"\n")
    job = described(stage_0(ce, ("R",)))
    assert (job.project, job.node_properties) == ("atlas", ("gpu='YES'",))


def test_value_that_an_rte_unsets(ce: Ce) -> None:
    ce.rte("R", "unset joboption_walltime\n")
    assert described(stage_0(ce, ("R",), walltime=60)).wall_time is None


def test_arguments_are_replaced(ce: Ce) -> None:
    ce.rte("R", 'joboption_arg_1="$joboption_arg_0"; joboption_arg_0=/usr/bin/wrapper\n')
    job = described(stage_0(ce, ("R",), executable="./run", arguments=["x", "y"]))
    assert (job.executable, job.arguments) == ("/usr/bin/wrapper", ("./run", "y"))


def test_order_of_rtes(ce: Ce) -> None:
    for name in "ABC":
        ce.rte(name, f'joboption_rsl_project="${{joboption_rsl_project}}{name}"\n')
    values = stage_0(ce, ("B",), ("A",), ("C",), ("A",))
    assert values["joboption_rsl_project"] == "BACA"


def test_rte_that_adds_another(ce: Ce) -> None:
    ce.rte("FIRST", "joboption_runtime_1=SECOND; joboption_runtime_1_1='an option'\n")
    ce.rte("SECOND", 'joboption_rsl_project="$2"\n')
    values = stage_0(ce, ("FIRST",))
    assert values["joboption_rsl_project"] == "an option"
    names = [rte.name for rte in described(values).runtime_environments]
    assert names == ["FIRST", "SECOND"]


def test_default_rtes_follow_the_requested_ones(ce: Ce) -> None:
    for name in ("Z", "DIR/Y", "X"):
        text = f'joboption_rsl_project="$joboption_rsl_project {name}"\n'
        ce.rte(name, text, folder="default")
    ce.rte("A", 'joboption_rsl_project="A"\n')
    job = described(stage_0(ce, ("A",), ("Z",)))
    assert [rte.name for rte in job.runtime_environments] == ["A", "Z", "DIR/Y", "X"]
    assert job.project == "A Z DIR/Y X"


def test_default_rtes_without_requested_ones(ce: Ce) -> None:
    ce.rte("D", "joboption_count=2\n", folder="default")
    assert described(stage_0(ce)).count == 2


def test_default_rte_without_its_script_is_left_out(ce: Ce) -> None:
    ce.rte("D", "", folder="default")
    (ce.place / "rtes" / "D").unlink()
    assert "joboption_runtime_0" not in stage_0(ce)


def test_enabled_rte_has_priority_over_a_default_one(ce: Ce) -> None:
    ce.rte("R", "joboption_rsl_project=enabled\n")
    (ce.place / "rtes").rename(ce.place / "enabled rtes")
    (ce.control / "rte/enabled/R").unlink()
    (ce.control / "rte/enabled/R").symlink_to(ce.place / "enabled rtes" / "R")
    ce.rte("R", "joboption_rsl_project=default\n", folder="default")
    values = stage_0(ce, ("R",))
    assert values["joboption_rsl_project"] == "enabled"
    (script,) = node_scripts([RuntimeEnvironment("R")], str(ce.control))
    assert script.text == "joboption_rsl_project=enabled\n"


def test_empty_rte(ce: Ce) -> None:
    ce.rte("R", "", params="joboption_count=9\n")
    assert described(stage_0(ce, ("R",))).count == 1
    assert node_scripts([RuntimeEnvironment("R", ("x",))], str(ce.control)) == [
        RteScript("R", ("x",), "")
    ]


def test_rte_without_a_last_newline(ce: Ce) -> None:
    ce.rte("R", "joboption_count=3")
    assert described(stage_0(ce, ("R",))).count == 3


def test_missing_rte(ce: Ce) -> None:
    ce.rte("A", "true\n")
    error = failed(ce, ("A",), ("APPS/NONE",))
    assert str(error) == "the runtime environment APPS/NONE is not enabled at this site"
    with pytest.raises(JobError, match=r"^the runtime environment NONE is not enabled at this"):
        node_scripts([RuntimeEnvironment("NONE")], str(ce.control))


def test_rte_that_fails_at_submission(ce: Ce) -> None:
    ce.rte("A", "echo on stdout; echo on stderr >&2; return 7\n")
    ce.rte("B", f"touch {ce.place}/ran\n")
    error = failed(ce, ("A",), ("B",))
    assert str(error) == "the runtime environment A refused the job at submission (exit code 7)"
    assert error.details == "on stdout\non stderr\n"
    assert not (ce.place / "ran").exists()


def test_rte_that_exits_at_submission(ce: Ce) -> None:
    for code in (0, 3):
        ce = Ce(ce.place / str(code))
        ce.rte("A", f"echo bye >&2; exit {code}\n")
        error = failed(ce, ("A",))
        assert str(error) == (
            f"the runtime environment A ended the submission (exit code {code}); "
            "see the job's errors file"
        )
        assert error.details == "bye\n"


def test_messages_go_to_stderr(ce: Ce, capfd: pytest.CaptureFixture[str]) -> None:
    ce.rte("A", "echo one; echo two >&2; printf 'done\\0joboption_count=9\\0'\n")
    assert described(stage_0(ce, ("A",))).count == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("one\ntwo\ndone")


def test_rte_that_does_not_end(ce: Ce, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arc_lrms_oar.job.runtime_env._TIMEOUT", 0.2)
    ce.rte("A", "exec sleep 60\n")
    error = failed(ce, ("A",))
    assert str(error) == "the runtime environments ran for more than 0.2 s at submission"


def test_rte_that_reads_stdin(ce: Ce) -> None:
    ce.rte("A", "read -r joboption_rsl_project; joboption_count=2\n")
    assert described(stage_0(ce, ("A",))).count == 2


@pytest.mark.parametrize(
    "text",
    [
        "index=7; name=x; option=9; arc_oar_file=/x\n",
        "set -e; false || true\n",
        "set -u\n",
        "set -f\n",
        "IFS=_\n",
        "cd /\n",
        "shift $#\n",
        "set -- a b c\n",
        "f() { return 3; }\nexport -f f\n",
    ],
)
def test_rtes_that_change_shell_state(ce: Ce, text: str) -> None:
    ce.rte("A", text)
    ce.rte("B", 'joboption_count="$2"\n')
    assert described(stage_0(ce, ("A",), ("B", "4"))).count == 4


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../b", "a//b", ".", "a/", "a\nb/../c"])
def test_invalid_rte_names(ce: Ce, name: str) -> None:
    error = failed(ce, (name,))
    assert str(error) == f"{name!r} is not the name of a runtime environment"


def test_nul_byte_for_an_rte(ce: Ce) -> None:
    ce.rte("R", ":\n")
    with pytest.raises(JobError, match=r"^a NUL byte cannot be part of"):
        stage_0(ce, ("R",), name="a\0b")


def test_environment_of_an_rte(ce: Ce, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X509_USER_PROXY", "/proxy")
    monkeypatch.setenv("SECRET", "of the CE")
    ce.rte(
        "A",
        'joboption_rsl_project="$joboption_controldir $joboption_gridid $joboption_lrms '
        '$CONFIG_controldir $ARC_CONFIG $X509_USER_PROXY $RUNTIME_NODE_SEES_FRONTEND [$SECRET]"\n',
    )
    assert stage_0(ce, ("A",))["joboption_rsl_project"] == (
        f"{ce.control} {GRID_ID} OAR {ce.control} {ce.conf} /proxy yes []"
    )


# The parts of ARC's own runtime environments that matter here.

SCRATCH = """\
VARIABLE="${VARIABLE:-WORKDIR}"
if [ "x$1" = "x0" ]; then
    RUNTIME_LOCAL_SCRATCH_DIR="\\${${VARIABLE}}"
elif [ "x$1" = "x1" ]; then
    [ -z "$TEMPORARY" ] || { mkdir -p "$TEMPORARY"; export TMPDIR="$TEMPORARY"; }
fi
"""
PROXY = """\
WITH_CA="${WITH_CA:-Yes}"
if [ "x$1" = "x0" ]; then
    cat "${joboption_controldir}/job.${joboption_gridid}.proxy" >"${joboption_directory}/user.proxy"
    chmod 600 "${joboption_directory}/user.proxy"
elif [ "x$1" = "x1" ]; then
    export X509_USER_PROXY="${RUNTIME_JOB_DIR}/user.proxy"
elif [ "x$1" = "x2" ]; then
    rm -f "${RUNTIME_JOB_DIR}/user.proxy"
fi
"""
COPY = """\
if [ "$1" = "0" ]; then
    i=0
    name="joboption_runtime_$i"
    while [ -n "${!name}" ]; do
        mkdir -p "${joboption_directory}/rte/$(dirname "${!name}")"
        cat "${joboption_controldir}/rte/enabled/${!name}" >"${joboption_directory}/rte/${!name}"
        i=$((i+1))
        name="joboption_runtime_$i"
    done
fi
true
"""


def test_rte_like_env_lrms_scratch(ce: Ce) -> None:
    ce.rte("ENV/LRMS-SCRATCH", SCRATCH, params="VARIABLE=NODE_DISK\n")
    variables = run(ce, ("ENV/LRMS-SCRATCH",), scratch="/site/scratch").variables
    assert variables["RUNTIME_LOCAL_SCRATCH_DIR"] == "${NODE_DISK}"


def test_rte_like_env_proxy(ce: Ce) -> None:
    (ce.control / f"job.{GRID_ID}.proxy").write_text("certificate\n")
    ce.rte("ENV/PROXY", PROXY)
    stage_0(ce, ("ENV/PROXY",))
    copied = ce.sessions / GRID_ID / "user.proxy"
    assert (copied.read_text(), copied.stat().st_mode & 0o777) == ("certificate\n", 0o600)


def test_rte_like_env_rte(ce: Ce) -> None:
    ce.rte("ENV/RTE", COPY)
    ce.rte("APPS/X", "true\n")
    stage_0(ce, ("ENV/RTE",), ("APPS/X",))
    assert (ce.sessions / GRID_ID / "rte" / "APPS" / "X").read_text() == "true\n"


def lines(ran: ScriptRun) -> list[str]:
    return ran.text("o").splitlines()


def test_stages_1_and_2_on_the_node(node: Node) -> None:
    text = f'echo "$P $0 $# $1 $2 $(pwd)" >>{node.ce.place}/stages; export SEEN="$2" STAGE=$1\n'
    node.ce.rte("A", text, params="P=param\n")
    ran = on_node(node, ("A", "an 'option' $x"))
    assert ran.code == 0
    assert {"SEEN=an 'option' $x", "STAGE=1"} <= set(lines(ran))
    session = node.files.session
    assert (node.ce.place / "stages").read_text() == (
        f"param {node.path} 2 1 an 'option' $x {session}\n"
        f"param {node.path} 2 2 an 'option' $x {session}\n"
    )
    assert ran.diag.values["runtimeenvironments"] == "A;"


def test_order_on_the_node(node: Node) -> None:
    for name in ("A", "B", "EMPTY"):
        text = f"echo {name} $1 >>{node.ce.place}/stages\n" if name != "EMPTY" else ""
        node.ce.rte(name, text)
    ran = on_node(node, ("B",), ("EMPTY",), ("A",))
    assert (node.ce.place / "stages").read_text() == "B 1\nA 1\nB 2\nA 2\n"
    assert ran.diag.values["runtimeenvironments"] == "B;EMPTY;A;"


def test_rte_of_comments_only(node: Node) -> None:
    node.rtes = [RteScript("A", (), "# description: nothing\n"), RteScript("B", (), "\n")]
    ran = node.shell("echo ran", stdout="o")
    assert (ran.code, ran.comment, ran.text("o")) == (0, "", "ran\n")


def test_paths_for_an_rte(node: Node) -> None:
    scratch = node.ce.place / "scratch"
    node.plan["scratch_dir"] = str(scratch)
    names = ("JOB_DIR", "FRONTEND_JOB_DIR", "NODE_JOB_DIR", "JOB_STDOUT", "JOB_DIAG")
    words = " ".join(f"$RUNTIME_{name}" for name in names)
    node.ce.rte("A", f'[ $1 != 1 ] || echo "{words}" >{node.ce.place}/told\n')
    on_node(node, ("A",))
    session, here = node.files.session, scratch / GRID_ID
    told = (node.ce.place / "told").read_text()
    assert told == f"{here} {session} {here} {session}/o {session}.diag\n"


def test_stage_1_that_fails(node: Node) -> None:
    node.ce.rte("A", "[ $1 != 1 ] || { echo why >&2; return 5; }\n")
    node.ce.rte("B", f"touch {node.ce.place}/ran\n")
    ran = on_node(node, ("A",), ("B",), stderr="e")
    said = "Runtime environment A failed in stage 1\n"
    assert (ran.code, ran.text("o"), ran.text("e")) == (1, "", said)
    assert ran.comment == "why\n" + said
    assert ran.diag.values["exitcode"] == "1"
    assert not (node.ce.place / "ran").exists()


def test_stage_2_that_fails(node: Node) -> None:
    node.ce.rte("A", "[ $1 != 2 ] || return 5\n")
    ran = on_node(node, ("A",), stderr="e")
    assert (ran.code, ran.text("e")) == (1, "Runtime environment A failed in stage 2\n")
    assert lines(ran)[0] == "job"


def test_stage_2_runs_after_a_failed_job_and_its_code_stays(node: Node) -> None:
    node.ce.rte("A", f"echo $1 >>{node.ce.place}/stages\n")
    node.rtes = node_scripts([RuntimeEnvironment("A")], str(node.ce.control))
    ran = node.shell("exit 9")
    assert (ran.code, (node.ce.place / "stages").read_text()) == (9, "1\n2\n")


def test_rte_may_end_in_any_way(node: Node) -> None:
    node.ce.rte("A", "cat >/dev/null <<'END'\ntext\nEND")
    node.ce.rte("B", "true \\")
    node.ce.rte("C", "true # comment")
    node.ce.rte("D", "f() { true; }; case x in x) f ;; esac")
    ran = on_node(node, ("A",), ("B",), ("C",), ("D",))
    assert (ran.code, ran.comment) == (0, "")


def test_name_of_an_rte_cannot_end_the_comment(node: Node) -> None:
    node.rtes = [RteScript("A\necho evil", (), "true\n")]
    ran = node.run(executable="/bin/true")
    assert (ran.code, ran.comment) == (0, "")


def test_bytes_of_an_rte_are_kept(node: Node) -> None:
    node.ce.rte("A", "")
    (node.ce.place / "rtes" / "A").write_bytes(b"export ODD='\xff\xc3\xbc\r\n'\n")
    ran = on_node(node, ("A",))
    assert b"ODD=\xff\xc3\xbc\r\n" in (ran.session / "o").read_bytes()


def test_rte_that_cannot_be_read(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    folder = node.ce.control / "rte" / "enabled" / "A"
    folder.mkdir(parents=True)
    with pytest.raises(JobError, match="the runtime environment A is not enabled"):
        node_scripts([RuntimeEnvironment("A")], str(node.ce.control))
    assert capsys.readouterr().err == f"cannot read {folder}: Is a directory\n"


def test_rte_that_sets_the_scratch_directory(node: Node, tmp_path: Path) -> None:
    node.ce.rte("S", SCRATCH, params=f"TEMPORARY={tmp_path}/tmp\n")
    os.rmdir(node.files.session)
    variables = run(node.ce, ("S",)).variables
    node.plan["scratch_dir"] = variables["RUNTIME_LOCAL_SCRATCH_DIR"]
    node.environment["WORKDIR"] = str(tmp_path / "disk")
    ran = on_node(node, ("S",))
    assert {f"PWD={tmp_path}/disk/{GRID_ID}", f"TMPDIR={tmp_path}/tmp"} <= set(lines(ran))
