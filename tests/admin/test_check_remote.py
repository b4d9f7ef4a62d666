"""doctor's check of the ssh connection to OAR's machine: one finding for each reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.fake_ssh import FakeSsh
from support.users import needs_root

from arc_lrms_oar.admin.check_remote import check_ssh
from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.admin.mapped_users import find_account, own_account
from arc_lrms_oar.oar import ssh as module
from arc_lrms_oar.settings import Settings

CHECK = "ssh to oar.example"
FAILED = "the connection to oar.example failed: "


@pytest.fixture
def key(place: Path) -> Path:
    key = place / "key"
    key.write_text("key")
    key.chmod(0o600)
    return key


@pytest.fixture
def settings(key: Path) -> Settings:
    return Settings(
        remote_host="oar.example", remote_user="griduser", private_key=str(key), bin_path="/none"
    )


def answering(place: Path, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    """An ssh that ends with this error."""
    fake = place / "refuse"
    fake.write_text(f"#!/bin/sh\necho '{line}' >&2\nexit 255\n")
    fake.chmod(0o755)
    monkeypatch.setattr(module, "SSH", str(fake))


def alone(settings: Settings, foreign: bool = False) -> Finding:
    (finding,), reached = check_ssh(settings, [own_account()], foreign)
    assert (reached == [own_account()]) is (finding.level == "ok")
    return finding


def test_login_works(settings: Settings, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SSH", str(FakeSsh(place / "ssh").path))
    name = own_account().name
    assert alone(settings) == ok(CHECK, f"{name} can log in as griduser")


@pytest.mark.parametrize(
    ("line", "cure"),
    [
        (
            "griduser@oar.example: Permission denied (publickey).",
            "add what `ssh-keygen -y -f KEY` prints to .ssh/authorized_keys of griduser on "
            "oar.example, or correct private_key or remote_user in [custom:oar]",
        ),
        (
            "Host key verification failed.",
            "run: ssh-keyscan oar.example >>/etc/ssh/ssh_known_hosts; "
            "compare the keys with those in /etc/ssh on oar.example",
        ),
        (
            "ssh: Could not resolve hostname oar.example: Name or service not known",
            "correct remote_host in [custom:oar], or add oar.example to DNS or /etc/hosts",
        ),
        (
            "ssh: connect to host oar.example port 22: No route to host",
            "make this work as griduser and as root: ssh -v -i KEY -l griduser oar.example true",
        ),
    ],
)
def test_refused(
    settings: Settings, place: Path, monkeypatch: pytest.MonkeyPatch, line: str, cure: str
) -> None:
    answering(place, monkeypatch, line)
    name = own_account().name
    cure = cure.replace("KEY", settings.private_key)
    assert alone(settings) == fail(CHECK, f"as {name}: {FAILED}{line}", cure)
    # An ordinary user who is not the one of the jobs needs no login.
    assert alone(settings, foreign=True) == warn(
        CHECK,
        f"not checked: not possible as {name}: {FAILED}{line}",
        "run doctor as root or as griduser",
    )
    assert alone(settings._replace(remote_user=name), foreign=True).level == "FAIL"


def test_key_that_does_not_exist(settings: Settings, key: Path) -> None:
    key.unlink()
    assert alone(settings) == fail(
        CHECK,
        f"as {own_account().name}: cannot read the private key {key}: No such file or directory",
        f"create the key {key}, or correct private_key in [custom:oar]",
    )


def test_key_that_others_can_use(settings: Settings, key: Path) -> None:
    key.chmod(0o640)
    finding = alone(settings)
    assert finding.message.endswith(
        f"ssh ignores the private key {key}: others can use it (mode 640)"
    )
    assert finding.cure.startswith(f"run: chown griduser {key} && chmod 600 {key}; ")


@needs_root
def test_key_that_the_user_cannot_read(
    settings: Settings, key: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key belongs to root, who can log in."""
    monkeypatch.setattr(module, "SSH", str(FakeSsh(place / "ssh").path))
    nobody, root = find_account("nobody"), own_account()
    assert nobody is not None
    found, reached = check_ssh(settings, [nobody, root], foreign=False)
    assert found == [
        fail(
            CHECK,
            f"as nobody: cannot read the private key {key}: Permission denied",
            f"run: chown griduser {key} && chmod 600 {key}; griduser must reach its directory",
        ),
        ok(CHECK, "root can log in as griduser"),
    ]
    assert reached == [root]


@needs_root
def test_one_finding_for_all_users(
    settings: Settings, key: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(place, monkeypatch, "Host key verification failed.")
    key.chmod(0o600)
    nobody = find_account("nobody")
    assert nobody is not None
    os.chown(key, nobody.uid, nobody.gid)
    found, reached = check_ssh(settings, [nobody, own_account()], foreign=False)
    assert ([one.message for one in found], reached) == (
        [f"as nobody, root: {FAILED}Host key verification failed."],
        [],
    )
