"""OAR on another machine with a connection that breaks: exactly one OAR job for each grid job."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.ce import GRID_ID, JobFiles
from support.fake_ssh import FakeSsh
from support.oar_site import Site, listing
from support.submission_checks import JOB_NAME_QUERY, private_files, script_of

from arc_lrms_oar.admin.check_users import check_commands
from arc_lrms_oar.admin.mapped_users import own_account
from arc_lrms_oar.commands.cancel import CancelOutcome, cancel
from arc_lrms_oar.errors import OarRefused, OarUnavailable
from arc_lrms_oar.oar import ssh as module


@pytest.fixture
def ssh(place: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSsh:
    fake = FakeSsh(place / "ssh")
    monkeypatch.setattr(module, "SSH", str(fake.path))
    return fake


@pytest.fixture
def site(site: Site, place: Path, ssh: FakeSsh) -> Site:
    """A CE with session directories at another path, `there`, on the remote machine."""
    (place / "there").symlink_to(site.ce.sessions)
    remote(site, place / "there")
    return site


def remote(site: Site, sessions: Path) -> None:
    site.configure(
        f"remote_host=oar.example\nremote_user={site.ce.user}\nprivate_key=/key\n"
        f"remote_sessiondir={sessions}\ndialect=2\n"
    )


def one_job(site: Site, files: JobFiles) -> None:
    """One OAR job exists, A-REX has its job ID, it runs once, and its output arrives."""
    assert (files.local_id(), len(site.oar.jobs())) == ("1", 1)
    assert site.oar.wait(1)["exit_code"] == 0
    assert (files.session / "out").read_text() == "ran\n"


def writing_job(site: Site) -> JobFiles:
    return site.ce.job(executable="/bin/sh", arguments=["-c", "echo ran"], stdout="out")


def test_paths_of_the_remote_machine(site: Site, place: Path) -> None:
    files = writing_job(site)
    assert site.submit(files) == 1
    session = f"{place}/there/{GRID_ID}"
    script = script_of(files)
    (asked,) = site.submitted()
    assert asked[-7:] == [
        *["-d", session, "-O", f"{session}.comment", "-E", f"{session}.comment"],
        f"{session}/.arc_oar/{script.name}",
    ]
    text = script.read_text()
    assert f"RUNTIME_JOB_DIR='{session}'\n" in text
    assert f"RUNTIME_JOB_STDOUT='{session}/out'\n" in text
    assert str(files.session) not in text
    assert private_files(files) == ["script", "script"]
    one_job(site, files)


@pytest.mark.parametrize("mode", ["refused", "held", "mute", "cut out 0", "cut out 44"])
def test_connection_cut_in_a_submission(site: Site, ssh: FakeSsh, mode: str) -> None:
    """`cut out 44` is in the middle of the job ID, or before it."""
    files = writing_job(site)
    ssh.next(mode)
    assert site.submit(files) == 1
    assert site.argvs("oarstat") == [JOB_NAME_QUERY]
    one_job(site, files)


def test_id_cut_in_the_middle(site: Site, ssh: FakeSsh) -> None:
    site.oar.add_jobs(1, first_id=122, state="Terminated")
    files = writing_job(site)
    ssh.next("cut out -37")
    assert site.submit(files) == 123
    assert len(site.submitted()) == 1


def test_submission_that_the_network_holds_back(site: Site, ssh: FakeSsh) -> None:
    files = writing_job(site)
    ssh.next("held")
    site.submit(files)
    ssh.deliver()
    assert len(site.submitted()) == 1
    one_job(site, files)


def test_submission_held_back_until_there_is_no_job(site: Site, ssh: FakeSsh) -> None:
    files = writing_job(site)
    ssh.next("held", *["refused"] * 20)
    with pytest.raises(OarUnavailable, match=r"the connection to oar\.example failed: ssh: "):
        site.submit(files)
    assert private_files(files) == []
    ssh.deliver()
    assert site.submitted() == []


def test_abandoned_oarsub_is_waited_for(site: Site, ssh: FakeSsh) -> None:
    """Its database does not answer: it has not created its job yet, and may still do so."""
    files = writing_job(site)
    site.oar.set("db_down")
    ssh.next("left")
    retry = site.clock.retry()
    looks = []

    def sleep(seconds: float) -> None:
        site.clock.sleep(seconds)
        looks.append(len(site.submitted()))
        if len(looks) == 3:
            site.oar.clear("db_down")
            while not site.oar.jobs():
                pass

    retry.sleep = sleep
    assert site.submit(files, retry) == 1
    assert len(site.submitted()) == 1
    one_job(site, files)


def test_killed_while_oarsub_runs(site: Site, ssh: FakeSsh) -> None:
    """The next attempt finds the ticket in the journal."""
    files = writing_job(site)
    ssh.next("held", "refused")
    retry = site.clock.retry()

    def killed(_seconds: float) -> None:
        raise KeyboardInterrupt

    retry.sleep = killed
    with pytest.raises(KeyboardInterrupt):
        site.submit(files, retry)
    assert site.submit(files) == 1
    ssh.deliver()
    assert len(site.submitted()) == 1
    one_job(site, files)


def test_session_directory_that_is_not_shared(site: Site, place: Path) -> None:
    remote(site, place / "elsewhere")
    files = writing_job(site)
    with pytest.raises(OarRefused, match=r"^the session directory is not on oar\.example, or "):
        site.submit(files)
    assert (site.submitted(), files.local_id(), private_files(files)) == ([], "", [])


def test_refusal(site: Site) -> None:
    site.oar.set("admission_refusal", "no grid jobs today")
    files = writing_job(site)
    with pytest.raises(OarRefused, match=r"^OAR refused the job: .*no grid jobs today"):
        site.submit(files)
    assert private_files(files) == []


@pytest.mark.parametrize("mode", ["refused", "mute", "cut out 0", "cut out 50", "cut err 0"])
def test_connection_cut_in_a_scan(site: Site, ssh: FakeSsh, place: Path, mode: str) -> None:
    site.running(state="Error")
    before = listing(site.ce.control, site.ce.sessions)
    ssh.next(mode)
    with pytest.raises(OarUnavailable):
        site.scan()
    assert listing(site.ce.control, site.ce.sessions) == before
    assert site.scan() == [GRID_ID]


def test_connection_cut_between_two_questions_of_a_scan(site: Site, ssh: FakeSsh) -> None:
    files = site.running(state="Error")
    ssh.next("", "cut out 60")
    with pytest.raises(OarUnavailable):
        site.scan()
    assert files.done() is None
    assert site.scan() == [GRID_ID]


@pytest.mark.parametrize("mode", ["refused", "held", "mute", "cut out 0"])
def test_connection_cut_in_a_cancel(site: Site, ssh: FakeSsh, mode: str) -> None:
    site.running()
    ssh.next(mode)
    said = cancel(site.settings(), site.client(), "1", site.clock.retry())
    assert said.outcome in (CancelOutcome.CANCELLED, CancelOutcome.GONE)
    assert site.oar.wait(1)["state"] == "Error"


def test_one_connection_for_all_commands_of_a_scan(site: Site, ssh: FakeSsh) -> None:
    site.running(state="Error")
    site.scan()
    # Runners of earlier tests disconnect when Python frees them.
    calls = [call for call in ssh.calls() if "exit" not in call]
    sockets = {w for call in calls for w in call if w.startswith("ControlPath=")}
    assert len(calls) > 1
    assert len(sockets) == 1


def test_doctor_asks_the_remote_machine(site: Site, ssh: FakeSsh) -> None:
    settings, me = site.settings(), own_account()
    (finding,) = check_commands(settings, me)
    assert finding.level == "ok"
    assert [call[-1].split()[-1] for call in ssh.calls() if "exit" not in call] == [
        *["oarsub", "oarstat", "oardel", "oarnodes"]
    ]
    ssh.next("refused")
    (finding,) = check_commands(settings, me)
    assert (finding.level, finding.message) == (
        "FAIL",
        "oarsub the connection to oar.example failed: "
        "ssh: connect to host oar.example port 22: Connection refused",
    )
