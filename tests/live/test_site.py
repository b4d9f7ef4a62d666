"""install, uninstall and doctor on a real ARC and OAR: doctor reports each fault."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest
from bed import Bed, arcconf
from live.installation import removing, restoring

pytestmark = pytest.mark.live

CONF = "/root/doctor.conf"
PACKAGE = "/usr/lib/python3/dist-packages/arc_lrms_oar"
PLACES = ("/usr/share/arc/", "/usr/lib/")
SESSIONS = arcconf.SESSIONDIR


class Run(NamedTuple):
    """doctor's exit status and findings; `problems` are those that are not ok."""

    status: int
    rows: list[dict[str, str]]

    @property
    def problems(self) -> list[tuple[str, str]]:
        return [(row["level"], row["check"]) for row in self.rows if row["level"] != "ok"]

    def line(self, check: str) -> dict[str, str]:
        return next(row for row in self.rows if row["check"] == check and row["level"] != "ok")


Doctor = Callable[..., Run]


@pytest.fixture(scope="module")
def doctor(bed: Bed) -> Doctor:
    """Run doctor with the testbed's plain arc.conf, after replacing one text in it."""
    plain = arcconf.render(arcconf.read_template(arcconf.DEFAULT_TEMPLATE))

    def run(*words: str, change: tuple[str, str] = ("", ""), config: str = CONF) -> Run:
        bed.run(["tee", CONF], input=plain.replace(*change) if change[0] else plain)
        named = ["--config", config] if config else []
        ask = ["python3", "-m", "arc_lrms_oar", "doctor", "--json", *named, *words]
        done = bed.run(ask, cwd="/", check=False, timeout=300)
        assert done.stderr == ""
        report = json.loads(done.stdout)
        assert report["exit_status"] == done.returncode
        assert all(
            row["message"] and (row["cure"] or row["level"] == "ok") for row in report["findings"]
        )
        return Run(done.returncode, report["findings"])

    return run


@contextmanager
def changed(bed: Bed, do: str, undo: str) -> Iterator[None]:
    bed.run(["sh", "-ec", do])
    try:
        yield
    finally:
        bed.run(["sh", "-ec", undo])


def left_behind(bed: Bed) -> str:
    return bed.run(["find", SESSIONS, "-name", "arc_oar_doctor*"]).stdout


def test_healthy_site_with_a_job_on_each_queue(bed: Bed, doctor: Doctor) -> None:
    run = doctor("--probe")
    assert run.problems == [], run.rows
    assert run.status == 0
    probes = [row["check"] for row in run.rows if row["check"].startswith("probe")]
    assert probes == [f"probe of queue {queue} as griduser" for queue in ("default", "long")]
    assert left_behind(bed) == ""


def test_what_the_tests_own_arc_conf_lacks(doctor: Doctor) -> None:
    """The arc.conf that A-REX runs with has two queues that OAR does not have."""
    run = doctor(config="")
    assert (run.status, run.problems) == (2, [("FAIL", "queue ghost"), ("FAIL", "queue mapped")])
    line = run.line("queue ghost")
    assert line["message"].startswith(
        "OAR has no queue ghost; its queues are admin, besteffort, default, long"
    )
    assert line["cure"] == "remove the block [queue:ghost], or set oar_queue in [custom:oar/ghost]"


def test_files_that_are_not_as_they_should_be(bed: Bed, doctor: Doctor) -> None:
    tools = "$(dirname $(find /usr/lib /usr/libexec -name gm-kick))"
    with changed(
        bed,
        "cp /usr/share/arc/scan-fork-job /usr/share/arc/scan-OAR-job; rm /usr/share/arc/OARmod.pm;"
        f"chmod a-x /usr/share/arc/cancel-OAR-job; chmod g+w {PACKAGE}/cli.py;"
        f"cd {tools}; mv gm-kick gone-gm-kick",
        "cd $(dirname $(find /usr/lib /usr/libexec -name gone-gm-kick)); mv gone-gm-kick gm-kick;"
        f"chmod g-w {PACKAGE}/cli.py; cd /; {restoring(bed)}",
    ):
        run = doctor()
    assert run.status == 2
    assert run.problems == [
        *[("FAIL", "scripts")] * 3,
        ("warn", "gm-kick"),
        ("FAIL", "permissions"),
    ], run.rows
    scripts = [row for row in run.rows if row["check"] == "scripts"]
    assert [row["message"] for row in scripts] == [
        "/usr/share/arc/cancel-OAR-job has mode 0644, expected 0755",
        "/usr/share/arc/scan-OAR-job is not this package's file; an upgrade may have replaced it",
        "/usr/share/arc/OARmod.pm is missing",
    ]
    assert {row["cure"] for row in scripts} == {f"run: {restoring(bed)}"}
    assert doctor().status == 0


def test_uninstall_restores_a_file_that_install_replaced(bed: Bed, doctor: Doctor) -> None:
    """Even if that file is not from ARC's packages."""
    if bed.package_kind() != "copy":
        pytest.skip("the files belong to a package, which install leaves alone")
    package = ["python3", "-m", "arc_lrms_oar"]
    bed.run(["cp", "/usr/share/arc/scan-fork-job", "/usr/share/arc/scan-OAR-job"])
    bed.run([*package, "install"], cwd="/")
    bed.run([*package, "uninstall"], cwd="/")
    bed.run(["cmp", "/usr/share/arc/scan-fork-job", "/usr/share/arc/scan-OAR-job"])
    bed.run(["rm", "/usr/share/arc/scan-OAR-job"])
    bed.run([*package, "install"], cwd="/")
    assert doctor().status == 0


def test_configuration_that_is_odd(bed: Bed, doctor: Doctor) -> None:
    lines = "\n[queue:ghost]\n\n[custom:oar]\nmemory_proprety = mem\nmemory_property = ram\n"
    run = doctor(change=("\n[custom:oar]\n", lines + "\n[custom:oar/none]\nproject = x\n"))
    assert run.status == 2
    assert run.problems == [
        ("warn", "configuration"),
        ("warn", "configuration"),
        ("FAIL", "queue ghost"),
        ("FAIL", "resource levels"),
    ], run.rows
    assert run.line("configuration")["message"] == (
        f"{CONF}: [custom:oar] memory_proprety: no such option; did you mean memory_property?"
    )
    assert run.line("resource levels")["message"] == (
        "OAR's resources have no property ram (memory_property in [custom:oar])"
    )
    run = doctor(change=("\n[custom:oar]\n", "\n[custom:oar]\ndefault_walltime = soon\n"))
    assert run.problems == [("FAIL", "configuration")], run.rows
    assert run.line("configuration")["message"].endswith(
        '[custom:oar] default_walltime = "soon": expected '
        "seconds (3600) or hours:minutes:seconds (1:00:00)"
    )
    run = doctor(change=("lrms = OAR", "lrms = OAR\noar_queue = default"))
    assert run.problems == [("FAIL", "validator")], run.rows
    assert "oar_queue" in run.line("validator")["message"]


def test_what_a_user_cannot_do(bed: Bed, doctor: Doctor) -> None:
    with changed(
        bed,
        f"chmod 700 {SESSIONS}; chmod o-rx /usr/bin/oarsub",
        f"chmod 755 {SESSIONS}; chmod 6755 /usr/bin/oarsub",
    ):
        run = doctor("--user", "otheruser", "--user", "nosuch")
    assert run.problems == [
        ("FAIL", "users"),
        ("FAIL", "OAR commands as otheruser"),
        ("FAIL", "session directory of otheruser"),
    ], run.rows
    assert (
        run.line("OAR commands as otheruser")["message"]
        == "oarsub cannot be run: Permission denied"
    )
    assert run.line("users")["message"] == "there is no user or group nosuch"
    assert left_behind(bed) == ""


def test_refused_probe_and_node_without_gnu_time(bed: Bed, doctor: Doctor) -> None:
    """OAR's admission rules do not let ordinary users into the queue `admin`."""
    with changed(bed, "mv /usr/bin/time /usr/bin/time.gone", "mv /usr/bin/time.gone /usr/bin/time"):
        run = doctor("--probe", change=("[queue:long]", "[queue:admin]"))
    refused = "probe of queue admin as griduser"
    assert run.problems == [("FAIL", refused), ("warn", "GNU time")], run.rows
    assert run.line(refused)["message"].startswith("OAR refused the job: ")
    assert run.line("GNU time")["message"].endswith(" has no GNU time at /usr/bin/time")
    assert left_behind(bed) == ""


def test_oar_that_is_stopped(bed: Bed, doctor: Doctor) -> None:
    bed.service("oar", "stop")
    try:
        server = doctor()
        bed.service("postgres", "stop")
        both = doctor("--probe")
    finally:
        bed.service("postgres", "start")
        bed.service("oar", "start")
    assert (server.status, server.problems) == (2, [("FAIL", "OAR server")]), server.rows
    assert server.line("OAR server")["message"] == (
        "localhost port 6666 does not answer: Connection refused"
    )
    assert both.problems == [("FAIL", "OAR server"), ("FAIL", "OAR database")], both.rows
    assert both.line("OAR database")["message"].startswith("oarnodes: exit code ")


def test_removal_leaves_arc_as_its_packages_brought_it(bed: Bed) -> None:
    """dpkg compares the files in ARC's directories with those that it has installed."""
    verify = "dpkg --verify $(dpkg-query -W -f '${Package}\\n' 'nordugrid-arc*')"

    def modified() -> list[str]:
        lines = bed.run(["sh", "-c", verify], check=False, timeout=300).stdout.splitlines()
        # The root was built without documentation and translations.
        return [path for path in (line.split()[-1] for line in lines) if path.startswith(PLACES)]

    ours = "ls /usr/share/arc | grep -i oar"
    assert "submit-OAR-job\n" in bed.run(["sh", "-c", ours]).stdout
    try:
        bed.run(["sh", "-c", removing(bed)], cwd="/", timeout=300)
        assert modified() == []
        assert bed.run(["sh", "-c", ours], check=False).stdout == ""
    finally:
        bed.install()
