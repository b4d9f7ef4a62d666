"""`drain`: A-REX's session directories are drained in arc.conf, and what is left is shown."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from support.oar_site import Site

from arc_lrms_oar.admin import drain as module
from arc_lrms_oar.admin.drain import MARK, change, drained, is_draining, show, undrained
from arc_lrms_oar.arex.config import load, parse_blocks
from arc_lrms_oar.errors import ConfigError

CONF = """[common]
[arex]
controldir = /control
sessiondir = /one
# sessiondir = /comment
sessiondir = /two drain
  sessiondir="/three"
[custom:other]
sessiondir = /not/arex
"""
DRAINED = f"""[common]
[arex]
controldir = /control
{MARK}sessiondir = /one drain
# sessiondir = /comment
sessiondir = /two drain
{MARK}  sessiondir=/three drain
[custom:other]
sessiondir = /not/arex
"""


def lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def test_every_session_directory_is_drained() -> None:
    assert "".join(drained(lines(CONF))) == DRAINED
    assert drained(lines(DRAINED)) == lines(DRAINED)


def test_a_ce_with_one_directory_left_does_not_drain() -> None:
    one_left = parse_blocks("[arex]\nsessiondir=/one drain\nsessiondir=/two\n", "arc.conf")
    assert not is_draining(one_left)
    assert is_draining(parse_blocks(DRAINED, "arc.conf"))


def test_only_what_was_changed_is_changed_back() -> None:
    assert "".join(undrained(lines(DRAINED))) == CONF.replace('"', "")
    assert undrained(lines(CONF)) == lines(CONF)


def test_line_without_an_end() -> None:
    assert drained(["[arex]\r\n", "sessiondir=/a"]) == ["[arex]\r\n", MARK, "sessiondir=/a drain"]


def test_no_session_directory() -> None:
    with pytest.raises(ConfigError, match=r"\[arex\] of arc.conf has no sessiondir"):
        drained(lines("[arex]\n[lrms]\nsessiondir = /a\n"))


def test_start_and_stop(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    conf = site.ce.conf
    conf.chmod(0o640)
    before = conf.read_bytes()
    assert change(str(conf), start=True, dry_run=True) == 0
    assert conf.read_bytes() == before
    shown = f"{conf}: sessiondir={site.ce.sessions} drain\n"
    assert capsys.readouterr().out == shown
    assert change(str(conf), start=True, dry_run=False) == 0
    out = capsys.readouterr().out
    assert out.startswith(shown)
    assert "has been restarted: systemctl restart arc-arex arc-arex-ws" in out
    assert load(str(conf)).session_dirs == (str(site.ce.sessions),)
    assert conf.stat().st_mode & 0o777 == 0o640
    change(str(conf), start=True, dry_run=False)
    assert capsys.readouterr().out == f"{conf} drains already\n"
    assert change(str(conf), start=False, dry_run=False) == 0
    assert conf.read_bytes() == before
    capsys.readouterr()
    change(str(conf), start=False, dry_run=False)
    assert "has nothing that `drain --start` has changed" in capsys.readouterr().out


def test_link_stays_a_link(site: Site, tmp_path: Path) -> None:
    link = tmp_path / "arc.conf"
    link.symlink_to(site.ce.conf)
    change(str(link), start=True, dry_run=False)
    assert link.is_symlink()
    assert MARK in site.ce.conf.read_text()


def test_cannot_be_written(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module, "atomic_write", fail)
    with pytest.raises(ConfigError, match="cannot write it: Permission denied"):
        change(str(site.ce.conf), start=True, dry_run=False)


def test_what_is_left(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    running = site.ce.place / "running.conf"
    monkeypatch.setattr(module, "RUNTIME_CONFIG", str(running))
    conf = str(site.ce.conf)
    running.write_bytes(site.ce.conf.read_bytes())
    now = int(time.time())
    site.running("a" * 12, start_time=now - 10, walltime=600)
    site.running("b" * 12, state="Waiting", scheduled=now + 9000, walltime=600)
    change(conf, start=True, dry_run=False)
    capsys.readouterr()
    assert show(conf, as_json=False) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"{conf}: drains"
    assert out[1].startswith("The running A-REX accepts new jobs: it has to be restarted (")
    assert out[2] == "2 jobs are left: 1 Running, 1 Waiting"
    assert out[3].startswith("The last of those that run ends at ")
    running.write_bytes(site.ce.conf.read_bytes())
    show(conf, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["draining"] is found["running_drains"] is True
    assert (found["jobs_left"], found["last_end"]) == (2, now + 590)


def test_empty(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    change(str(site.ce.conf), start=True, dry_run=False)
    show(str(site.ce.conf), as_json=False)
    assert capsys.readouterr().out.endswith("0 jobs are left\nThe CE is empty.\n")
    assert os.listdir(site.ce.place).count("arc.conf") == 1
