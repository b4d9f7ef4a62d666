"""Behaviour that every OAR must show: the same tests run on the stand-in and on a real OAR."""

from __future__ import annotations

import json

import pytest
from support.api_site import ApiSite

import arc_lrms_oar
from arc_lrms_oar.errors import OarRefused


def test_jobs_that_end_by_themselves(contract: ApiSite) -> None:
    """They are submitted together, each is reported with its own outcome, and all are queried."""
    well = contract.job("echo hello; sleep 1")
    badly = contract.job("exit 3")
    killed = contract.job("kill -9 $$")
    ids = [contract.submit(files) for files in (well, badly, killed)]
    assert [files.local_id() for files in (well, badly, killed)] == [str(i) for i in ids]
    assert contract.reported(well) == "0 Job finished with exit code 0\n"
    assert contract.reported(badly) == "3 Job finished with exit code 3\n"
    assert contract.reported(killed) == (
        "137 Job finished with exit code 137, which means that it was killed by signal 9 (SIGKILL)"
        "\n"
    )
    assert (well.session / "out").read_text() == "hello\n"
    accounting = well.accounting()
    assert (accounting["exitcode"], accounting["processors"], accounting["nodecount"]) == (
        ["0"],
        ["1"],
        ["1"],
    )
    assert not (well.session / ".arc_oar").exists()
    results = arc_lrms_oar.Query(contract.conf, ids)
    assert [(r.state, r.exit_code) for r in results] == [
        ("Terminated", 0),
        ("Terminated", 3),
        ("Terminated", 137),
    ]
    assert all(r.started and r.ended and r.started <= r.ended for r in results)


def test_two_nodes(contract: ApiSite) -> None:
    files = contract.job("sort $OAR_NODE_FILE", count=4, countpernode=2, numnodes=2)
    contract.submit(files)
    assert contract.reported(files) == "0 Job finished with exit code 0\n"
    accounting = files.accounting()
    assert (accounting["processors"], accounting["nodecount"]) == (["4"], ["2"])
    lines = (files.session / "out").read_text().split()
    assert lines == sorted(accounting["nodename"] * 2)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"count": 1000}, "There are not enough resources for your request"),
        ({"queue": "nosuch"}, "(The )?queue .?nosuch.? does not exist"),
    ],
)
def test_refused(contract: ApiSite, options: dict[str, object], reason: str) -> None:
    files = contract.job("true", **options)
    with pytest.raises(OarRefused, match=f"^OAR refused the job: {reason}$"):
        contract.submit(files)
    assert files.local_id() == ""
    assert not (files.session / ".arc_oar").exists()


def test_cancelled_while_running(contract: ApiSite) -> None:
    files = contract.job("sleep 300")
    job_id = contract.submit(files)
    contract.until(lambda: contract.state(job_id) == "Running")
    assert arc_lrms_oar.Cancel(contract.conf, str(files.file("grami")))
    assert contract.reported(files) == f"265 Job was deleted in OAR by user {contract.user}\n"
    assert arc_lrms_oar.Cancel(contract.conf, str(job_id))


def test_cancelled_while_waiting(contract: ApiSite) -> None:
    files = contract.job("true", starttime="20370101000000Z")
    job_id = contract.submit(files)
    assert contract.state(job_id) == "Waiting"
    assert contract.scan() == []
    assert arc_lrms_oar.Cancel(contract.conf, str(files.file("grami")))
    assert contract.reported(files) == f"265 Job was deleted in OAR by user {contract.user}\n"


def test_unknown_job(contract: ApiSite) -> None:
    (result,) = arc_lrms_oar.Query(contract.conf, [99999999])
    assert (result.state, result.exit_code) == ("unknown", None)
    assert arc_lrms_oar.Cancel(contract.conf, "99999999")


def test_second_attempt_finds_the_job_of_the_first(contract: ApiSite) -> None:
    """The first attempt was killed after oarsub and before it wrote the job ID."""
    files = contract.job("sleep 5")
    job_id = contract.submit(files)
    grami = files.file("grami")
    grami.write_text(grami.read_text().replace(f"joboption_jobid={job_id}\n", ""))
    (script,) = (files.session / ".arc_oar").glob("job-*.sh")
    mark = {"script": script.name, "pid": 0}
    (files.session / ".arc_oar" / "submitting").write_text(json.dumps(mark))
    assert contract.submit(files) == job_id
    assert files.local_id() == str(job_id)
    # The job may have started by now, or not.
    started = f"{script.name}.started-{job_id}"
    assert {path.name for path in (files.session / ".arc_oar").iterdir()} - {started} == {
        script.name
    }


def test_journal_of_an_attempt_that_created_no_job(contract: ApiSite) -> None:
    files = contract.job("echo once")
    folder = files.session / ".arc_oar"
    folder.mkdir(mode=0o700)
    (folder / "submitting").write_text(json.dumps({"script": "job-0123456789ab.sh", "pid": 0}))
    contract.submit(files)
    assert contract.reported(files) == "0 Job finished with exit code 0\n"
    assert (files.session / "out").read_text() == "once\n"
