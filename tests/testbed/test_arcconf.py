"""Templates of arc.conf."""

from __future__ import annotations

from pathlib import Path

import pytest
from bed import BedError
from bed.arcconf import CONTROLDIR, DEFAULT_TEMPLATE, controldir, has_block, read_template, render


def test_default_template_has_no_unknown_names() -> None:
    conf = render(DEFAULT_TEMPLATE.read_text())
    settings = [line for line in conf.splitlines() if not line.startswith("#")]
    assert not any("@" in line for line in settings)
    assert "map_to_user = all griduser:griduser" in settings
    assert "wsurl = https://localhost:8443/arex" in settings
    for block in ("lrms", "arex/ws/jobs", "queue:default", "queue:long", "custom:oar"):
        assert has_block(conf, block)


def test_other_at_signs_are_kept() -> None:
    text = "mail = root@localhost\nx = @UNKNOWN@ $HOME @HOSTNAME@\n"
    assert render(text) == "mail = root@localhost\nx = @UNKNOWN@ $HOME testbed.localdomain\n"


def test_block_is_found_by_its_full_name() -> None:
    assert not has_block("[arex/ws/jobs]\n# [arex/ws]\n", "arex/ws")
    assert has_block("x=1\n [arex/ws]\n", "arex/ws")


@pytest.mark.parametrize(
    ("conf", "expected"),
    [
        ("[arex]\ncontroldir = /a/b\n", "/a/b"),
        ('[arex]\ncontroldir="/a/b"\n', "/a/b"),
        ("[arex]\n#controldir=/a/b\n", CONTROLDIR),
    ],
)
def test_controldir(conf: str, expected: str) -> None:
    assert controldir(conf) == expected


def test_unreadable_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(BedError, match="nothing-here"):
        read_template(tmp_path / "nothing-here")
