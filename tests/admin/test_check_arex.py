"""doctor's checks of A-REX: heartbeat, configuration, control directory, RTEs, metrics file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.oar_site import Site
from support.users import needs_root

from arc_lrms_oar.admin import check_arex
from arc_lrms_oar.admin.as_user import run_as
from arc_lrms_oar.admin.findings import Finding, ok
from arc_lrms_oar.admin.mapped_users import find_account
from arc_lrms_oar.arex.config import parse_blocks
from arc_lrms_oar.settings import Settings

GOOD = "[lrms]\nlrms=OAR\n[queue:default]\n[custom:oar]\n"


def bad(found: Iterator[Finding]) -> list[tuple[str, str, str]]:
    return [(one.level, one.check, one.message) for one in found if one.level != "ok"]


def running(path: Path, text: str = GOOD) -> Finding:
    settings = Settings(control_dir=str(path))
    (finding,) = check_arex.check_running("arc.conf", parse_blocks(text, "arc.conf"), settings)
    return finding


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An A-REX that runs with GOOD; the path is its runtime configuration."""
    config = tmp_path / "arched-arex.cfg"
    config.write_text(GOOD)
    (tmp_path / "gm-heartbeat").touch()
    monkeypatch.setattr(check_arex, "RUNTIME_CONFIG", str(config))
    return config


def test_arex_runs_with_another_configuration(started: Path) -> None:
    path = started.parent
    assert running(path, GOOD + "[infosys]\nloglevel=5\n") == ok(
        "A-REX", "runs with the current arc.conf"
    )
    changed = running(path, GOOD + "project=x\n[queue:new]\n[lrms/ssh]\n[infosys/cluster]\n")
    assert (changed.level, changed.message) == (
        "warn",
        "[custom:oar], [infosys/cluster], [lrms/ssh], [queue:new] in arc.conf changed since A-REX"
        " was started",
    )
    assert changed.cure == "run: systemctl restart arc-arex arc-arex-ws"


def test_arex_that_was_never_started(started: Path) -> None:
    started.unlink()
    finding = running(started.parent)
    assert finding.message == f"it is not running: {started} does not exist"
    assert finding.cure == "run: systemctl start arc-arex arc-arex-ws"


def test_arex_that_has_died(started: Path) -> None:
    """Its runtime configuration is left behind; the watchdog's limit is 3 periods and 300 s."""
    heartbeat = started.parent / "gm-heartbeat"
    started.write_text(GOOD + "[arex]\nwakeupperiod=100\n")
    now = time.time()
    os.utime(heartbeat, (now - 590, now - 590))
    assert running(started.parent, started.read_text()).level == "ok"
    os.utime(heartbeat, (now - 1800, now - 1800))
    finding = running(started.parent)
    assert finding.level == "FAIL"
    assert finding.message == f"it is not running: {heartbeat} was last written 30 min ago"
    heartbeat.unlink()
    assert running(started.parent).message.endswith("gm-heartbeat: No such file or directory")


@needs_root
def test_ordinary_user_who_may_not_see_arex(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is no failure of A-REX."""
    nobody = find_account("nobody")
    assert nobody is not None
    (place / "control").mkdir(mode=0o700)
    (place / "control" / "gm-heartbeat").touch()
    config = place / "arched-arex.cfg"
    config.write_text(GOOD)
    monkeypatch.setattr(check_arex, "RUNTIME_CONFIG", str(config))

    def found() -> tuple[str, str]:
        finding = running(place / "control")
        return finding.level, finding.message

    heartbeat = place / "control" / "gm-heartbeat"
    assert run_as(nobody, found) == [
        "ok",
        f"not checked: {heartbeat}: Permission denied",
    ]
    config.chmod(0o600)
    assert run_as(nobody, found) == [
        "ok",
        f"not checked: {config}: cannot read the ARC configuration: Permission denied",
    ]


def test_control_directory(site: Site) -> None:
    settings = site.settings()
    assert bad(check_arex.check_control_dir(settings)) == []
    site.ce.control.chmod(0o775)
    assert bad(check_arex.check_control_dir(settings)) == [
        ("FAIL", "control directory", f"{site.ce.control} is writable for other users")
    ]
    ((_, _, text),) = bad(
        check_arex.check_control_dir(settings._replace(control_dir=str(site.ce.place)))
    )
    assert text.endswith(" is not a control directory: it has no processing/")


def test_runtime_environments(site: Site) -> None:
    settings = site.settings()
    assert bad(check_arex.check_runtime_environments(settings)) == []
    script = site.ce.place / "PROXY"
    script.touch()
    for kind in ("enabled", "default"):
        link = site.ce.control / "rte" / kind / "ENV" / "PROXY"
        link.parent.mkdir(parents=True)
        link.symlink_to(script)
    assert bad(check_arex.check_runtime_environments(settings)) == []
    script.unlink()
    found = list(check_arex.check_runtime_environments(settings))
    assert [(one.level, one.message) for one in found] == [
        ("FAIL", f"ENV/PROXY is enabled, but its file {script} does not exist"),
        ("FAIL", f"ENV/PROXY is default, but its file {script} does not exist"),
    ]
    assert found[1].cure.endswith("arcctl rte undefault ENV/PROXY")


def test_metrics_file(tmp_path: Path) -> None:
    assert list(check_arex.check_metrics_file(Settings())) == []
    settings = Settings(metrics_file=str(tmp_path / "gone" / "oar.prom"))
    ((level, check, text),) = bad(check_arex.check_metrics_file(settings))
    assert (level, check) == ("warn", "metrics")
    assert text == f"the directory of metrics_file, {tmp_path}/gone, does not exist"
    (tmp_path / "gone").mkdir()
    assert bad(check_arex.check_metrics_file(settings)) == []
