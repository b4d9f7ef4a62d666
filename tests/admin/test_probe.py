"""doctor's probe jobs: their findings, and that nothing is left behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from standin import Standin
from support.ce import Ce
from support.oar_site import Site

from arc_lrms_oar.admin import probe as probing
from arc_lrms_oar.admin.findings import Finding
from arc_lrms_oar.admin.mapped_users import Account, own_account
from arc_lrms_oar.admin.probe import probe

Probe = Callable[..., list[Finding]]


@pytest.fixture
def site(place: Path, oar: Standin) -> Site:
    return Site(Ce(place), oar)


def user() -> Account:
    """Another user if this is root; system users have a shell that refuses logins."""
    return Account("somebody", 4242, 4242) if own_account().uid == 0 else own_account()


def send(site: Site, *queues: str) -> list[Finding]:
    """Probe the queues; nothing may be left behind."""
    wanted = queues or ("default",)
    found = list(probe(site.settings(), wanted, [user()], str(site.ce.sessions), lambda _: None))
    assert list(site.ce.sessions.iterdir()) == []
    return found


def shown(found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.level, finding.check) for finding in found]


NAME = "probe of queue default as "


def test_probe_prints_nothing(site: Site, capfd: pytest.CaptureFixture[str]) -> None:
    """Not the job script either, which a submission writes for A-REX."""
    send(site)
    assert capfd.readouterr() == ("", "")


def test_healthy_queues(site: Site) -> None:
    site.configure("", lrms="gnu_time=/usr/bin/time")
    found = send(site, "default", "besteffort")
    assert [finding.level for finding in found if finding.check != "GNU time"] == ["ok"] * 4
    assert found[0].check == f"{NAME}{user().name}"
    assert found[0].message.startswith("OAR job 1 ran on ")
    (argv, other) = site.submitted()
    assert argv[argv.index("-q") + 1] == "default"
    assert other[other.index("-q") + 1] == "besteffort"
    assert argv[argv.index("-l") + 1] == "/core=1,walltime=0:1:0"
    assert {call.uid for call in site.oar.calls("oarsub")} == {user().uid}


TIME = """\
#!/bin/sh
[ "$1" = --version ] && echo "%s" && exit
while :; do case "$1" in -a) shift;; -o|-f) shift 2;; *) break;; esac; done
exec "$@"
"""


def test_gnu_time(site: Site) -> None:
    program = site.ce.place / "time"
    program.write_text(TIME % "time (GNU Time) 1.9")
    program.chmod(0o755)
    site.configure("", lrms=f"gnu_time={program}")
    assert send(site)[1].message.startswith(f"{program} on ")
    program.write_text(TIME % "busybox")
    finding = send(site)[1]
    assert (finding.level, finding.check) == ("warn", "GNU time")
    assert finding.message.endswith(f" has no GNU time at {program}")


def test_refused(site: Site) -> None:
    site.oar.set("admission_refusal", "not for you")
    found = send(site, "default", "admin")
    assert [(one.level, one.message) for one in found] == [
        ("FAIL", "OAR refused the job: not for you")
    ] * 2


def test_job_that_fails(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The job still runs at the end of its wall time, however fast this machine is."""
    monkeypatch.setattr(probing, "_PROGRAM", "exec sleep 600")
    site.oar.set("walltime_factor", 0)
    found = send(site)
    assert shown(found) == [("FAIL", f"{NAME}{user().name}")]
    assert "walltime" in found[0].message


def test_job_that_does_not_start(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is deleted."""
    monkeypatch.setattr(probing, "LONGEST_WAIT", 0.0)
    site.oar.set("autorun", 0)
    found = send(site)
    assert shown(found) == [("warn", f"{NAME}{user().name}")]
    assert found[0].message.startswith("OAR job 1 has not ended within 0 s: Waiting")
    assert site.argvs("oardel") == [["oardel", "1"]]


def test_session_directory_that_the_node_does_not_share(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "_FILE_TIMEOUT", 0.0)
    monkeypatch.setattr(probing, "read_start", lambda *_: None)
    (finding,) = send(site)
    assert finding.level == "FAIL"
    assert " is missing here" in finding.message
    assert finding.cure.startswith("put the session directory on a file system")


@pytest.mark.parametrize(("shift", "way"), [(100, "behind"), (-100, "ahead of")])
def test_clocks(site: Site, monkeypatch: pytest.MonkeyPatch, shift: int, way: str) -> None:
    real = time.time
    monkeypatch.setattr("arc_lrms_oar.admin.probe.time.time", lambda: real() + shift)
    finding = send(site)[-1]
    assert (finding.level, finding.check) == ("warn", "clocks")
    assert f" s {way} " in finding.message


def test_oar_becomes_unavailable(site: Site) -> None:
    site.oar.set("autorun", 0)
    site.oar.set("fail_times", "oarstat:99:25:DB connection error")
    found = send(site)
    assert shown(found) == [("FAIL", "probe"), ("warn", f"{NAME}{user().name}")]
    assert site.argvs("oardel") == [["oardel", "1"]]


def test_interrupted(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The running job is ended before its files are removed, as it writes until then."""
    monkeypatch.setattr(probing, "_PROGRAM", "while :; do echo >file; done")
    left = [KeyboardInterrupt]

    def interrupt(_: float) -> None:
        if left and site.oar.job(1)["state"] == "Running":
            raise left.pop()

    with pytest.raises(KeyboardInterrupt):
        list(probe(site.settings(), ["default"], [user()], str(site.ce.sessions), interrupt))
    assert site.argvs("oardel") == [["oardel", "1"]]
    assert list(site.ce.sessions.iterdir()) == []
    assert site.oar.job(1)["state"] == "Error"
