"""The parts of a bed that need neither root nor a running bed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bed import SUITES, Bed, BedError
from bed.cli import EXIT_DOWN, EXIT_FAILED, main
from bed.layout import CACHE_ENV, STATE_ENV, State, locked
from bed.logs import NAMES, files
from bed.namespace import Namespace
from bed.report import tail_of
from bed.roots import recipe_hash, root_dir
from bed.suites import suite_named


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_ENV, str(tmp_path / "cache"))
    monkeypatch.setenv(STATE_ENV, str(tmp_path / "state"))


def test_the_root_s_name_depends_on_the_recipe_and_not_on_what_runs(tmp_path: Path) -> None:
    hashes = {recipe_hash(suite) for suite in SUITES.values()}
    assert len(hashes) == len(SUITES)
    root = root_dir(SUITES["bookworm"])
    assert root.parent == tmp_path / "cache"
    assert root.name == f"bookworm-{recipe_hash(SUITES['bookworm'])}"


def test_an_unknown_suite_is_refused_with_the_known_ones() -> None:
    with pytest.raises(BedError, match=r"unknown suite 'potato'.*bookworm"):
        suite_named("potato")


def test_state_survives_and_rubbish_counts_as_none(tmp_path: Path) -> None:
    state = State("up", "/root", "/checkout", "/conf")
    state.save(tmp_path)
    assert State.load(tmp_path) == state
    (tmp_path / "state.json").write_text("{")
    assert State.load(tmp_path) is None


def test_a_lock_that_another_holds_is_named(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"
    busy = pytest.raises(BedError, match="busy with the bed")
    with locked(path, "the bed"), busy, locked(path, "the bed", patience=0.1):
        pass


def test_a_number_that_is_another_process_by_now_is_not_the_bed(tmp_path: Path) -> None:
    (tmp_path / "init.json").write_text(f'{{"pid": {os.getpid()}, "born": "1"}}')
    inside = Namespace(tmp_path)
    assert inside.pid() is None
    with pytest.raises(BedError, match="testbed up"):
        inside.path("/etc/passwd")


def test_nothing_is_up() -> None:
    bed = Bed("bookworm")
    assert not bed.is_up()
    assert not bed.status().up


def test_services_and_actions_are_checked_before_anything_is_done() -> None:
    with pytest.raises(BedError, match="services are arex, oar, postgres, sshd"):
        Bed("bookworm").service("httpd", "start")
    with pytest.raises(BedError, match="actions start, stop, restart, kill"):
        Bed("bookworm").service("oar", "reload")


def test_logs_have_names(tmp_path: Path) -> None:
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
    ],
)
def test_bad_input_gets_one_line(
    argv: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_status_of_what_is_down(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status"]) == EXIT_DOWN
    assert capsys.readouterr().out == "bookworm: down\n"


def test_tail_drops_blank_lines() -> None:
    assert tail_of("a\n\n b\n\nc\n", 2) == " b\nc"
