"""Submit: one grid job becomes exactly one OAR job, and A-REX learns its id."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ce import GRID_ID, NOBODY, Ce, JobFiles
from oarsite import Site
from standin import Standin
from users import needs_root, run_as

from arc_lrms_oar.errors import GramiError, JobError, OarLrmsError, OarRefused, OarUnavailable
from arc_lrms_oar.job import grami, mark
from arc_lrms_oar.oar.runner import Command
from arc_lrms_oar.verbs import submit as module


def private(files: JobFiles) -> list[str]:
    """What stands in the job's private directory, without the chance in the script's name."""
    folder = files.session / ".arc_oar"
    names = sorted(os.listdir(folder)) if folder.exists() else []
    return ["script" if name.startswith("job-") else name for name in names]


def script_of(files: JobFiles) -> Path:
    (path,) = (files.session / ".arc_oar").glob("job-*.sh")
    return path


def refused(site: Site, files: JobFiles) -> OarLrmsError:
    """The error of a submission that leaves no job, no id and no trace."""
    with pytest.raises(OarLrmsError) as caught:
        site.submit(files)
    assert files.local_id() == ""
    assert private(files) == []
    assert "\n" not in str(caught.value)
    return caught.value


def test_job_is_submitted_and_runs(any_site: Site) -> None:
    site = any_site
    files = site.ce.job(
        executable="/bin/sh",
        arguments=["-c", "echo $A $OAR_JOB_ID; exit 3"],
        environment={"A": 'it\'s\n"so"'},
        stdout="out",
        walltime=60,
        name="my job",
    )
    assert site.submit(files) == 1
    assert files.local_id() == "1"
    assert private(files) == ["script"]
    assert site.commands() == ["oarsub"]
    assert site.submitted() == [
        [
            *("--name", f"my_job-{GRID_ID}", "-q", "default", "-l", "/core=1,walltime=0:1:0"),
            *("-d", str(files.session), "-O", str(files.comment), "-E", str(files.comment)),
            str(script_of(files)),
        ]
    ]
    ended = site.oar.wait(1)
    assert (ended["state"], ended["exit_code"]) == ("Terminated", 3 << 8)
    assert (files.session / "out").read_text() == 'it\'s "so" 1\n'
    assert files.comment.read_text() == ""
    assert files.accounting()["exitcode"] == ["3"]


def test_environment_of_oarsub(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAR_SECRET", "of the CE")
    monkeypatch.setenv("X509_USER_PROXY", "/proxy")
    site.submit(site.ce.job())
    (call,) = site.oar.calls("oarsub")
    assert set(call.env) - {"PWD", "_", "SHLVL", "TZ", "OLDPWD"} == {
        "PATH",
        "HOME",
        "LC_ALL",
        "COLUMNS",
    }


def test_script_is_private_whatever_the_umask(site: Site) -> None:
    os.umask(0)
    files = site.ce.job(environment={"SECRET": "token"})
    site.submit(files)
    assert stat.S_IMODE(script_of(files).stat().st_mode) == 0o700
    assert stat.S_IMODE(script_of(files).parent.stat().st_mode) == 0o700
    (row,) = site.oar.jobs()
    assert "token" not in row["command"] + row["initial_request"]


def test_session_directory_with_a_blank(place: Path, oar: Standin) -> None:
    site = Site(Ce(place / "with blank"), oar)
    files = site.ce.job(executable="/bin/sh", arguments=["-c", "echo ran"], stdout="o")
    site.submit(files)
    oar.wait(1)
    assert (files.session / "o").read_text() == "ran\n"


@pytest.mark.parametrize(
    "name", ["'; DELETE FROM jobs; --", 'a"b', "$(id)", "two\nlines", "-q admin", "ü" * 60, "a/b"]
)
def test_hostile_name(site: Site, name: str) -> None:
    site.submit(site.ce.job(name=name))
    (row,) = site.oar.jobs()
    assert row["job_name"].endswith(GRID_ID)
    assert set(row["job_name"]) <= set(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
    )
    assert row["queue_name"] == "default"


def test_job_that_has_its_id_is_not_submitted_again(site: Site) -> None:
    files = site.ce.job()
    grami.append_local_id(str(files.file("grami")), 4711)
    assert site.submit(files) == 4711
    assert site.commands() == []


@needs_root
def test_as_the_mapped_user(place: Path, oar: Standin, layout: int) -> None:
    """The control directory is root's: the user may append to his GRAMi file and no more."""
    site = Site(Ce(place, layout, owner=NOBODY), oar)
    oar.set("autorun", 0)
    files = site.ce.job(executable="/usr/bin/id", arguments=["-u"], stdout="o", rtes=[("R",)])
    site.ce.rte("R", "true\n")
    before = sorted(os.listdir(site.ce.control))
    assert run_as(NOBODY, lambda: site.submit(files)) == 1
    (call,) = oar.calls("oarsub")
    assert (call.uid, call.gid) == (NOBODY, NOBODY)
    assert files.local_id() == "1"
    assert sorted(os.listdir(site.ce.control)) == before
    assert script_of(files).stat().st_uid == NOBODY
    # By hand: this user's login shell runs nothing.
    subprocess.run([script_of(files)], user=NOBODY, group=NOBODY, check=True, env={})
    assert (files.session / "o").read_text() == f"{NOBODY}\n"


REFUSALS: list[tuple[dict[str, object], Callable[[Standin], object], str]] = [
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
    options: dict[str, object],
    prepare: Callable[[Standin], object],
    sentence: str,
) -> None:
    prepare(site.oar)
    error = refused(site, site.ce.job(**options))
    assert isinstance(error, OarRefused)
    assert str(error) == sentence
    assert site.commands() == ["oarsub"]
    assert site.clock.pauses == []


@pytest.mark.parametrize(
    ("options", "lines", "sentence"),
    [
        ({}, "properties=nosuch='1'", "nosuch"),
        ({}, "node_level=nosuch", None),
        ({"count": 2, "countpernode": 1}, "node_level=nosuch", "nosuch"),
    ],
)
def test_refusals_for_what_the_site_has_set(
    site: Site, options: dict[str, object], lines: str, sentence: str | None
) -> None:
    site.configure(lines)
    files = site.ce.job(**options)
    if sentence is None:
        assert site.submit(files) == 1
    else:
        error = refused(site, files)
        assert str(error).startswith("OAR refused the job: Bad resource request")
        assert sentence in str(error)


@pytest.mark.parametrize("version", ["2.6.1", "3.0.2"])
def test_other_versions_of_oar(place: Path, ce: Ce, version: str) -> None:
    with Standin.create(place / "other oar", version) as oar:
        site = Site(ce, oar)
        files = ce.job(executable="/bin/sh", arguments=["-c", "echo ran"], stdout="o", name="a b")
        assert site.submit(files) == 1
        assert oar.wait(1)["exit_code"] == 0
        assert (files.session / "o").read_text() == "ran\n"
        error = refused(site, ce.job("x" * 12, queue="nosuch"))
        assert str(error).startswith("OAR refused the job: ")
        assert "nosuch" in str(error)


def test_server_down_is_a_job_all_the_same(site: Site) -> None:
    """Exit 9 with a positive id: the job stays queued and will run (OAR-REFERENCE, surprise 2)."""
    site.oar.set("server_down")
    files = site.ce.job()
    assert site.submit(files) == 1
    assert site.oar.calls()[-1].rc == 9
    assert (files.local_id(), len(site.oar.jobs())) == ("1", 1)


ASKED = ["oarstat", "--format", "2", "-J", "--sql", f"job_name = 'some_name-{GRID_ID}'"]


def test_accepted_without_an_id(site: Site) -> None:
    site.oar.set("accept_no_id")
    files = site.ce.job()
    assert site.submit(files) == 1
    assert (files.local_id(), len(site.oar.jobs())) == ("1", 1)
    assert site.commands() == ["oarsub", "oarstat", "oarstat"]
    assert site.argvs("oarstat") == [["oarstat", "-V"], ASKED]
    assert site.clock.pauses == [5.0]


def test_accepted_and_then_hanging(site: Site) -> None:
    site.configure("command_timeout=1")
    site.oar.set("accept_then_hang")
    files = site.ce.job()
    assert site.submit(files) == 1
    assert (files.local_id(), len(site.oar.jobs())) == ("1", 1)
    assert site.commands().count("oarsub") == 1


def test_trouble_is_tried_again_with_growing_pauses(site: Site) -> None:
    site.oar.set("fail_times", "oarsub:3:25:DB connection error, exiting.")
    files = site.ce.job()
    assert site.submit(files) == 1
    assert site.clock.pauses == [5.0, 10.0, 20.0]
    assert site.commands() == ["oarsub", "oarstat", *["oarstat", "oarsub"] * 3]
    assert site.argvs("oarstat")[1:] == [ASKED] * 3
    assert len(site.oar.jobs()) == 1


TROUBLE = [
    (9, "[ERROR] Cannot connect to executor localhost:6999. Job is killed."),
    (25, "DB connection error, exiting."),
    (255, "DBI connect('database=oar;host=…') failed: Connection refused"),
    (1, "sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) connection to server"),
    (0, ""),
]


@pytest.mark.parametrize(("code", "text"), TROUBLE)
def test_what_counts_as_trouble(site: Site, code: int, text: str) -> None:
    site.oar.set("fail_times", f"oarsub:1:{code}:{text}")
    assert site.submit(site.ce.job()) == 1
    assert site.commands().count("oarsub") == 2


def test_refusal_after_trouble(site: Site) -> None:
    site.oar.set("fail_times", "oarsub:1:25:DB connection error, exiting.")
    error = refused(site, site.ce.job(queue="nosuch"))
    assert str(error) == "OAR refused the job: The queue nosuch does not exist"


def test_trouble_without_end(site: Site) -> None:
    site.oar.set("fail_times", "oarsub:99:25:DB connection error, exiting.")
    files = site.ce.job()
    with pytest.raises(OarUnavailable) as caught:
        site.submit(files, site.clock.patience(600, 200))
    assert str(caught.value) == (
        "The batch system OAR did not answer for 7 min, so the job was not submitted; please try "
        "again later (oarsub: exit code 25: DB connection error, exiting.)"
    )
    assert site.commands().count("oarsub") == 3
    assert (files.local_id(), private(files)) == ("", [])


def test_budget_of_the_site(site: Site) -> None:
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
    """OAR's commands belong to user oar: what the package starts cannot be killed by it."""
    started: list[Command] = []

    def kill(command: Command) -> bool:
        started.append(command)
        return False

    real = Command.kill
    monkeypatch.setattr(Command, "kill", kill)
    yield started
    for command in started:
        real(command)


def test_oarsub_that_cannot_be_killed_is_the_only_one(
    site: Site, unkillable: list[Command]
) -> None:
    """With the database down oarsub waits for ever, and brings the job in when it is back."""
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

    patience = site.clock.patience()
    patience.sleep = sleep
    assert site.submit(files, patience) == 1
    assert site.commands().count("oarsub") == 1
    assert len(site.oar.jobs()) == 1


def test_oarsub_given_up_for_good_runs_nothing_later(site: Site, unkillable: list[Command]) -> None:
    """The job enters OAR after A-REX was told that it failed: its script is not there any more."""
    site.configure("command_timeout=1")
    site.oar.set("db_down")
    files = site.ce.job(executable="/bin/sh", arguments=["-c", "touch ran"])
    with pytest.raises(OarUnavailable):
        site.submit(files, site.clock.patience(1))
    site.oar.clear("db_down")
    assert unkillable[0].wait(10) is not None
    site.oar.wait(1)
    assert os.listdir(files.session) == []


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the package may catch it."""


def kill_at(monkeypatch: pytest.MonkeyPatch, holder: object, name: str, after: bool) -> None:
    real = getattr(holder, name)

    def killed(*arguments: object) -> None:
        if after:
            real(*arguments)
        raise Killed

    monkeypatch.setattr(holder, name, killed)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    ("holder", "name"),
    [
        (module.script, "write"),
        (mark.Mark, "note"),
        (module, "_judge"),
        (module.grami, "append_local_id"),
        (mark.Mark, "clear"),
    ],
    ids=["script", "mark", "oarsub", "id", "clear"],
)
def test_killed_on_its_way_and_tried_again(
    site: Site, monkeypatch: pytest.MonkeyPatch, holder: object, name: str, after: bool
) -> None:
    files = site.ce.job(executable="/bin/sh", arguments=["-c", "echo ran >>ran"])
    with monkeypatch.context() as patched:
        kill_at(patched, holder, name, after)
        with pytest.raises(Killed):
            site.submit(files)
    assert site.submit(files) == 1
    assert site.submit(files) == 1
    assert (files.local_id(), len(site.oar.jobs())) == ("1", 1)
    site.oar.wait(1)
    assert (files.session / "ran").read_text() == "ran\n"


def left_behind(files: JobFiles, pid: int = 0) -> mark.Mark:
    """The mark of an attempt that was killed when it had started oarsub."""
    held = mark.open_mark(str(files.session), 0, lambda _: None)
    held.note(pid)
    held.close()
    return held


def test_earlier_attempt_without_a_job(site: Site) -> None:
    files = site.ce.job()
    held = left_behind(files)
    assert site.submit(files) == 1
    assert site.argvs("oarstat")[-1] == ASKED
    assert site.submitted()[0][-1] == held.script


def test_earlier_attempt_with_a_job(site: Site) -> None:
    files = site.ce.job()
    held = left_behind(files)
    (mine,) = site.oar.add_jobs(
        1,
        owner=module._user_name(),
        first_id=7,
        job_name=f"some_name-{GRID_ID}",
        command=held.script,
    )
    assert site.submit(files) == mine == 7
    assert site.submitted() == []


@pytest.mark.parametrize(
    "columns",
    [
        {"owner": "somebody"},
        {"command": "/x/.arc_oar/job-000000000000.sh"},
        {"job_name": "other"},
    ],
)
def test_job_that_only_looks_like_it(site: Site, columns: dict[str, str]) -> None:
    files = site.ce.job()
    held = left_behind(files)
    row = {
        "owner": module._user_name(),
        "job_name": f"some_name-{GRID_ID}",
        "command": held.script,
        **columns,
    }
    site.oar.add_jobs(1, first_id=7, **row)
    assert site.submit(files) == 8


def test_earlier_oarsub_that_still_lives(site: Site) -> None:
    files = site.ce.job()
    child = subprocess.Popen(["/bin/sh", "-c", "sleep 60; :", "oarsub"], start_new_session=True)
    try:
        left_behind(files, child.pid)
        with pytest.raises(OarUnavailable, match=r"an earlier oarsub still hangs"):
            site.submit(files, site.clock.patience(30))
        assert site.submitted() == []
    finally:
        os.killpg(child.pid, 9)
        child.wait()


def test_earlier_oarsub_that_ends(site: Site) -> None:
    files = site.ce.job()
    child = subprocess.Popen(["/bin/sh", "-c", "sleep 60; :", "oarsub"], start_new_session=True)
    left_behind(files, child.pid)
    patience = site.clock.patience()

    def sleep(seconds: float) -> None:
        site.clock.sleep(seconds)
        os.killpg(child.pid, 9)
        child.wait()

    patience.sleep = sleep
    assert site.submit(files, patience) == 1
    assert site.clock.pauses == [5.0]


def test_process_id_that_another_program_has_now(site: Site) -> None:
    files = site.ce.job()
    left_behind(files, os.getppid())
    assert site.submit(files) == 1
    assert site.clock.pauses == []


def test_earlier_attempt_while_oar_cannot_be_asked(site: Site) -> None:
    files = site.ce.job()
    left_behind(files)
    site.oar.set("fail_times", "oarstat:2:25:DB connection error, exiting.")
    assert site.submit(files) == 1
    assert site.commands().index("oarsub") > 2
    assert len(site.oar.jobs()) == 1


def test_id_that_cannot_be_written(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    files = site.ce.job()

    def fail(path: str, job_id: int) -> None:
        raise GramiError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr(module.grami, "append_local_id", fail)
        with pytest.raises(GramiError):
            site.submit(files)
    assert private(files) == ["script", "submitting"]
    assert (site.submit(files), len(site.oar.jobs())) == (1, 1)


def test_rte_that_changes_the_job(site: Site) -> None:
    site.ce.rte("MPI", "joboption_count=4; joboption_countpernode=2; joboption_queue=admin\n")
    site.configure("", queue="", **{"custom:oar/admin": "node_level=host"})
    files = site.ce.job(rtes=[("MPI",)])
    site.submit(files)
    (line,) = site.submitted()
    assert line[line.index("-l") + 1] == "/host=2/core=2"
    assert line[line.index("-q") + 1] == "admin"


def test_rte_that_refuses(site: Site) -> None:
    site.ce.rte("R", "echo why >&2; return 3\n")
    error = refused(site, site.ce.job(rtes=[("R",)]))
    assert str(error) == "the runtime environment R refused the job at submission (exit code 3)"
    assert isinstance(error, JobError)
    assert error.details == "why\n"
    assert site.commands() == []


def test_rte_with_both_stages_in_a_real_job(site: Site) -> None:
    site.ce.rte("R", '[ "$1" != 1 ] || export FROM_RTE="$2 $P"\n', params="P=param\n")
    files = site.ce.job(
        executable="/bin/sh",
        arguments=["-c", "echo $FROM_RTE"],
        stdout="o",
        rtes=[("R", "an option")],
    )
    site.submit(files)
    site.oar.wait(1)
    assert (files.session / "o").read_text() == "an option param\n"


def test_nodes_of_a_parallel_job(site: Site) -> None:
    files = site.ce.job(count=4, countpernode=2, numnodes=2)
    site.submit(files)
    site.oar.wait(1)
    found = files.accounting()
    assert len(found["nodename"]) == 2
    assert (found["processors"], found["nodecount"]) == (["4"], ["2"])


def test_missing_session_directory(site: Site) -> None:
    files = site.ce.job()
    files.session.rmdir()
    with pytest.raises(JobError) as caught:
        site.submit(files)
    assert str(caught.value) == f"the session directory '{files.session}' does not exist"


def test_site_without_a_shared_file_system(site: Site) -> None:
    site.configure("", arex="shared_filesystem=no")
    error = refused(site, site.ce.job())
    assert str(error).startswith("the site has shared_filesystem=no, but OAR brings no files")
    assert site.commands() == []


def test_malformed_grami(site: Site) -> None:
    files = site.ce.job()
    files.file("grami").write_text("joboption_arg_0='/bin/true\n")
    with pytest.raises(GramiError, match="line 1: malformed GRAMi file: a ' is opened"):
        site.submit(files)
    files.file("grami").unlink()
    with pytest.raises(GramiError, match="cannot read the GRAMi file: No such file"):
        site.submit(files)
    assert site.commands() == []


def test_not_before(site: Site) -> None:
    site.submit(site.ce.job(starttime="20990101000000Z"))
    (line,) = site.submitted()
    kind = line[line.index("-t") + 1]
    assert kind.startswith(("postpone=2099-01-01 ", "postpone=2098-12-31 "))
    assert site.oar.job(1)["state"] == "Waiting"


def test_scratch_of_the_site(site: Site, tmp_path: Path) -> None:
    site.configure("", arex=f"scratchdir={site.ce.place}/scratch")
    files = site.ce.job(
        executable="/bin/sh", arguments=["-c", "pwd; touch a b"], stdout="o", outputs=["/a", "/o"]
    )
    site.submit(files)
    site.oar.wait(1)
    assert (files.session / "o").read_text() == f"{site.ce.place}/scratch/{GRID_ID}\n"
    assert sorted(p.name for p in files.session.iterdir()) == [".arc_oar", "a", "o"]


def test_options_of_the_lrms_block(site: Site) -> None:
    site.configure("", lrms="gnu_time=/no/such\nbenchmark=HEPSPEC 7\nnodename=/bin/echo x")
    files = site.ce.job()
    site.submit(files)
    site.oar.wait(1)
    found = files.accounting()
    assert found["benchmark"] == ["HEPSPEC:7"]
    assert "maxresidentmemory" not in found
