"""The scripts that A-REX runs and `python3 -m arc_lrms_oar`: exit status and output."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from standin import Standin
from support.ce import GRID_ID, Ce
from support.fake_gm_kick import FakeGmKick
from support.isolation import NO_ARC
from support.job_script import without_script
from support.oar_site import Site
from support.scan_jobs import ended, finished

from arc_lrms_oar import cli, entrypoint, replacement
from arc_lrms_oar.local_ids import is_unsubmitted
from arc_lrms_oar.version import __version__

ROOT = Path(__file__).parent.parent
SHARE = ROOT / "arc_lrms_oar" / "share"
# How each line in A-REX's job.helper.errors begins, which is the stderr of scan.
LOGGED = r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] \[scan-OAR-job\] \[(?:FATAL|ERROR|WARNING|INFO)\] "


@pytest.fixture
def site(place: Path, oar: Standin) -> Site:
    return Site(Ce(place), oar)


def run(argv: Sequence[object], place: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python as A-REX runs its scripts: no stdin, hardly any environment."""
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": "/", **NO_ARC}
    return subprocess.run(
        [sys.executable, *(str(word) for word in argv)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        env={**environment, **variables},
        cwd=place,
        check=False,
    )


def arex(
    site: Site, verb: str, *words: object, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run one of the scripts with the first arguments that A-REX gives it."""
    script = SHARE / f"{verb}-OAR-job"
    return run([script, "--config", site.ce.conf, *words], site.ce.place, **variables)


def module(site: Site, *words: object) -> subprocess.CompletedProcess[str]:
    return run(["-m", "arc_lrms_oar", *words, "--config", site.ce.conf], site.ce.place)


def bare(text: str) -> str:
    """A log line without its time and without the job script before it."""
    line = without_script(text)
    return re.sub(r"^\[[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\] ", "", line)


def test_job_from_submission_to_report(site: Site, gm_kick: FakeGmKick) -> None:
    gm_kick.install()
    files = site.ce.job(executable="/bin/sh", arguments=["-c", "exit 3"])
    done = arex(site, "submit", files.file("grami"))
    assert (done.returncode, done.stdout) == (0, "")
    assert bare(done.stderr) == f"[submit-OAR-job] [INFO] {GRID_ID}: OAR job 1 submitted\n"
    assert files.local_id() == "1"
    site.ce.accepted(files, 1)
    site.oar.wait(1)
    done = arex(site, "scan", site.ce.control, ARC_LOCATION=str(gm_kick.prefix))
    assert (done.returncode, done.stdout) == (0, "")
    assert bare(done.stderr) == (
        f"[scan-OAR-job] [INFO] {GRID_ID}: OAR job 1 ended: 3 Job finished with exit code 3\n"
    )
    assert files.done() == "3 Job finished with exit code 3\n"
    assert len(gm_kick.calls()) == 1
    done = arex(site, "cancel", files.file("grami"))
    assert (done.returncode, done.stdout) == (0, "")
    assert bare(done.stderr) == (f"[cancel-OAR-job] [INFO] {GRID_ID}: OAR job 1 is being deleted\n")


REASON = "the queue nosuch is closed"


def test_refused_submission_prints_the_reason(site: Site) -> None:
    """A-REX keeps stderr in `errors`, and has the job as submitted until scan reports it."""
    site.oar.set("admission_refusal", REASON)
    files = site.ce.job()
    done = arex(site, "submit", files.file("grami"))
    assert done.returncode == 0
    assert is_unsubmitted(files.local_id())
    assert without_script(done.stderr) == f"OAR refused the job: {REASON}\n"
    assert done.stdout == f"OAR refused the job: {REASON}\n"


def test_details_follow_the_sentence_on_stderr(site: Site) -> None:
    site.ce.rte("R", "echo first; echo second >&2; return 3\n")
    done = arex(site, "submit", site.ce.job(rtes=[("R",)]).file("grami"))
    sentence = "the runtime environment R refused the job at submission (exit code 3)"
    assert done.returncode == 0
    assert done.stdout == f"{sentence}\n"
    assert done.stderr == f"{sentence}\nfirst\nsecond\n"


def test_malformed_grami_file_is_one_line(site: Site) -> None:
    files = site.ce.job()
    files.file("grami").write_bytes(b"joboption_arg_0='\xff\n")
    done = arex(site, "submit", files.file("grami"))
    assert done.returncode == 0
    assert done.stderr == done.stdout
    assert done.stdout.endswith("line 1: malformed GRAMi file: a ' is opened and never closed\n")
    assert done.stdout.count("\n") == 1


def test_scan_while_oar_is_unavailable(site: Site) -> None:
    files = site.running(state="Terminated")
    site.oar.set("db_down")
    done = arex(site, "scan", site.ce.control)
    assert (done.returncode, done.stdout, files.done()) == (1, "", None)
    assert bare(done.stderr) == (
        "[scan-OAR-job] [ERROR] OAR is unavailable, nothing was changed: "
        "oarstat: exit code 25: DB connection error, exiting.\n"
    )


def test_scan_of_several_directories(site: Site) -> None:
    other = Ce(site.ce.place / "other", 7)
    files = site.running(state="Error", exit_code=None)
    second = other.in_lrms("b" * 20, 2)
    site.add_job_of("b" * 20, state="Error", exit_code=None)
    done = arex(site, "scan", site.ce.control, other.control)
    assert done.returncode == 0
    assert (files.done() is None, second.done() is None) == (False, False)


def test_scan_of_a_missing_control_directory(site: Site) -> None:
    done = arex(site, "scan", site.ce.place / "none")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert str(site.ce.place / "none") in done.stderr


def test_cancel_refused_by_oar(site: Site) -> None:
    site.running()
    site.oar.set("refuse_del")
    done = arex(site, "cancel", 1)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("OAR does not cancel job 1: You are not the right user\n")


def test_cancel_while_oar_is_unavailable_succeeds(site: Site) -> None:
    """On another exit status A-REX would leave the OAR job running."""
    site.configure("submit_budget=0")
    site.running()
    site.oar.set("fail_times", "oardel:99:25:DB connection error")
    done = arex(site, "cancel", 1)
    assert done.returncode == 0
    assert "scan will go on cancelling OAR job 1" in done.stderr


FAILURES = {
    "wrong arguments": (["-x"], ""),
    "wrong configuration": (["CONTROL"], "node_level=a b"),
    "no control directory": (["/nonexistent"], ""),
    "OAR is unavailable": (["CONTROL"], ""),
    "job without its GRAMi file": (["CONTROL"], ""),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_each_line_of_scan_has_time_and_level(site: Site, kind: str) -> None:
    words, option = FAILURES[kind]
    files = ended(site, code=3)
    if kind == "OAR is unavailable":
        site.oar.set("fail_times", "oarstat:99:25:DB error\nsecond line\nthird line")
    elif kind == "job without its GRAMi file":
        files.file("grami").unlink()
    site.configure(option)
    targets = [str(site.ce.control) if word == "CONTROL" else word for word in words]
    done = run([SHARE / "scan-OAR-job", "--config", site.ce.conf, *targets], site.ce.place)
    lines = done.stderr.splitlines()
    assert lines
    assert [line for line in lines if not re.match(LOGGED, line)] == []
    if kind == "job without its GRAMi file":
        assert all(GRID_ID in line for line in lines)
    assert done.stdout == ""


def test_internal_error_of_scan_is_a_log_line(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise RuntimeError("first line\nsecond line")

    assert entrypoint.guarded("scan", fail) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(LOGGED + "internal error of arc_lrms_oar", line)


@pytest.mark.parametrize("verb", ["submit", "cancel", "scan"])
def test_wrong_configuration(site: Site, verb: str) -> None:
    site.configure("node_level=a b")
    done = arex(site, verb, "x")
    number = site.ce.conf.read_text().splitlines().index("node_level=a b") + 1
    line = f'{site.ce.conf}:{number}: [custom:oar] node_level = "a b": expected the name of one of'
    assert done.returncode == 1
    assert re.sub(LOGGED, "", done.stderr).startswith(line)
    assert done.stderr.count("\n") == 1
    assert done.stdout == (done.stderr if verb == "submit" else "")


@pytest.mark.parametrize("verb", ["submit", "cancel", "scan"])
def test_scripts_in_lower_case_are_identical(verb: str) -> None:
    assert (SHARE / f"{verb}-oar-job").read_text() == (SHARE / f"{verb}-OAR-job").read_text()


@pytest.mark.parametrize("verb", ["submit", "cancel", "scan"])
def test_scripts_without_the_package(verb: str, tmp_path: Path) -> None:
    script = SHARE / f"{verb}-OAR-job"
    assert script.read_text().startswith("#!/usr/bin/env python3\n")
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(script), "x"],
        capture_output=True,
        text=True,
        env=replacement.NO_MORE_TRIES,
        check=False,
    )
    assert done.returncode == 1
    start = LOGGED if verb == "scan" else f"{verb}-OAR-job: "
    text = "the Python package arc_lrms_oar cannot be imported: "
    assert re.match(start + text, done.stderr)
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["submit"], ["scan"], ["fly"], ["query"], ["explain"]])
def test_wrong_usage(site: Site, words: list[str]) -> None:
    done = run(["-m", "arc_lrms_oar", *words], site.ce.place)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--config"],
        ["--config", "x"],
        ["--config", "x", "a", "b"],
        ["-x", "y", "z"],
        ["a", "--config=x"],
    ],
)
def test_wrong_usage_of_a_script(site: Site, words: list[str]) -> None:
    """A-REX always passes the same arguments; anything else gets the usage line."""
    done = run([SHARE / "submit-OAR-job", *words], site.ce.place)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "usage: submit-OAR-job --config FILE GRAMI\n"


@pytest.mark.parametrize("words", [["--help"], ["-h"], ["--config", "x", "--help"]])
def test_help_of_a_script(site: Site, words: list[str]) -> None:
    done = run([SHARE / "scan-OAR-job", *words], site.ce.place)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "usage: scan-OAR-job --config FILE CONTROLDIR [CONTROLDIR ...]\n"


def test_version(site: Site) -> None:
    assert run(["-m", "arc_lrms_oar", "--version"], site.ce.place).stdout == f"{__version__}\n"


@pytest.mark.parametrize("command", cli.commands())
def test_help_of_a_command(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as left:
        cli.main([command, "--help"])
    out, err = capsys.readouterr()
    assert (left.value.code, err) == (0, "")
    assert out.startswith(f"usage: python3 -m arc_lrms_oar {command} ")
    assert cli.commands()[command].summary in out
    assert ("--config FILE" in out) == cli.commands()[command].has_config


def test_help_lists_every_command_with_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    listed = capsys.readouterr().out
    for name, command in cli.commands().items():
        assert f"\n  {name:<11}{command.summary}\n" in listed


def test_help_imports_no_command(site: Site) -> None:
    code = (
        "import sys; from arc_lrms_oar.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print(*sys.modules, sep='\\n')"
    )
    loaded = run(["-c", code], site.ce.place).stdout.split()
    packages = {name.split(".")[1] for name in loaded if name.startswith("arc_lrms_oar.")}
    small = {"console", "errors", "log", "replacement", "version"}
    assert packages == {"cli", "cli_commands", "cli_job_commands", "entrypoint", *small}


def test_query(site: Site) -> None:
    site.oar.add_jobs(1, state="Terminated", exit_code=768)
    done = module(site, "query", 1, 99)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "job ID  state       exit code  nodes  reason",
        "1       Terminated  3          -      Job finished with exit code 3",
        "99      unknown     -          -      OAR does not know this job",
    ]
    found = json.loads(module(site, "query", "--json", 1, 99).stdout)
    assert [row["job_id"] for row in found] == [1, 99]
    assert set(found[0]) == {
        *("job_id", "state", "exit_code", "submitted", "started", "ended", "nodes", "reason"),
    }


def test_query_by_grid_job_id(site: Site) -> None:
    site.running(message="")
    finished(site, "b" * 50, "OAR refused the job: no", local_id="")
    finished(site, "c" * 50, "LRMS error: (3) it failed", local_id=78)
    url = f"https://ce:443/arex/rest/1.0/jobs/{GRID_ID}"
    done = module(site, "query", url, "bbbb", "c" * 50, 78)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split("  ") for line in re.sub("  +", "  ", done.stdout).splitlines()[1:]] == [
        ["1", "Running", "-", "-"],
        ["-", "FINISHED", "-", "-", "OAR refused the job: no"],
        ["78", "FINISHED", "-", "-", "LRMS error: (3) it failed"],
        ["78", "FINISHED", "-", "-", "LRMS error: (3) it failed"],
    ]
    done = module(site, "query", "1", "nobodyhasit")
    assert done.returncode == 1
    assert done.stderr.startswith("nobodyhasit: no job in ")
    assert done.stdout.splitlines()[1].startswith("1 ")


def test_query_while_oar_is_unavailable(site: Site) -> None:
    site.oar.set("db_down")
    done = module(site, "query", 1)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "oarstat: exit code 25: DB connection error, exiting.\n"


def test_info(site: Site) -> None:
    options = site.ce.place / "options"
    options.write_text('{"queues": {"default": {"users": ["/CN=ü"]}}, "jobs": ["1"]}')
    done = module(site, "info", "--json", "--options", options)
    assert (done.returncode, done.stderr) == (0, "")
    info = json.loads(done.stdout)
    assert list(info["queues"]["default"]["users"]) == ["/CN=ü"]
    assert "1" in info["jobs"]


DESCRIBED = {
    *("name", "executable", "arguments", "environment", "stdin", "stdout", "stderr", "queue"),
    *("cpu_time", "wall_time", "memory", "disk", "count", "count_per_node", "exclusive"),
    *("runtime_environments", "start_time", "priority", "project", "rerun"),
    *("input_files", "output_files"),
}


def translated(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    *words: object,
) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of translate with `text` on its standard input."""
    content = io.BytesIO(text.encode("utf-8", "surrogateescape"))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(content))
    code = cli.main(["translate", *map(str, words), "-"])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_translate_to_json(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        '+(&(executable=/bin/a)(arguments=b "c d")(environment=(K "v w"))(cputime=60)(count=2))'
        '(&(executable=x)(runtimeenvironment="A/B" "o")(memory=5)(inputfiles=(f ""))(rerun=3))'
    )
    options = ("--json", "--queue", "long", "--config", site.ce.conf)
    code, out, err = translated(capsys, monkeypatch, text, *options)
    assert (code, err) == (1, "")
    first, second = json.loads(out)
    assert [line.partition(":")[0] for line in first["refused"]] == ["queue long"]
    assert [line.partition(":")[0] for line in second["refused"]] == [
        *("runtimeenvironment A/B", "queue long"),
    ]
    for one in (first, second):
        assert set(one) == {
            *("description", "oarsub", "ignored", "script", "refused", "assumed", "config"),
        }
        assert one["config"] == str(site.ce.conf)
        assert set(one["description"]) == DESCRIBED
        assert one["oarsub"][0] == "oarsub"
        assert one["oarsub"][one["oarsub"].index("-q") + 1] == "long"
        assert one["script"].startswith("#!/bin/bash\n")
    given = {key: value for key, value in first["description"].items() if value not in (None, [])}
    assert given == {
        "executable": "/bin/a",
        "arguments": ["b", "c d"],
        "environment": [["K", "v w"]],
        "queue": "long",
        "cpu_time": 3600,
        "count": 2,
    }
    given = second["description"]
    assert given["runtime_environments"] == [{"name": "A/B", "options": ["o"]}]
    assert (given["memory"], given["input_files"], given["rerun"]) == (5, ["f"], 3)


def test_translate_to_text(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "&(executable=/bin/true)(jobname=j)(disk=5)"
    code, out, err = translated(capsys, monkeypatch, text, "--config", site.ce.conf)
    assert (code, err) == (0, "")
    parts = out.split("\n\n")
    assert parts[0] == f"Configuration:\n  {site.ce.conf}"
    assert [part.splitlines()[0] for part in parts[1:]] == [
        "Description:",
        "Command:",
        "Assumed:",
        "Without effect on OAR:",
    ]
    assert parts[2].splitlines()[1].startswith("  oarsub --name j-GRIDID -q default -l /core=1 ")
    code, out, _ = translated(capsys, monkeypatch, text, "--script")
    assert "\n\nJob script:\n#!/bin/bash\n" in out


def test_translate_names_the_job_that_oar_has_no_cores_for(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for count, status in ((8, 0), (9, 1)):
        text = f"&(executable=/bin/true)(count={count})"
        code, out, _ = translated(capsys, monkeypatch, text, "--config", site.ce.conf)
        assert code == status
        assert ("  count: it requests 9 slots, and OAR has 8\n" in out) is bool(status)
    site.oar.set("db_down")
    code, _, err = translated(capsys, monkeypatch, text, "--config", site.ce.conf)
    assert (code, err) == (0, "")


@pytest.mark.parametrize("option", ["gpus=1", "resources=/host=1"])
def test_translate_a_count_without_effect(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """The job gets a GPU or a node, whatever its count is, and the CE runs it."""
    site.configure(option)
    text = "&(executable=/bin/true)(count=1000)"
    code, out, _ = translated(capsys, monkeypatch, text, "--config", site.ce.conf)
    assert code == 0
    assert "\n  count: the " in out.partition("Without effect on OAR:")[2]


def test_translate_reads_the_file_that_an_admin_edits(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = site.ce.place / "running.conf"
    running.write_text("[queue:old]\n")
    monkeypatch.setattr("arc_lrms_oar.arex.config.RUNTIME_CONFIG", str(running))
    monkeypatch.setattr("arc_lrms_oar.arex.config.SYSTEM_CONFIG", str(site.ce.conf))
    code, out, _ = translated(capsys, monkeypatch, "&(executable=a)(queue=default)")
    assert (code, out.splitlines()[1].strip()) == (0, str(site.ce.conf))


def test_translate_a_grami_file(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    path = site.ce.job(count=3, walltime=60).file("grami")
    assert cli.main(["translate", "--json", str(path)]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert "/core=3,walltime=0:1:0" in found["oarsub"]
    assert cli.main(["translate", "--from", "xrsl", str(path)]) == 1


def test_translate_a_wrong_description(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert translated(capsys, monkeypatch, "&(executable=a)\n(count=x)\n", "--json") == (
        1,
        "",
        "standard input: line 2, column 8: count: found 'x', expected a whole number\n"
        "  (count=x)\n"
        "         ^\n",
    )
    code, out, err = translated(capsys, monkeypatch, "&(executable=a)(queue='a b')")
    assert (code, out) == (1, "")
    assert err == "standard input: the queue name 'a b' cannot be the name of a queue of OAR\n"
    assert cli.main(["translate", "/nowhere"]) == 1
    assert capsys.readouterr().err == (
        "/nowhere: cannot read the job description: No such file or directory\n"
    )


def test_log_level_of_arc_conf(site: Site) -> None:
    site.configure("", arex="loglevel=1")
    done = arex(site, "submit", site.ce.job().file("grami"))
    assert without_script(done.stderr) == ""


def test_reader_that_closes_the_pipe(site: Site) -> None:
    site.oar.add_jobs(1, state="Terminated")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "arc_lrms_oar", "query", "1", "--config", str(site.ce.conf)],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=False,
        )
    finally:
        os.close(writer)
    assert "Traceback" not in done.stderr
    assert done.returncode != 0


@pytest.mark.parametrize("jobs", [1, 500])
def test_full_disk_under_the_output(site: Site, jobs: int) -> None:
    """The output fits into the buffer of stdout, or does not."""
    ids = site.oar.add_jobs(jobs, state="Terminated")
    words = ["query", *map(str, ids), "--config", str(site.ce.conf)]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "arc_lrms_oar", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            check=False,
        )
    said = "cannot write the output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, said)


def test_unexpected_error_is_one_line_with_its_place(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("arc_lrms_oar.commands.submit.submit", fail)
    assert cli.main(["submit", "--config", str(site.ce.conf), "grami"]) == 1
    out, err = capsys.readouterr()
    assert out == err
    start = f"internal error of arc_lrms_oar {__version__}: ZeroDivisionError: two lines ("
    assert err.startswith(start)
    assert re.fullmatch(r".*test_cli\.py, line \d+\)\n", err)


def test_keyboard_interrupt(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("arc_lrms_oar.commands.submit.submit", interrupt)
    assert cli.main(["submit", "--config", str(site.ce.conf), "grami"]) == 130


def test_ignored_sigchld_is_reset(site: Site) -> None:
    """With SIGCHLD ignored the exit status of OAR's commands would be lost."""
    site.oar.add_jobs(1, state="Terminated")
    script = (
        "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); "
        "os.execv(sys.executable, [sys.executable, '-m', 'arc_lrms_oar', *sys.argv[1:]])"
    )
    done = run(["-c", script, "query", "--config", site.ce.conf, "1"], site.ce.place)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Terminated" in done.stdout


def test_umask_denies_access_to_others(site: Site) -> None:
    os.umask(0)
    cli.main(["query", "--config", str(site.ce.conf), "1"])
    assert os.umask(0o022) == 0o077


def test_leave_runs_the_functions_of_atexit() -> None:
    """One of them closes the ssh connection."""
    script = (
        "import atexit, os; from arc_lrms_oar.entrypoint import leave; "
        "atexit.register(os.write, 1, b'closed'); leave(3)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, b"closed", b"")
