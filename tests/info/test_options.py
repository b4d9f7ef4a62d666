"""The options that A-REX's information provider passes."""

from __future__ import annotations

import io
import pwd
from pathlib import Path
from typing import Any

import pytest
from standin import Standin
from support.ce import NOBODY, Ce
from support.oar_site import Site
from support.published import check_schema
from support.scan_jobs import OTHER
from support.users import needs_root

from arc_lrms_oar.errors import ConfigError
from arc_lrms_oar.info.options import options_schema, read_options
from arc_lrms_oar.info.provider import lrms_info
from arc_lrms_oar.info.render import as_text
from arc_lrms_oar.settings import Settings


def test_options_as_perl_passes_them(site: Site) -> None:
    site.oar.add_jobs(1)
    options: dict[Any, Any] = {
        b"queues": {b"default": {b"users": [b"\xc3\xbc"]}},
        b"jobs": [b"1"],
        b"lrms": b"x",
    }
    info = lrms_info(site.settings(), site.client(), options)
    check_schema(info)
    assert list(info["queues"]["default"]["users"]) == ["ü"]
    assert info["jobs"]["1"]["status"] == "R"


def test_options_from_a_file_stdin_and_arc_conf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: Site
) -> None:
    path = tmp_path / "options"
    path.write_text('{"jobs": ["1"]}')
    assert read_options(str(path), Settings()) == {"jobs": ["1"]}
    monkeypatch.setattr("sys.stdin", io.StringIO('{"queues": {}}'))
    assert read_options("-", Settings()) == {"queues": {}}
    assert read_options(None, site.settings()) == {"queues": {"default": {"users": []}}, "jobs": []}


@needs_root
def test_without_options_the_jobs_are_those_of_the_control_directory(
    place: Path, oar: Standin
) -> None:
    site = Site(Ce(place, owner=NOBODY), oar)
    site.running()
    site.running(OTHER, "CANCELING", state="Waiting")
    site.ce.job("C" * 30)
    options = read_options(None, site.settings())
    assert options["queues"] == {"default": {"users": [pwd.getpwuid(NOBODY).pw_name]}}
    assert sorted(options["jobs"]) == ["1", "2"]
    info = lrms_info(site.settings(), site.client(), options)
    check_schema(info)
    assert [info["jobs"][job_id]["status"] for job_id in ("1", "2")] == ["R", "Q"]
    assert "grid jobs        1 Q, 1 R" in as_text(info).splitlines()


def test_without_options_and_without_a_control_directory(site: Site) -> None:
    settings = site.settings()._replace(control_dir=str(site.ce.place / "none"))
    assert read_options(None, settings) == {"queues": {"default": {"users": []}}, "jobs": []}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot read the provider's options: "),
        ("{", "cannot read the provider's options: "),
        ("[]", "expected the provider's options as a JSON object"),
    ],
)
def test_malformed_options(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "options"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        read_options(str(path), Settings())
    assert str(caught.value).startswith(f"{path}: {message}")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queues": ["default"]}, "queues: expected an object of objects"),
        ({"queues": {"default": None}}, "queues: expected an object of objects"),
        ({"queues": {"default": {"users": "a"}}}, "jobs and users: expected lists"),
        ({"jobs": "1"}, "jobs and users: expected lists"),
    ],
)
def test_options_of_another_shape(site: Site, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        lrms_info(site.settings(), site.client(), options)
    assert site.commands() == []


def test_schema_of_the_options() -> None:
    schema = options_schema()
    assert schema["queues"] == {"*": {"users": [""]}}
    assert schema["jobs"] == [""]
