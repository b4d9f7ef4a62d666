"""Faults that doctor must report on a real ARC and OAR, and cures after which it reports none.

When a new fault is reported, add it to these tables first.
"""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest
from bed import Bed, arcconf
from bed.suites import suite_named
from live.conftest import SUITE
from live.installation import restoring

from arc_lrms_oar.version import __version__

pytestmark = pytest.mark.live

CONF = "/root/doctor-faults.conf"
PACKAGE = "/usr/lib/python3/dist-packages/arc_lrms_oar"
SECOND = f"/usr/local/lib/python{suite_named(SUITE).python}/dist-packages"
RTES = f"{arcconf.CONTROLDIR}/rte"
NODES = "for n in 1 2 3 4; do oarnodesetting -s {} -h 127.0.0.$n; done >/dev/null"
# In place of the command that restores the package's files.
RESTORE = "restore"
BLOCK = "\n[custom:oar]\n"


class Change(NamedTuple):
    """A fault in arc.conf: one text replaced by another, and what doctor reports."""

    old: str
    new: str
    level: str
    check: str
    message: str


class Fault(NamedTuple):
    """A fault of the machine: commands that cause it and cure it, and what doctor reports."""

    cause: str
    cure: str
    level: str
    check: str
    message: str


def option(line: str, level: str, check: str, message: str) -> Change:
    """An option in [custom:oar]."""
    return Change(BLOCK, f"{BLOCK}{line}\n", level, check, message)


# Values that an option cannot have, and what doctor names as right.
WRONG_VALUES = {
    "lost_time = x": "seconds (3600)",
    "default_walltime = -5": "seconds (3600)",
    "core_level = a b": "the name of one of OAR's resource properties",
    "cpu_level = a b": "the name of one of OAR's resource properties",
    "gpu_level = a b": "the name of one of OAR's resource properties",
    "memory_property = a b": "the name of one of OAR's resource properties",
    "oar_queue = a b": "one word",
    "remote_sessiondir = x": "the absolute path of a directory",
    "private_key = key": "the absolute path of a file",
    "ssh_timeout = x": "seconds (3600)",
    "cores_per_node = x": "a whole number",
    "checkpoint_signal = 99": "the number of a signal",
    "checkpoint = often": "seconds (3600)",
    "max_waiting = many": "a whole number",
    "max_user_running = -1": "a whole number",
    "best_effort_slots = maybe": "free or used",
    "local_jobs = perhaps": "yes or no",
    "memory_unit = PB": "kB, MB or GB",
    "memory_scope = rack": "core or node",
    "resubmitted = maybe": "follow or delete",
    "usage_interval = often": "seconds (3600)",
    "gpus = many": "a whole number",
    "metrics_file = oar.prom": "the absolute path of a file that ends in .prom",
    "identity = nonsense": "voms FQAN",
    "lost_cycles = few": "a whole number",
    "submit_budget = 9999": "at most 600 seconds",
    "command_timeout = never": "seconds (3600)",
    "types = no such=x;y": "a blank between job types",
    "notify = shout": "mail:ADDRESS or exec:/PROGRAM",
    "properties = a'b": "a property, a number",
    "resources = core": "= at character 5",
    "project = a b;c": "one word",
    "bin_path = usr/bin": "the absolute path of a directory",
}

CHANGES = {
    "backend": Change("lrms = OAR", "lrms = fork", "FAIL", "configuration", "lrms is fork"),
    "default-queue": Change(
        "lrms = OAR", "lrms = OAR nosuch", "FAIL", "configuration", "the default queue nosuch"
    ),
    "block-in-capitals": Change(
        BLOCK,
        f"\n[custom:OAR]\nproject = x\n{BLOCK}",
        "FAIL",
        "configuration",
        "block names are case-sensitive",
    ),
    "block-of-no-queue": Change(
        BLOCK,
        f"\n[custom:oar/none]\nproject = x\n{BLOCK}",
        "warn",
        "configuration",
        "a queue without a block",
    ),
    "option-of-the-site-in-a-queue": Change(
        BLOCK,
        f"\n[custom:oar/long]\nlost_time = 60\n{BLOCK}",
        "warn",
        "configuration",
        "lost_time: no such option",
    ),
    "unknown-option": option("proyect = x", "warn", "configuration", "did you mean project?"),
    "wrong-value": option("default_walltime = soon", "FAIL", "configuration", "expected "),
    "shared-filesystem": Change(
        "[arex]\n", "[arex]\nshared_filesystem = no\n", "FAIL", "configuration", "not transfer"
    ),
    "acl-users": option("acl_users = nosuch", "warn", "configuration", "no user nosuch"),
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
    "metrics-file": option("metrics_file = /none/oar.prom", "warn", "metrics", "does not exist"),
    "session-directory": Change(
        "sessiondir = ",
        "sessiondir = /nonexistent",
        "FAIL",
        "session directory of griduser",
        "No such file",
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
        "mv /usr/share/arc/moved-scan-OAR-job /usr/share/arc/scan-OAR-job",
        "FAIL",
        "scripts",
        "is missing",
    ),
    "info-module-missing": Fault(
        "rm /usr/share/arc/OARmod.pm", RESTORE, "FAIL", "scripts", "OARmod.pm is missing"
    ),
    "submit-script-missing": Fault(
        "rm /usr/share/arc/submit-OAR-job", RESTORE, "FAIL", "scripts", "submit-OAR-job is missing"
    ),
    "cancel-script-not-executable": Fault(
        "chmod a-x /usr/share/arc/cancel-OAR-job", RESTORE, "FAIL", "scripts", "has mode 0644"
    ),
    "script-replaced": Fault(
        "echo '# another' >>/usr/share/arc/submit-OAR-job",
        RESTORE,
        "FAIL",
        "scripts",
        "is not this package's file",
    ),
    "session-directory-missing": Fault(
        f"mv {arcconf.SESSIONDIR} {arcconf.SESSIONDIR}.moved",
        f"mkdir -p -m 755 {arcconf.SESSIONDIR}",
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
        f"rm {RTES}/enabled/GONE",
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
        return [row for row in json.loads(done.stdout)["findings"] if row["level"] != "ok"]


@pytest.fixture(scope="module")
def doctor(bed: Bed) -> Doctor:
    made = Doctor(bed)
    assert made.problems(made.plain) == []
    return made


def matches(row: dict[str, str], expected: Change | Fault) -> bool:
    """Return whether the finding is the expected one and has a cure."""
    same = (row["level"], row["check"]) == (expected.level, expected.check)
    return same and expected.message in row["message"] and bool(row["cure"])


@pytest.mark.parametrize("name", CHANGES)
def test_fault_in_arc_conf(doctor: Doctor, name: str) -> None:
    change = CHANGES[name]
    assert change.old in doctor.plain
    rows = doctor.problems(doctor.plain.replace(change.old, change.new))
    assert any(matches(row, change) for row in rows), rows


@pytest.mark.parametrize("line", WRONG_VALUES)
def test_wrong_value(doctor: Doctor, line: str) -> None:
    (row,) = doctor.problems(doctor.plain.replace(BLOCK, f"{BLOCK}{line}\n"))
    assert (row["level"], row["check"]) == ("FAIL", "configuration")
    assert f"[custom:oar] {line.partition(' = ')[0]} = " in row["message"]
    assert f": expected {WRONG_VALUES[line]}" in row["message"]
    assert row["cure"]


@pytest.mark.parametrize("name", FAULTS)
def test_fault_of_the_machine(doctor: Doctor, name: str) -> None:
    fault = FAULTS[name]
    doctor.bed.run(["sh", "-ec", fault.cause])
    try:
        rows = doctor.problems(doctor.plain)
    finally:
        cure = restoring(doctor.bed) if fault.cure == RESTORE else fault.cure
        doctor.bed.run(["sh", "-ec", cure], cwd="/")
    assert any(matches(row, fault) for row in rows), rows
    assert doctor.problems(doctor.plain) == []


def test_second_copy(doctor: Doctor) -> None:
    """Python finds the copy in /usr/local first; the cure keeps what a package manager owns."""
    bed, second = doctor.bed, f"{SECOND}/arc_lrms_oar"
    copy = f"mkdir -p {SECOND}; cp -r {PACKAGE} {SECOND}; chmod -R a+rX {SECOND}"
    bed.run(["sh", "-ec", f"{copy}; sed -i 's/{__version__}/9.9.9/' {second}/version.py"])
    try:
        (row,) = doctor.problems(doctor.plain)
        which = ["python3", "-c", "import arc_lrms_oar; print(*arc_lrms_oar.__path__)"]
        assert bed.run(which, cwd="/").stdout == f"{second}\n"
        kept = __version__
        if bed.package_kind() == "deb":
            kept += ", package arc-lrms-oar"
        assert (row["level"], row["check"]) == ("warn", "Python")
        assert row["message"] == (
            f"there are 2 copies of the package: {second} (9.9.9) is used, "
            f"and {PACKAGE} ({kept}) is not"
        )
        unwanted = second if bed.package_kind() == "deb" else PACKAGE
        assert row["cure"] == f"keep one copy; run: rm -r {unwanted}"
        bed.run(["sh", "-c", row["cure"].partition("run: ")[2]])
        assert [row for row in doctor.problems(doctor.plain) if row["check"] == "Python"] == []
    finally:
        bed.run(["rm", "-rf", second])
        bed.install()
    assert doctor.problems(doctor.plain) == []


def test_server_that_is_stopped(doctor: Doctor) -> None:
    doctor.bed.service("oar", "stop")
    try:
        rows = doctor.problems(doctor.plain)
    finally:
        doctor.bed.service("oar", "start")
    assert [(row["level"], row["check"]) for row in rows] == [("FAIL", "OAR server")]
    assert doctor.problems(doctor.plain) == []


def test_arex_that_has_died(doctor: Doctor) -> None:
    """A-REX's runtime configuration still exists; only its heartbeat is old."""
    doctor.bed.service("arex", "kill")
    try:
        doctor.bed.run(["touch", "-d", "1 hour ago", f"{arcconf.CONTROLDIR}/gm-heartbeat"])
        rows = doctor.problems(doctor.plain, config="")
    finally:
        doctor.bed.service("arex", "start")
    (row,) = (row for row in rows if row["check"] == "A-REX")
    assert row["message"].startswith("it is not running: ")
    assert "gm-heartbeat was last written 60 min ago" in row["message"]
    rows = doctor.problems(doctor.plain, config="")
    assert [row for row in rows if row["check"] == "A-REX"] == []
