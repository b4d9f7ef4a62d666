"""Faults that doctor must report on a real ARC and OAR, and its cures, after which it reports none.

A test follows the cure as doctor prints it. Cures that only a person can follow are listed in
tests/FAULTS.md; for those the test only undoes the fault. When a new fault is reported, add it to
these tables first.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from bed import Bed, arcconf
from bed.suites import suite_named
from live.conftest import SUITE
from live.cures import follow
from live.installation import restoring
from support.conf_edits import text_of
from support.wrong_values import WRONG_VALUES

from arc_lrms_oar.arex.config import RUNTIME_CONFIG
from arc_lrms_oar.version import __version__

pytestmark = pytest.mark.live

CONF = "/root/doctor-faults.conf"
PACKAGE = "/usr/lib/python3/dist-packages/arc_lrms_oar"
SECOND = f"/usr/local/lib/python{suite_named(SUITE).python}/dist-packages"
RTES = f"{arcconf.CONTROLDIR}/rte"
NODES = "for n in 1 2 3 4; do oarnodesetting -s {} -h 127.0.0.$n; done >/dev/null"
BLOCK = "\n[custom:oar]\n"
# The faults whose cure only a person can follow.
BY_HAND = re.findall(
    r"^\| `([a-z-]+)` \|", (Path(__file__).parents[1] / "FAULTS.md").read_text(), re.M
)


class Change(NamedTuple):
    """A fault in arc.conf: one text replaced by another, and what doctor reports.

    `undo` is a command that removes what the cure has created.
    """

    old: str
    new: str
    level: str
    check: str
    message: str
    undo: str = "true"


class Fault(NamedTuple):
    """A fault of the machine: the command that causes it, and what doctor reports.

    `undo` is a command that leaves the machine as it was, whether or not the fault is cured.
    """

    cause: str
    undo: str
    level: str
    check: str
    message: str


def option(line: str, level: str, check: str, message: str) -> Change:
    """An option in [custom:oar]."""
    return Change(BLOCK, f"{BLOCK}{line}\n", level, check, message)


CHANGES = {
    "backend": Change("lrms = OAR", "lrms = fork", "FAIL", "configuration", "lrms is fork"),
    "shared-filesystem": Change(
        "[arex]\n", "[arex]\nshared_filesystem = no\n", "FAIL", "configuration", "not transfer"
    ),
    "option-that-arc-refuses": Change(
        "lrms = OAR", "lrms = OAR\noar_queue = x", "FAIL", "validator", "oar_queue"
    ),
    "unknown-queue": Change(BLOCK, f"\n[queue:ghost]\n{BLOCK}", "FAIL", "queue ghost", "no queue"),
    "memory-property": option("memory_property = ram", "FAIL", "resource levels", "property ram"),
    "node-level": option("node_level = box", "FAIL", "resource levels", "property box"),
    "gpu-level": option("gpus = 1", "FAIL", "resource levels", "property gpu"),
    "resources": option(
        "resources = /rack=1/core={count}", "FAIL", "resource levels", "property rack"
    ),
    "core-level": option("core_level = kern", "FAIL", "resource levels", "property kern"),
    "other-gpu-level": option(
        "gpus = 1\ngpu_level = box", "FAIL", "resource levels", "property box"
    ),
    "memory-that-is-no-number": option(
        "memory_property = host", "warn", "resource levels", "no valid host"
    ),
    "unknown-oar-queue": option("oar_queue = ghost", "FAIL", "queue default", "no queue ghost"),
    "cores-per-node": option("cores_per_node = 7", "warn", "resource levels", "nodes have 2"),
    "properties": option("properties = mem > 9999999", "FAIL", "properties", "no resource"),
    "properties-syntax": option("properties = nosuch = 1", "FAIL", "properties", "nosuch = 1"),
    "bin-path": option("bin_path = /nonexistent", "FAIL", "OAR commands as griduser", "oarsub "),
    "metrics-file": option(
        "metrics_file = /none/oar.prom", "warn", "metrics", "does not exist"
    )._replace(undo="rm -rf /none"),
    "cpu-level": option("cpu_level = box", "warn", "resource levels", "property box"),
    "session-directory": Change(
        "sessiondir = ",
        "sessiondir = /nonexistent",
        "FAIL",
        "session directory of griduser",
        "No such file",
        "rm -rf /nonexistent",
    ),
    "control-directory": Change(
        "controldir = ", "controldir = /nonexistent", "FAIL", "control directory", "no processing/"
    ),
    "mapped-to-nobody": Change("map_to_user = all", "#", "FAIL", "users", "names no user"),
    "mapped-to-an-unknown-user": Change(
        "map_to_user = all griduser:griduser",
        "map_to_user = all nosuch:nosuch",
        "FAIL",
        "users",
        "no user or group nosuch",
    ),
    "mapped-to-root": Change(
        "map_to_user = all griduser:griduser",
        "map_to_user = all root:root",
        "FAIL",
        "users",
        "mapped to root",
    ),
}

FAULTS = {
    "package-unreadable": Fault(
        f"chmod -R o-rwx {PACKAGE}",
        f"chmod -R a+rX {PACKAGE}",
        "FAIL",
        "submit script as griduser",
        "griduser cannot read ",
    ),
    "package-writable": Fault(
        f"chmod g+w {PACKAGE}/cli.py",
        f"chmod -R go-w {PACKAGE}",
        "FAIL",
        "permissions",
        "can change",
    ),
    "script-missing": Fault(
        "mv /usr/share/arc/scan-OAR-job /usr/share/arc/moved-scan-OAR-job",
        "rm /usr/share/arc/moved-scan-OAR-job",
        "FAIL",
        "scripts",
        "is missing",
    ),
    "info-module-missing": Fault(
        "rm /usr/share/arc/OARmod.pm", "true", "FAIL", "scripts", "OARmod.pm is missing"
    ),
    "submit-script-missing": Fault(
        "rm /usr/share/arc/submit-OAR-job", "true", "FAIL", "scripts", "submit-OAR-job is missing"
    ),
    "cancel-script-not-executable": Fault(
        "chmod a-x /usr/share/arc/cancel-OAR-job", "true", "FAIL", "scripts", "has mode 0644"
    ),
    # `install` keeps the replaced script, and `uninstall` would bring it back.
    "script-replaced": Fault(
        "echo '# another' >>/usr/share/arc/submit-OAR-job",
        "[ -e /var/lib/dpkg/info/arc-lrms-oar.list ] || { cd /; python3 -m arc_lrms_oar uninstall;"
        " rm -f /usr/share/arc/submit-OAR-job; python3 -m arc_lrms_oar install --lrms OAR; }",
        "FAIL",
        "scripts",
        "is not this package's file",
    ),
    "session-directory-missing": Fault(
        f"mv {arcconf.SESSIONDIR} {arcconf.SESSIONDIR}.moved",
        f"rm -r {arcconf.SESSIONDIR}; mv {arcconf.SESSIONDIR}.moved {arcconf.SESSIONDIR}",
        "FAIL",
        "session directory of griduser",
        "No such file",
    ),
    "oarstat-not-executable": Fault(
        "chmod o-rx /usr/bin/oarstat",
        "chmod 6755 /usr/bin/oarstat",
        "FAIL",
        "OAR commands as griduser",
        "oarstat cannot be run: Permission denied",
    ),
    "oarnodes-missing": Fault(
        "mv /usr/bin/oarnodes /usr/bin/moved-oarnodes",
        "mv /usr/bin/moved-oarnodes /usr/bin/oarnodes",
        "FAIL",
        "OAR commands as griduser",
        "oarnodes cannot be run: No such file",
    ),
    "runtime-environment-without-its-file": Fault(
        f"mkdir -p {RTES}/enabled; ln -s /nonexistent {RTES}/enabled/GONE",
        f"rm -f {RTES}/enabled/GONE",
        "FAIL",
        "runtime environments",
        "GONE is enabled",
    ),
    "control-directory-writable": Fault(
        f"chmod o+w {arcconf.CONTROLDIR}",
        f"chmod go-w {arcconf.CONTROLDIR}",
        "FAIL",
        "control directory",
        "writable for other users",
    ),
    "oarsub-not-executable": Fault(
        "chmod o-rx /usr/bin/oarsub",
        "chmod 6755 /usr/bin/oarsub",
        "FAIL",
        "OAR commands as griduser",
        "Permission denied",
    ),
    "session-directory-closed": Fault(
        f"chmod 700 {arcconf.SESSIONDIR}",
        f"chmod 755 {arcconf.SESSIONDIR}",
        "FAIL",
        "session directory of griduser",
        "cannot write",
    ),
    "data-directory-writable": Fault(
        "chmod o+w /usr/share/arc",
        "chmod 755 /usr/share/arc",
        "FAIL",
        "permissions",
        "can replace the scripts in /usr/share/arc",
    ),
    "shell-that-refuses-its-user": Fault(
        "usermod -s /usr/sbin/nologin griduser",
        "usermod -s /bin/bash griduser",
        "warn",
        "users",
        "griduser has the shell /usr/sbin/nologin",
    ),
    "queue-inactive": Fault(
        "oarnotify -d long", "oarnotify -e long", "warn", "queue long", "is not active"
    ),
    "nodes-absent": Fault(
        NODES.format("Absent"), NODES.format("Alive"), "FAIL", "resources", "0 of 8"
    ),
}


class Doctor:
    """Runs doctor with the testbed's plain arc.conf."""

    def __init__(self, bed: Bed) -> None:
        self.bed = bed
        self.plain = arcconf.render(arcconf.read_template(arcconf.DEFAULT_TEMPLATE))

    def problems(self, conf: str, config: str = CONF) -> list[dict[str, str]]:
        """Return the findings that are not ok, with `conf` as the text of arc.conf.

        With `config` = "", doctor chooses its configuration file itself instead.
        """
        self.bed.run(["tee", CONF], input=conf)
        argv = ["python3", "-m", "arc_lrms_oar", "doctor", "--json"]
        named = ["--config", config] if config else []
        done = self.bed.run([*argv, *named], cwd="/", check=False, timeout=300)
        assert done.stderr == ""
        rows = [row for row in json.loads(done.stdout)["findings"] if row["level"] != "ok"]
        # No fault makes OAR slow; the machine's load does.
        return [row for row in rows if (row["level"], row["check"]) != ("warn", "OAR database")]


@pytest.fixture(scope="module")
def doctor(bed: Bed) -> Doctor:
    made = Doctor(bed)
    assert made.problems(made.plain) == []
    return made


def expected(rows: list[dict[str, str]], fault: Change | Fault) -> dict[str, str]:
    """The finding that is expected, which has a cure."""
    for row in rows:
        same = (row["level"], row["check"]) == (fault.level, fault.check)
        if same and fault.message in row["message"] and row["cure"]:
            return row
    raise AssertionError(rows)


def test_faults_that_only_a_person_can_cure() -> None:
    assert set(BY_HAND) <= {*CHANGES, *FAULTS}


@pytest.mark.parametrize("name", CHANGES)
def test_fault_in_arc_conf(doctor: Doctor, name: str) -> None:
    change = CHANGES[name]
    assert change.old in doctor.plain
    faulty = doctor.plain.replace(change.old, change.new)
    row = expected(doctor.problems(faulty), change)
    try:
        cured = follow(doctor.bed, faulty, row["cure"])
        assert (cured is None) == (name in BY_HAND), row
        # The plain arc.conf is known to have no problem.
        if cured is not None and text_of(cured) != text_of(doctor.plain):
            assert doctor.problems(cured) == []
    finally:
        doctor.bed.run(["sh", "-ec", change.undo], cwd="/")


def test_wrong_values(doctor: Doctor) -> None:
    """All wrong values, as few as possible at a time; one doctor names all of them."""
    rounds: list[dict[str, str]] = []
    for line in WRONG_VALUES:
        name = line.partition(" = ")[0]
        free = next((one for one in rounds if name not in one), None)
        if free is None:
            rounds.append(free := {})
        free[name] = line
    for lines in rounds:
        faulty = doctor.plain.replace(BLOCK, BLOCK + "".join(f"{x}\n" for x in lines.values()))
        found = {row["message"]: row for row in doctor.problems(faulty)}
        cured: str | None = faulty
        for name, line in lines.items():
            start = f'[custom:oar] {name} = "{line.partition(" = ")[2]}": expected '
            (row,) = [row for message, row in found.items() if start in message]
            assert WRONG_VALUES[line] in row["message"]
            assert (row["level"], row["check"]) == ("FAIL", "configuration")
            cured = follow(doctor.bed, str(cured), row["cure"])
        assert len(found) == len(lines)
        assert cured is not None
        assert text_of(cured) == text_of(doctor.plain)


@pytest.mark.parametrize("name", FAULTS)
def test_fault_of_the_machine(doctor: Doctor, name: str) -> None:
    fault = FAULTS[name]
    bed, cured = doctor.bed, None
    bed.run(["sh", "-ec", fault.cause])
    try:
        row = expected(doctor.problems(doctor.plain), fault)
        cured = follow(bed, doctor.plain, row["cure"])
        assert (cured is None) == (name in BY_HAND), row
        if cured is not None:
            assert doctor.problems(doctor.plain) == []
    finally:
        if cured is None:
            bed.run(["sh", "-ec", restoring(bed)], cwd="/")
        bed.run(["sh", "-ec", fault.undo], cwd="/")
    if cured is None:
        assert doctor.problems(doctor.plain) == []


def test_second_copy(doctor: Doctor) -> None:
    """Python finds the copy in /usr/local first; the cure keeps what a package manager owns."""
    bed, second = doctor.bed, f"{SECOND}/arc_lrms_oar"

    def python_problems() -> list[dict[str, str]]:
        return [row for row in doctor.problems(doctor.plain) if row["check"] == "Python"]

    copy = f"mkdir -p {SECOND}; cp -r {PACKAGE} {SECOND}; chmod -R a+rX {SECOND}"
    bed.run(["sh", "-ec", f"{copy}; sed -i 's/{__version__}/9.9.9/' {second}/version.py"])
    try:
        # A-REX's umask makes bytecode that users cannot read, which is another finding.
        (row,) = python_problems()
        which = ["python3", "-c", "import arc_lrms_oar; print(*arc_lrms_oar.__path__)"]
        assert bed.run(which, cwd="/").stdout == f"{second}\n"
        kept = __version__
        if bed.package_kind() == "deb":
            kept += ", package arc-lrms-oar"
        assert row["level"] == "warn"
        assert row["message"] == (
            f"there are 2 copies of the package: {second} (9.9.9) is used, "
            f"and {PACKAGE} ({kept}) is not"
        )
        unwanted = second if bed.package_kind() == "deb" else PACKAGE
        assert row["cure"] == f"keep one copy; run: rm -r {unwanted}"
        follow(bed, doctor.plain, row["cure"])
        assert python_problems() == []
    finally:
        bed.run(["rm", "-rf", second])
        bed.install()
    assert doctor.problems(doctor.plain) == []


def test_server_that_is_stopped(doctor: Doctor) -> None:
    doctor.bed.service("oar", "stop")
    try:
        (row,) = doctor.problems(doctor.plain)
        assert (row["level"], row["check"]) == ("FAIL", "OAR server")
        follow(doctor.bed, doctor.plain, row["cure"])
        assert doctor.problems(doctor.plain) == []
    finally:
        doctor.bed.service("oar", "start")


def test_runtime_configuration_that_users_cannot_read(doctor: Doctor) -> None:
    """As A-REX makes it when it is started with umask 027."""
    check = "submit script as griduser"
    doctor.bed.run(["chmod", "640", RUNTIME_CONFIG])
    try:
        rows = doctor.problems(doctor.plain, config="")
        (row,) = (row for row in rows if row["check"] == check)
        assert row["level"] == "FAIL"
        assert row["message"].startswith(f"griduser cannot read {RUNTIME_CONFIG}, which A-REX ")
        follow(doctor.bed, doctor.plain, row["cure"])
        rows = doctor.problems(doctor.plain, config="")
        assert [row for row in rows if row["check"] == check] == []
    finally:
        doctor.bed.run(["chmod", "644", RUNTIME_CONFIG])


@pytest.mark.parametrize("user", ["griduser", "otheruser"])
def test_ordinary_user(doctor: Doctor, user: str) -> None:
    """On a CE without a fault, doctor only advises an ordinary user to run it as root."""
    argv = ["python3", "-m", "arc_lrms_oar", "doctor", "--json"]
    for mode in ("755", "700"):
        doctor.bed.run(["chmod", mode, arcconf.CONTROLDIR])
        try:
            done = doctor.bed.run(argv, cwd="/", check=False, timeout=300, user=user)
        finally:
            doctor.bed.run(["chmod", "755", arcconf.CONTROLDIR])
        bad = [row for row in json.loads(done.stdout)["findings"] if row["level"] != "ok"]
        assert [(row["check"], row["cure"]) for row in bad] == [("doctor", "run doctor as root")]


def test_arex_that_has_died(doctor: Doctor) -> None:
    """A-REX's runtime configuration still exists; only its heartbeat is old."""
    doctor.bed.service("arex", "kill")
    try:
        doctor.bed.run(["touch", "-d", "1 hour ago", f"{arcconf.CONTROLDIR}/gm-heartbeat"])
        rows = doctor.problems(doctor.plain, config="")
        (row,) = (row for row in rows if row["check"] == "A-REX")
        assert row["message"].startswith("it is not running: ")
        assert "gm-heartbeat was last written 60 min ago" in row["message"]
        follow(doctor.bed, doctor.plain, row["cure"])
        rows = doctor.problems(doctor.plain, config="")
        assert [row for row in rows if row["check"] == "A-REX"] == []
    finally:
        doctor.bed.service("arex", "start")
