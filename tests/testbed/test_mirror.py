"""Debian mirror and settings from the apt configuration of the host."""

from __future__ import annotations

from pathlib import Path

import pytest
from bed import BedError
from bed.mirror import (
    MIRROR_ENV,
    Source,
    choose,
    debian_mirror,
    parse_apt_config,
    parse_deb822,
    parse_one_line,
    read_sources,
    resolve,
)

DEB822 = """\
# the main archive
Types: deb deb-src
URIs: http://mirror.example.org/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://security.example.org/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example.org/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://src.example.org/debian
Suites: bookworm
Components: main
"""


def test_deb822_yields_each_suite_of_enabled_sources() -> None:
    assert list(parse_deb822(DEB822)) == [
        Source("http://mirror.example.org/debian", "bookworm", ("main", "contrib")),
        Source("http://mirror.example.org/debian", "bookworm-updates", ("main", "contrib")),
        Source("http://security.example.org/debian-security", "bookworm-security", ("main",)),
    ]


def test_deb822_folded_fields_with_a_comment_between() -> None:
    text = (
        "Types: deb\nURIs:\n http://a.example.org/debian\n# other\n http://b.example.org/debian\n"
    )
    found = list(parse_deb822(text + "Suites: stable\nComponents:\n main\n"))
    assert [source.uri for source in found] == [
        "http://a.example.org/debian",
        "http://b.example.org/debian",
    ]
    assert found[0].components == ("main",)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "deb http://m.example.org/debian trixie main non-free",
            [Source("http://m.example.org/debian", "trixie", ("main", "non-free"))],
        ),
        (
            "deb [arch=amd64 signed-by=/k.gpg] http://m.example.org/debian/ sid main # why",
            [Source("http://m.example.org/debian/", "sid", ("main",))],
        ),
        ("deb-src http://m.example.org/debian trixie main", []),
        ("# deb http://m.example.org/debian trixie main", []),
        ("", []),
    ],
)
def test_one_line(line: str, expected: list[Source]) -> None:
    assert list(parse_one_line(line)) == expected


def test_updates_other_archives_and_discs_are_not_chosen() -> None:
    sources = [
        Source("cdrom:[Debian 12]/", "bookworm", ("main",)),
        Source("http://security.example.org/debian-security", "bookworm-security", ("main",)),
        Source("https://vendor.example.org/apt", "tool-bookworm", ("main",)),
        Source("https://vendor.example.org/deb", "stable", ("tool",)),
        Source("http://m.example.org/debian/", "bookworm", ("main",)),
    ]
    assert choose(sources) == "http://m.example.org/debian"
    assert choose(sources[:4]) is None


def test_only_files_that_apt_reads_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    line = "deb http://{}.example.org/debian bookworm main\n"
    (tmp_path / "sources.list").write_text(line.format("a"))
    (folder / "b.list").write_text(line.format("b"))
    (folder / "c.list.disabled").write_text(line.format("c"))
    (folder / "d.sources").write_text(DEB822)
    hosts = [source.uri for source in read_sources(tmp_path)]
    assert hosts[:2] == ["http://a.example.org/debian", "http://b.example.org/debian"]
    assert hosts[2] == "http://mirror.example.org/debian"
    assert not any("c.example" in uri for uri in hosts)


def test_mirror_file_is_resolved_to_its_first_mirror(tmp_path: Path) -> None:
    listing = tmp_path / "debian.list"
    listing.write_text("# mirrors\n\nhttps://m.example.org/debian/\tpriority:1\n")
    assert resolve(f"mirror+file:{listing}") == "https://m.example.org/debian"
    assert resolve(f"mirror+file://{listing}") == "https://m.example.org/debian"
    assert resolve("http://m.example.org/debian") == "http://m.example.org/debian"


def test_empty_mirror_file_is_an_error(tmp_path: Path) -> None:
    listing = tmp_path / "debian.list"
    listing.write_text("# none\n")
    with pytest.raises(BedError, match="no mirror is listed"):
        resolve(f"mirror+file:{listing}")


def test_environment_overrides_apt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR_ENV, "http://mine.example.org/debian")
    assert debian_mirror() == "http://mine.example.org/debian"


def test_missing_debian_archive_is_an_error_with_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(MIRROR_ENV, raising=False)
    monkeypatch.setattr("bed.mirror.read_sources", lambda: iter(()))
    with pytest.raises(BedError, match=MIRROR_ENV):
        debian_mirror()


def test_only_proxies_certificates_and_dates_of_apt_config_are_used() -> None:
    dump = """\
APT::Architecture "amd64";
Acquire::http::Proxy "http://proxy.example.org:3128";
Acquire::https::CAInfo "/etc/ssl/own.pem";
Acquire::Check-Valid-Until "false";
Acquire::Retries "";
Acquire::IndexTargets::deb::Packages::MetaKey "x";
Acquire::Languages:: "none";
"""
    assert parse_apt_config(dump) == {
        "Acquire::http::Proxy": "http://proxy.example.org:3128",
        "Acquire::https::CAInfo": "/etc/ssl/own.pem",
        "Acquire::Check-Valid-Until": "false",
    }
