"""What ARC's lrms_common.sh and submit_common.sh offer to runtime environments.

docs/internals/rte-contract.md lists the items; each works here or is refused with a clear line.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.ce import GRID_ID, Ce
from support.compute_node import Node, ScriptRun
from support.oar_site import Site

from arc_lrms_oar.arex.config import parse_blocks
from arc_lrms_oar.arex.shell_config import shell_variables
from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job import grami
from arc_lrms_oar.job.rte_scripts import RteScript, node_scripts
from arc_lrms_oar.job.runtime_env import Stage0, run_stage_0
from arc_lrms_oar.settings import Settings

CONTRACT = (Path(__file__).parents[2] / "docs/internals/rte-contract.md").read_text()


def run(ce: Ce, text: str, options: tuple[str, ...] = (), **job: Any) -> Stage0:
    """Stage 0 of one RTE with this text."""
    ce.rte("R", text)
    files = ce.job(rtes=[("R", *options)], **job)
    path = str(files.file("grami"))
    settings = Settings(config_file=str(ce.conf), control_dir=str(ce.control))
    config = {"CONFIG_defaultmemory": "700", "CONFIG_hostname": "ce.example"}
    return run_stage_0(grami.read_values(path), settings, path, lambda: config)


def seen(ce: Ce, expression: str, **job: Any) -> str:
    """The value of a bash expression in stage 0."""
    return run(ce, f'joboption_seen="{expression}"\n', **job).values["joboption_seen"]


def refused(ce: Ce, text: str) -> str:
    with pytest.raises(JobError) as caught:
        run(ce, text)
    return str(caught.value)


# Functions


def test_control_path_of_both_layouts(any_ce: Ce) -> None:
    files = any_ce.job(grid_id := "abcdefghijklm")
    files.session.rmdir()
    kinds = " ".join(
        f"$(control_path $joboption_controldir {grid_id} {kind})" for kind in ("proxy", "local")
    )
    assert seen(any_ce, kinds) == f"{files.file('proxy')} {files.file('local')}"


def test_env_proxy_of_arc_7(any_ce: Ce) -> None:
    """Case: an empty user.proxy, and the job ended with exit code 0."""
    text = (
        'if [ "x$1" = "x0" ]; then\n'
        '    PROXY_FILE=$(control_path "$joboption_controldir" "$joboption_gridid" "proxy")\n'
        '    cat "$PROXY_FILE" > "$joboption_directory/user.proxy"\nfi\n'
    )
    any_ce.rte("ENV/PROXY", text)
    files = any_ce.job(rtes=[("ENV/PROXY",)])
    files.file("proxy").write_text("certificate\n")
    path = str(files.file("grami"))
    settings = Settings(control_dir=str(any_ce.control))
    run_stage_0(grami.read_values(path), settings, path, lambda: {})
    assert (files.session / "user.proxy").read_text() == "certificate\n"


def test_define_failures_file(any_ce: Ce) -> None:
    text = 'define_failures_file; joboption_seen="$failures_file"\n'
    found = run(any_ce, text).values["joboption_seen"]
    assert found.endswith(f"{GRID_ID}.failed" if any_ce.layout == 6 else "/failed")


@pytest.mark.parametrize(("word", "code"), [("7", 0), ("", 1), ("-1", 1), ("1.5", 1), ("7x", 1)])
def test_is_number(ce: Ce, word: str, code: int) -> None:
    assert seen(ce, f"$(is_number '{word}'; echo $?)") == str(code)


def test_sourcewithargs(ce: Ce) -> None:
    (ce.place / "more").write_text('joboption_seen="$#:$1:$2"\n')
    text = f"sourcewithargs {ce.place}/more 0 'a b'\n"
    assert run(ce, text).values["joboption_seen"] == "2:0:a b"


def test_set_req_mem(ce: Ce) -> None:
    assert run(ce, "set_req_mem\n").values["joboption_memory"] == "700"


def test_set_count(ce: Ce) -> None:
    values = run(ce, "joboption_count=0; set_count\n").values
    assert (values["joboption_count"], values["joboption_countpernode"]) == ("1", "-1")


def test_check_any_scratch_and_init_perflog(ce: Ce) -> None:
    run(ce, "check_any_scratch; init_perflog; init_lrms_env\n")


@pytest.mark.parametrize("name", ["parse_arc_conf", "mktempscript", "cd_and_run", "RTE_stage1"])
def test_functions_for_arcs_own_job_script(ce: Ce, name: str) -> None:
    assert refused(ce, f"{name}\n") == (
        f"the runtime environment R cannot be used with OAR: it calls {name}"
    )
    ce = Ce(ce.place / "other")
    assert refused(ce, f"{name}() {{ :; }}\n") == (
        "the runtime environment R cannot be used with OAR: it replaces a function of ARC's "
        "backends"
    )


def test_functions_that_an_rte_may_bring_along(ce: Ce) -> None:
    """An RTE may support ARC 6, which has no control_path."""
    text = 'control_path() { echo mine; }; joboption_seen="$(control_path a b c)"\n'
    assert run(ce, text).values["joboption_seen"] == "mine"


# Variables before stage 0


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("$joboption_lrms", "OAR"),
        ("$joboption_gridid", GRID_ID),
        ("$CONFIG_hostname $CONFIG_shared_filesystem", "ce.example yes"),
        ("$RUNTIME_NODE_SEES_FRONTEND $RUNTIME_LOCAL_SCRATCH_MOVE_TOOL", "yes mv"),
        ("$walltime_ratio $time_hardlimit_ratio $memory_hardlimit_ratio", "1 1/1 1/1"),
        ("$GNU_TIME $TMPDIR $POSIX_SHELL", "/usr/bin/time /tmp /bin/sh"),
        ("${pkgdatadir##*/} ${basedir##*/} ${pkglibexecdir##*/}", "arc arc arc"),
        (
            "$rte_name $rte_idx ${rte_path##*/rte/} ${rte_params_path##*/rte/}",
            "R 0 enabled/R params/R",
        ),
    ],
)
def test_variables_before(
    ce: Ce, monkeypatch: pytest.MonkeyPatch, expression: str, value: str
) -> None:
    monkeypatch.delenv("TMPDIR", raising=False)
    assert seen(ce, expression) == value


def test_files_before(ce: Ce) -> None:
    paths = seen(ce, "$GRAMI_FILE $ARC_CONFIG $joboption_directory $joboption_controldir").split()
    assert [Path(path).exists() for path in paths] == [True] * 4


def test_environment_of_arex(ce: Ce, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X509_CERT_DIR", "/ca")
    monkeypatch.setenv("ARC_LOCATION", "/opt/arc")
    monkeypatch.setenv("CE_SECRET", "x")
    assert seen(ce, "$X509_CERT_DIR $ARC_LOCATION $CE_SECRET") == "/ca /opt/arc "


def test_config_variables_of_arc_conf() -> None:
    blocks = parse_blocks(
        "[common]\nhostname=ce\n[lrms]\ndefaultmemory=1\nbenchmark=A 1\nbenchmark=B 2\n"
        "gnu_time=/t\n[queue:q]\ndefaultmemory=2\n[queue:other]\ndefaultmemory=3\n",
        "arc.conf",
    )
    assert shell_variables(blocks, "q") == {
        "CONFIG_hostname": "ce",
        "CONFIG_gnu_time": "/t",
        "CONFIG_defaultmemory": "2",
        "CONFIG_benchmark": "__array__",
        "CONFIG_benchmark_0": "A 1",
        "CONFIG_benchmark_1": "B 2",
    }


# Variables after stage 0


def on_node(node: Node, text: str, command: str = "", **plan: Any) -> ScriptRun:
    """Runs a job with an RTE of this text on the node."""
    node.rtes = [RteScript("R", (), text)] if text else []
    node.plan.update(plan, command=command)
    return node.shell("env; echo ran", stdout="o", stderr="e")


ARGUMENTS = ["a b", "it's", '"', "\\", "$HOME", "`id`", "$(id)", "*", "", "x\ny", "ü\udcff", "!"]


def test_command_that_an_rte_puts_in_front(node: Node) -> None:
    """Case: the job ran outside of its container and succeeded."""
    node.files.session.rmdir()
    left = run(
        node.ce,
        'joboption_args="/usr/bin/env HERE=\\"\\${RUNTIME_JOB_DIR}\\" nice -n 1 $joboption_args"\n',
        executable="/usr/bin/printf",
        arguments=["%s\\0", *ARGUMENTS],
    )
    node.plan["command"] = left.values["joboption_args"]
    ran = node.run(executable="/usr/bin/printf", arguments=["%s\\0", *ARGUMENTS], stdout="o")
    assert (ran.code, ran.comment) == (0, "")
    assert ran.text("o").split("\0")[:-1] == ARGUMENTS


def test_command_sees_the_directory_of_the_node(node: Node, tmp_path: Path) -> None:
    ran = on_node(node, "", '/bin/echo "$RUNTIME_JOB_DIR"', scratch_dir=str(tmp_path))
    assert ran.text("o") == f"{tmp_path}/{GRID_ID}\n"


def test_executable_that_begins_with_a_variable(node: Node) -> None:
    node.files.session.rmdir()
    left = run(
        node.ce,
        'joboption_args="/usr/bin/nice $joboption_args"\n',
        executable="$TOOLS/echo",
        arguments=["$TOOLS"],
    )
    assert left.values["joboption_args"] == '/usr/bin/nice  "$TOOLS/echo" "\\$TOOLS"'
    node.plan["command"] = left.values["joboption_args"]
    ran = node.run(
        executable="$TOOLS/echo", arguments=["$TOOLS"], environment={"TOOLS": "/bin"}, stdout="o"
    )
    assert ran.text("o") == "$TOOLS\n"


def test_command_as_arc_has_it(ce: Ce) -> None:
    assert seen(ce, '${joboption_args//\\"/Q}', executable="./run", arguments=["a b"]) == (
        " Q./runQ Qa bQ"
    )


def test_unchanged_command_is_not_a_command(ce: Ce) -> None:
    assert "joboption_args" not in run(ce, "true\n").values


@pytest.mark.parametrize("text", ["a; b", "a > b", "a | b", "a 'b", "a && b", "(a)"])
def test_command_that_is_not_one_command(ce: Ce, text: str) -> None:
    assert refused(ce, f'joboption_args="{text}"\n') == (
        "the runtime environment R cannot be used with OAR: "
        "joboption_args must be one command with its arguments"
    )


def test_command_that_does_not_exist_on_the_node(node: Node) -> None:
    node.environment["HOSTNAME"] = "node1"
    ran = on_node(node, "", "/no/such/singularity exec x")
    assert (ran.code, ran.text("e")) == (
        127,
        "Cannot run /no/such/singularity, the command of a runtime environment: it does not exist "
        "on node1\n",
    )


@pytest.mark.parametrize("checkpoint_signal", [0, 12])
def test_exit_code_of_the_command(node: Node, checkpoint_signal: int) -> None:
    ran = on_node(node, "", '/bin/sh -c "exit 7"', checkpoint_signal=checkpoint_signal)
    assert (ran.code, ran.diag.values["exitcode"]) == (7, "7")


def test_grid_job_id_survives(ce: Ce) -> None:
    """Case: an RTE writes joboption_env_1, where A-REX has put GRID_GLOBAL_JOBID."""
    left = run(ce, "joboption_env_1='TEST=1'\n", environment={"A": "1"})
    entries = {k: v for k, v in left.values.items() if k.startswith("joboption_env_")}
    assert entries == {
        "joboption_env_0": "A=1",
        "joboption_env_1": "TEST=1",
        "joboption_env_2": f"GRID_GLOBAL_JOBID={GRID_ID}",
    }


def test_variables_after(site: Site) -> None:
    site.ce.rte(
        "R",
        "RUNTIME_LOCAL_SCRATCH_MOVE_TOOL=/bin/mine GNU_TIME=/t ACCOUNTING_WN_INSTANCE=image:1\n"
        "NODENAME='n a'\n"
        "RUNTIME_LOCAL_SCRATCH_DIR='${DISK}' RUNTIME_ENABLE_MULTICORE_SCRATCH=1\n"
        "RUNTIME_FRONTEND_SEES_NODE=/shared joboption_benchmark='HEPscore23 7'\n",
    )
    files = site.ce.job(rtes=[("R",)])
    site.submit(files)
    (script,) = (files.session / ".arc_oar").glob("job-*.sh")
    text = script.read_text()
    for line in (
        "RUNTIME_LOCAL_SCRATCH_MOVE_TOOL='/bin/mine'",
        "GNU_TIME='/t'",
        "arc_oar_nodename='n a'",
        "ACCOUNTING_WN_INSTANCE='image:1'",
        'RUNTIME_LOCAL_SCRATCH_DIR=${RUNTIME_LOCAL_SCRATCH_DIR:-"${DISK}"}',
        "RUNTIME_ENABLE_MULTICORE_SCRATCH='yes'",
        "RUNTIME_FRONTEND_SEES_NODE='/shared'",
        "arc_oar_benchmark='HEPscore23:7'",
    ):
        assert f"\n{line}\n" in text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "export DOCKER_UNIVERSE=docker",
            "only HTCondor runs a job in a container by",
        ),
        ("DOCKER_IMAGE=image", "only HTCondor runs a job in a container by"),
        ("walltime_ratio=2", "OAR has no limits that walltime_ratio"),
        ("memory_hardlimit_ratio=2", "OAR has no limits that walltime_ratio"),
        ("RUNTIME_NODE_SEES_FRONTEND=", "it sets RUNTIME_NODE_SEES_FRONTEND to nothing"),
    ],
)
def test_variables_that_have_no_effect_in_oar(ce: Ce, text: str, reason: str) -> None:
    assert refused(ce, text + "\n").startswith(
        f"the runtime environment R cannot be used with OAR: {reason}"
    )


# The node


def test_result_of_the_program_in_stage_2(node: Node) -> None:
    node.rtes = [RteScript("R", (), '[ "$1" != 2 ] || { echo "r=$RESULT"; RESULT=5; }\n')]
    ran = node.shell("exit 3")
    assert (ran.code, ran.comment, ran.diag.values["exitcode"]) == (5, "r=3\n", "5")


def test_result_in_stage_1_keeps_the_program_from_running(node: Node) -> None:
    ran = on_node(node, '[ "$1" != 1 ] || RESULT=9\n')
    assert (ran.code, ran.text("o")) == (9, "")


def test_accounting_variables(node: Node) -> None:
    text = "[ $1 = 2 ] || ACCOUNTING_BENCHMARK=B:2 ACCOUNTING_WN_INSTANCE+=-x\n"
    ran = on_node(node, text, instance="image")
    values = ran.diag.values
    assert (values["benchmark"], values["wninstance"]) == ("B:2", "image-x")


def test_user_cannot_set_the_accounting_variables(node: Node) -> None:
    user = {
        "ACCOUNTING_BENCHMARK": "B:1",
        "ACCOUNTING_WN_INSTANCE": "w",
        "RESULT": "r",
        "GNU_TIME": "g",
    }
    ran = node.run(executable="/usr/bin/env", stdout="o", environment=user)
    assert set(ran.text("o").splitlines()) >= {f"{k}={v}" for k, v in user.items()}
    assert ran.diag.values["benchmark"] == "HEPSPEC:1.0"
    assert "wninstance" not in ran.diag.values


def test_keys_that_an_rte_writes_itself(node: Node) -> None:
    text = 'echo "my_key=my value" >>"$RUNTIME_JOB_DIAG"\n'
    ran = on_node(node, text + 'echo "systemsoftware=Mine 1" >>"$RUNTIME_JOB_DIAG"\n')
    assert ran.diag.values["systemsoftware"] == "Mine 1"
    assert b"my_key=my value\n" in ran.diag.format()


def test_names_of_runtime_environments(node: Node) -> None:
    ran = on_node(node, 'runtimeenvironments="${runtimeenvironments}MORE;"\n')
    assert ran.diag.values["runtimeenvironments"] == "R;MORE;"


@pytest.mark.parametrize("text", ["JOB_ACCOUNTING=\n", "GNU_TIME=\n"])
def test_accounting_that_stage_1_switches_off(node: Node, text: str) -> None:
    ran = on_node(node, text)
    assert "maxresidentmemory" not in ran.diag.values
    assert ran.diag.complete


def test_sourcewithargs_on_the_node(node: Node, tmp_path: Path) -> None:
    (tmp_path / "more").write_text('echo "$#:$1:$2"\n')
    ran = on_node(node, f"[ $1 != 1 ] || sourcewithargs {tmp_path}/more 1 'a b'\n")
    assert ran.comment == "2:1:a b\n"


def test_exit_trap_of_an_rte(node: Node) -> None:
    ran = on_node(node, "[ $1 != 1 ] || trap 'echo \"in trap\"' EXIT\n")
    assert (ran.code, ran.comment) == (0, "in trap\n")
    assert ran.diag.complete


def test_exit_trap_of_an_rte_that_exits(node: Node) -> None:
    ran = on_node(node, "trap 'echo \"in trap\"' EXIT; exit 4\n")
    assert (ran.code, ran.comment) == (4, "in trap\n")


@pytest.mark.parametrize("text", ["set -e\n", "set -u\n", "IFS=_\n"])
def test_shell_options_of_an_rte(node: Node, text: str) -> None:
    node.rtes = [RteScript("R", (), text), RteScript("S", ("a_b",), '[ "$2" = a_b ]\n')]
    ran = node.shell("exit 3")
    assert (ran.code, ran.diag.values["exitcode"]) == (3, "3")
    assert "usedscratch" in ran.diag.values


def test_grid_area_that_oar_does_not_use(node: Node) -> None:
    node.environment.update(RUNTIME_GRIDAREA_DIR="/grid", HOSTNAME="node1")
    ran = on_node(node, "")
    assert ran.code == 1
    assert ran.text("e").startswith("RUNTIME_GRIDAREA_DIR=/grid is set on node1, but OAR runs")
    node.environment["RUNTIME_GRIDAREA_DIR"] = str(node.files.session.parent)
    assert on_node(node, "").code == 0


def test_system_and_scratch_of_the_accounting(node: Node) -> None:
    ran = node.shell("head -c 100000 /dev/zero >big")
    release = subprocess.run(
        ["/bin/sh", "-c", '. /etc/os-release; echo "$NAME $VERSION"'],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.diag.values["systemsoftware"] == release.stdout.strip()
    assert int(ran.diag.values["usedscratch"]) >= 100_000


# Software of communities


@pytest.mark.parametrize("shared", ["True", "False"])
def test_software_of_a_community(node: Node, shared: str) -> None:
    """Case: RUNTIME_JOB_SWDIR was empty, and there was no software."""
    ce = node.ce
    (ce.place / "software").mkdir()
    (ce.place / "software" / "tool").write_text("content\n")
    ce.rte(
        "COMM/R",
        'joboption_seen="$RUNTIME_JOB_SWDIR"; [ "$1" = 0 ] || ls "$RUNTIME_JOB_SWDIR" >&2\n',
        params="P=1\n",
    )
    params = ce.control / "rte/params/COMM/R.community"
    params.write_text(f"SOFTWARE_DIR='{ce.place}/software'\nSOFTWARE_SHARED={shared}\n")
    node.files.session.rmdir()
    files = ce.job(rtes=[("COMM/R",)])
    path = str(files.file("grami"))
    settings = Settings(control_dir=str(ce.control))
    job = run_stage_0(grami.read_values(path), settings, path, lambda: {})
    assert job.values["joboption_seen"] == "${RUNTIME_JOB_DIR}/_software/COMM/R"
    software = files.session / "_software/COMM/R"
    assert software.is_symlink() == (shared == "True")
    description = grami.describe(job.values, path)
    node.rtes = node_scripts(description.runtime_environments, str(ce.control))
    ran = node.shell("true")
    assert ran.comment.splitlines() == ["tool", "tool"]


def test_software_of_a_community_without_a_directory(ce: Ce) -> None:
    ce.rte("R2", "true\n", params="P=1\n")
    (ce.control / "rte/params/R2.community").write_text("SOFTWARE_SHARED=True\n")
    files = ce.job(rtes=[("R2",)])
    path = str(files.file("grami"))
    settings = Settings(control_dir=str(ce.control))
    with pytest.raises(JobError, match=r"R2 cannot be used with OAR: SOFTWARE_DIR is not set in"):
        run_stage_0(grami.read_values(path), settings, path, lambda: {})


# The document


def test_document_lists_what_the_shell_files_define() -> None:
    share = Path(grami.__file__).parents[1] / "share"
    stage_0 = (share / "rte_stage0.sh").read_text()
    named = set(re.findall(r"`(\w+)`", CONTRACT))
    functions = set(re.findall(r"^(\w+)\(\) \{", stage_0, re.M))
    unusable = re.search(r'arc_oar_unusable="(.*?)"', stage_0, re.S)
    assert unusable is not None
    functions |= set(unusable[1].split())
    assert {name for name in functions if not name.startswith("arc_oar_")} <= named
