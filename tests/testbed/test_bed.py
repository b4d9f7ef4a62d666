"""The parts of the testbed that need neither root nor a running testbed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bed import SUITES, Bed, BedError
from bed.cli import EXIT_DOWN, EXIT_FAILED, main
from bed.layout import CACHE_ENV, STATE_ENV, State, locked
from bed.logs import NAMES, files
from bed.messages import tail_of
from bed.namespace import Bind, Namespace
from bed.roots import recipe_hash, root_dir
from bed.suites import suite_named


@pytest.fixture(autouse=True)
def directories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_ENV, str(tmp_path / "cache"))
    monkeypatch.setenv(STATE_ENV, str(tmp_path / "state"))


def test_root_is_named_after_its_recipe(tmp_path: Path) -> None:
    hashes = {recipe_hash(suite) for suite in SUITES.values()}
    assert len(hashes) == len(SUITES)
    root = root_dir(SUITES["bookworm"])
    assert root.parent == tmp_path / "cache"
    assert root.name == f"bookworm-{recipe_hash(SUITES['bookworm'])}"


def test_unknown_suite_is_refused_with_a_list_of_suites() -> None:
    with pytest.raises(BedError, match=r"unknown suite 'potato'.*bookworm"):
        suite_named("potato")


def test_state_file_and_a_damaged_one(tmp_path: Path) -> None:
    state = State("up", "/root", "/checkout", "/conf")
    state.save(tmp_path)
    assert State.load(tmp_path) == state
    (tmp_path / "state.json").write_text("{")
    assert State.load(tmp_path) is None


def test_lock_held_by_another_process_is_named(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"
    busy = pytest.raises(BedError, match="busy with the bed")
    with locked(path, "the bed"), busy, locked(path, "the bed", timeout=0.1):
        pass


def test_reused_pid_is_not_taken_for_the_testbed(tmp_path: Path) -> None:
    (tmp_path / "init.json").write_text(f'{{"pid": {os.getpid()}, "born": "1"}}')
    inside = Namespace(tmp_path)
    assert inside.pid() is None
    with pytest.raises(BedError, match="testbed up"):
        inside.path("/etc/passwd")


def test_testbed_is_not_up() -> None:
    bed = Bed("bookworm")
    assert not bed.is_up()
    assert not bed.status().up


def test_unknown_services_and_actions_are_refused() -> None:
    with pytest.raises(BedError, match="services are arex, oar, postgres, sshd"):
        Bed("bookworm").service("httpd", "start")
    with pytest.raises(BedError, match="actions start, stop, restart, kill"):
        Bed("bookworm").service("oar", "reload")


def test_unknown_log_is_refused_with_a_list_of_logs(tmp_path: Path) -> None:
    assert {"arex", "scan", "errors", "infoprovider", "oar"} <= set(NAMES)
    with pytest.raises(BedError, match="choose one of arex"):
        files(Namespace(tmp_path), "syslog")


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (["run", "--", "true"], EXIT_FAILED, "not up"),
        (["run"], EXIT_FAILED, "needs a command"),
        (["run", "--env", "X", "true"], EXIT_FAILED, "NAME=VALUE"),
        (["log", "arex"], EXIT_FAILED, "not up"),
        (["up", "--suite", "potato"], EXIT_FAILED, "unknown suite"),
        (["service", "oar", "start"], EXIT_FAILED, "not up"),
        (["connect"], EXIT_FAILED, "not up"),
        (["reset"], EXIT_FAILED, "not up"),
        (["log", "-f", "arex"], EXIT_FAILED, "not up"),
        (["up", "-v", "/nonexistent:/mnt"], EXIT_FAILED, "HOST:INSIDE[:ro]"),
        (["up", "--cores", "0"], EXIT_FAILED, "at least 1"),
    ],
)
def test_errors_are_one_line(
    argv: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_status_of_a_stopped_testbed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == EXIT_DOWN
    assert capsys.readouterr().out == "bookworm: down\n"


def test_tail_drops_blank_lines() -> None:
    assert tail_of("a\n\n b\n\nc\n", 2) == " b\nc"


def test_directories_of_the_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    assert Bind.parse("own:/srv/own") == Bind(f"{tmp_path}/own", "/srv/own", read_only=False)
    only_read = Bind.parse(f"{tmp_path}/own:/srv/own:ro")
    assert only_read == Bind(f"{tmp_path}/own", "/srv/own", read_only=True)
    assert Bind.parse(str(only_read)) == only_read
    for wrong in ("own", "own:srv", "none:/srv/own"):
        with pytest.raises(BedError, match=f"-v {wrong}: expected HOST:INSIDE"):
            Bind.parse(wrong)
