"""Submit when OAR refuses or does not answer: a sentence for the user, never a second job."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from standin import Standin
from support.oar_site import Site
from support.submission_checks import JOB_NAME_QUERY, private_files, refused

from arc_lrms_oar.commands import submit as module
from arc_lrms_oar.errors import OarRefused, OarUnavailable
from arc_lrms_oar.oar.transport import Command

REFUSALS: list[tuple[dict[str, Any], Callable[[Standin], object], str]] = [
    (
        {},
        lambda oar: oar.set("admission_refusal", "Error: walltime too big for this queue"),
        "OAR refused the job: walltime too big for this queue",
    ),
    ({"queue": "nosuch"}, lambda _: None, "OAR refused the job: The queue nosuch does not exist"),
    (
        {"count": 99},
        lambda _: None,
        "OAR refused the job: There are not enough resources for your request",
    ),
]


@pytest.mark.parametrize(("options", "prepare", "sentence"), REFUSALS)
def test_refusals(
    site: Site,
    options: dict[str, Any],
    prepare: Callable[[Standin], object],
    sentence: str,
) -> None:
    prepare(site.oar)
    error = refused(site, site.ce.job(**options))
    assert isinstance(error, OarRefused)
    assert str(error) == sentence
    assert site.commands() == ["oarsub"]
    assert site.clock.pauses == []


@pytest.mark.parametrize("options", [{"queue": "nosuch"}, {"runtime": [["NOSUCH"]]}])
def test_refused_job_is_accounted_with_the_benchmark_of_its_queue(
    site: Site, options: dict[str, Any]
) -> None:
    """A-REX has made the file in the control directory."""
    site.configure("", **{"queue:nosuch": "benchmark=HEPscore23 16.5"})
    files = site.ce.job(**{"queue": "nosuch", **options})
    files.file("diag").touch()
    refused(site, files)
    assert files.file("diag").read_text() == "Benchmark=HEPscore23:16.5\n"


@pytest.mark.parametrize("other", ["missing", "link", "FIFO"])
def test_benchmark_is_written_to_no_other_file(site: Site, other: str) -> None:
    files = site.ce.job(queue="nosuch")
    diag = files.file("diag")
    target = site.ce.place / "target"
    target.touch()
    if other == "link":
        diag.symlink_to(target)
    elif other == "FIFO":
        os.mkfifo(diag)
    refused(site, files)
    assert target.read_bytes() == b""
    assert diag.exists() == (other != "missing")


@pytest.mark.parametrize(
    ("options", "lines", "sentence"),
    [
        ({}, "properties=nosuch='1'", "nosuch"),
        ({}, "node_level=nosuch", None),
        ({"count": 2, "countpernode": 1}, "node_level=nosuch", "nosuch"),
    ],
)
def test_refusals_because_of_settings(
    site: Site, options: dict[str, Any], lines: str, sentence: str | None
) -> None:
    site.configure(lines)
    files = site.ce.job(**options)
    if sentence is None:
        assert site.submit(files) == 1
    else:
        error = refused(site, files)
        assert str(error).startswith("OAR refused the job: Bad resource request")
        assert sentence in str(error)


def test_server_down_with_a_job_id(site: Site) -> None:
    """Exit status 9 with an ID: the job will run.

    Source: docs/internals/oar.md#job-id-printed-by-a-failed-oarsub.
    """
    site.oar.set("server_down")
    files = site.ce.job()
    assert site.submit(files) == 1
    assert site.oar.calls()[-1].rc == 9
    assert (files.local_id(), len(site.oar.jobs())) == ("1", 1)


def test_accepted_without_an_id(site: Site) -> None:
    site.oar.set("accept_no_id")
    files = site.ce.job()
    assert site.submit(files) == 1
    assert (files.local_id(), len(site.oar.jobs())) == ("1", 1)
    assert site.commands() == ["oarsub", "oarstat", "oarstat"]
    assert site.argvs("oarstat") == [["oarstat", "-V"], JOB_NAME_QUERY]
    assert site.clock.pauses == [2.0]


def test_oarsub_that_hangs_after_it_has_created_the_job(site: Site) -> None:
    site.configure("command_timeout=1")
    site.oar.set("accept_then_hang")
    files = site.ce.job()
    assert site.submit(files) == 1
    assert (files.local_id(), len(site.oar.jobs())) == ("1", 1)
    assert site.commands().count("oarsub") == 1


def test_pauses_between_attempts(site: Site) -> None:
    site.oar.set("fail_times", "oarsub:3:25:DB connection error, exiting.")
    files = site.ce.job()
    assert site.submit(files) == 1
    assert site.clock.pauses == [2.0, 5.0, 10.0]
    assert site.commands() == ["oarsub", "oarstat", *["oarstat", "oarsub"] * 3]
    assert site.argvs("oarstat")[1:] == [JOB_NAME_QUERY] * 3
    assert len(site.oar.jobs()) == 1


OUTAGES = [
    (9, "[ERROR] Cannot connect to executor localhost:6999. Job is killed."),
    (25, "DB connection error, exiting."),
    (255, "DBI connect('database=oar;host=…') failed: Connection refused"),
    (1, "sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) connection to server"),
    (5, "DBD::Pg::st execute failed: FATAL:  terminating connection due to unexpected exit"),
    (5, "DBD::Pg::db do failed: no connection to the server. queue 'default' does not exist"),
    (0, ""),
]


@pytest.mark.parametrize(("code", "text"), OUTAGES)
def test_errors_that_count_as_unavailable(site: Site, code: int, text: str) -> None:
    site.oar.set("fail_times", f"oarsub:1:{code}:{text}")
    assert site.submit(site.ce.job()) == 1
    assert site.commands().count("oarsub") == 2


def test_refusal_after_trouble(site: Site) -> None:
    site.oar.set("fail_times", "oarsub:1:25:DB connection error, exiting.")
    error = refused(site, site.ce.job(queue="nosuch"))
    assert str(error) == "OAR refused the job: The queue nosuch does not exist"


def test_oar_unavailable_for_the_whole_budget(site: Site) -> None:
    site.oar.set("fail_times", "oarsub:99:25:DB connection error, exiting.")
    files = site.ce.job()
    with pytest.raises(OarUnavailable) as caught:
        site.submit(files, site.clock.retry(600, 200))
    assert str(caught.value) == (
        "The batch system OAR did not answer for 7 min, so the job was not submitted; please try "
        "again later (oarsub: exit code 25: DB connection error, exiting.)"
    )
    assert site.commands().count("oarsub") == 3
    assert (files.local_id(), private_files(files)) == ("", [])


def test_submit_budget(site: Site) -> None:
    site.configure("submit_budget=0")
    site.oar.set("fail_times", "oarsub:99:25:DB connection error, exiting.")
    with pytest.raises(OarUnavailable):
        module.submit(site.settings(), site.client(), str(site.ce.job().file("grami")))
    assert site.commands() == ["oarsub"]


def test_no_oarsub_at_all(site: Site) -> None:
    site.ce.configure(custom_oar="bin_path=/no/such/place")
    error = refused(site, site.ce.job())
    assert str(error).endswith("(oarstat: cannot be run: No such file or directory)")


@pytest.fixture
def unkillable(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Command]]:
    """OAR's commands run as user oar, so the package cannot kill them."""
    started: list[Command] = []

    def kill(command: Command) -> bool:
        started.append(command)
        return False

    real = Command.kill
    monkeypatch.setattr(Command, "kill", kill)
    yield started
    for command in started:
        real(command)


def test_no_other_oarsub_beside_one_that_cannot_be_killed(
    site: Site, unkillable: list[Command]
) -> None:
    """Without its database oarsub waits forever, and creates the job when the database is back."""
    site.configure("command_timeout=1")
    site.oar.set("db_down")
    files = site.ce.job()
    tries = []

    def sleep(seconds: float) -> None:
        site.clock.sleep(seconds)
        tries.append(seconds)
        if len(tries) == 2:
            site.oar.clear("db_down")
            unkillable[0].wait(10)

    retry = site.clock.retry()
    retry.sleep = sleep
    assert site.submit(files, retry) == 1
    assert site.commands().count("oarsub") == 1
    assert len(site.oar.jobs()) == 1


@pytest.mark.usefixtures("unkillable")
def test_no_second_oarsub_while_the_first_one_hangs(site: Site) -> None:
    site.configure("command_timeout=1")
    site.oar.set("hang", "oarsub")
    with pytest.raises(OarUnavailable, match=r"an earlier oarsub still hangs"):
        site.submit(site.ce.job(), site.clock.retry(12, 5.0))
    assert site.clock.pauses == [5.0, 5.0]
    assert site.commands().count("oarsub") == 1


def test_abandoned_oarsub_runs_nothing_later(site: Site, unkillable: list[Command]) -> None:
    """The job is created after A-REX was told that it failed: its script no longer exists."""
    site.configure("command_timeout=1")
    site.oar.set("db_down")
    files = site.ce.job(executable="/bin/sh", arguments=["-c", "touch ran"])
    with pytest.raises(OarUnavailable):
        site.submit(files, site.clock.retry(1))
    site.oar.clear("db_down")
    assert unkillable[0].wait(10) is not None
    site.oar.wait(1)
    assert os.listdir(files.session) == []
