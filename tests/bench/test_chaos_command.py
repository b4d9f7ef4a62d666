"""The command line of bench/chaos, as far as it needs no testbed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from chaos_plan import Plan, lines_of, make_plan
from chaos_records import Records
from chaos_saved import Saved

CHAOS = Path(__file__).resolve().parents[2] / "bench/chaos"


def chaos(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CHAOS), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_plan_is_printed() -> None:
    done = chaos("--plan", "--minutes", "2", "--seed", "7")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == lines_of(make_plan(2, 7))


def test_stored_run_is_checked_again(tmp_path: Path) -> None:
    path = tmp_path / "records.json"
    plan = Plan(1.0, 1, (), ())
    Saved("bookworm", plan, (), Records([], [])).store(path)
    assert chaos("--check", str(path)).returncode == 0
    Saved("bookworm", plan, (), Records([], [], {}, ["/x"])).store(path)
    done = chaos("--check", str(path))
    assert (done.returncode, done.stderr) == (1, "")
    assert "left behind: /x" in done.stdout
