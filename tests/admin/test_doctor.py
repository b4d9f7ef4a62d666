"""doctor as a whole, and its checks of ARC, arc.conf and users."""

from __future__ import annotations

import errno
import json
import os
import pwd
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from standin import Standin
from support.arc_tree import ArcTree
from support.ce import Ce
from support.oar_site import Site
from support.users import needs_root

from arc_lrms_oar.admin import (
    check_arc,
    check_config,
    check_sessions,
    check_users,
    doctor,
)
from arc_lrms_oar.admin.arc_locations import Arc
from arc_lrms_oar.admin.as_user import run_as
from arc_lrms_oar.admin.findings import Finding
from arc_lrms_oar.admin.mapped_users import find_account, own_account, refusing_shell
from arc_lrms_oar.arex.config import parse_blocks
from arc_lrms_oar.settings import Settings

GOOD = "[lrms]\nlrms=OAR\n[queue:default]\n[custom:oar]\n"


@pytest.fixture
def arc(place: Path) -> ArcTree:
    return ArcTree(place)


@pytest.fixture
def site(place: Path, oar: Standin) -> Site:
    return Site(Ce(place / "ce"), oar)


@pytest.fixture
def quiet_validator(arc: ArcTree) -> ArcTree:
    arc.tools.mkdir(parents=True)
    for name in ("arc-config-check", "gm-kick"):
        (arc.tools / name).write_text("#!/bin/sh\n")
        (arc.tools / name).chmod(0o755)
    return arc


def bad(found: Iterator[Finding]) -> list[tuple[str, str, str]]:
    return [(one.level, one.check, one.message) for one in found if one.level != "ok"]


def test_whole_run(quiet_validator: ArcTree, site: Site) -> None:
    """A site with one unknown option, before and after install."""
    name = find_account("nobody") if os.geteuid() == 0 else own_account()
    assert name is not None
    site.configure("proyect=x", mapping=f"map_to_user=all {name.name}")
    shell = [("warn", "users")] * bool(refusing_shell(name))
    ask = ["doctor", "--config", site.ce.conf]
    found = quiet_validator.run(*ask, "--json", ARC_LOCATION=str(quiet_validator.prefix))
    report = json.loads(found.stdout)
    assert (found.returncode, found.stderr, report["exit_status"]) == (2, "", 2)
    rows = [row for row in report["findings"] if row["level"] != "ok"]
    assert [(row["level"], row["check"]) for row in rows] == [
        *[("FAIL", "scripts")] * 7,
        ("warn", "configuration"),
        *shell,
    ]
    quiet_validator.ok("install")
    found = quiet_validator.run(*ask, ARC_LOCATION=str(quiet_validator.prefix))
    assert found.stderr == ""
    lines = found.stdout.splitlines()
    # The interpreter of these tests may be where other users cannot run it.
    script = f" submit script as {name.name}: "
    at = next((i for i, line in enumerate(lines) if line.startswith("FAIL ") and script in line), 0)
    assert found.returncode == (2 if at else 1)
    lines[at : at + 2 * bool(at)] = []
    at = lines.index(
        f"warn  configuration: {site.ce.conf}: [custom:oar] proyect: no such option; "
        "did you mean project?"
    )
    assert lines[at + 1] == (
        "      -> rename proyect to project in [custom:oar], or remove it: it has no effect"
    )
    bad_lines = [line for line in lines if not line.startswith("ok ")]
    assert bad_lines[:2] == lines[at : at + 2]
    assert [line.split()[1] for line in bad_lines[2::2]] == ["users:"] * len(shell)
    assert site.commands().count("oarsub") == 2


def test_configuration_that_cannot_be_read(quiet_validator: ArcTree, place: Path) -> None:
    found = quiet_validator.run("doctor", "--config", place / "none")
    assert (found.returncode, found.stderr) == (2, "")
    assert found.stdout.splitlines()[-2] == (
        f"FAIL  configuration: {place}/none: cannot read the ARC configuration: "
        "No such file or directory"
    )


def look(text: str) -> list[tuple[str, str, str]]:
    return bad(check_config.check_config("arc.conf", parse_blocks(text, "arc.conf")))


def test_benchmarks() -> None:
    right = GOOD.replace("OAR\n", "OAR\nbenchmark=HEPscore23:12.5\n")
    assert look(right.replace("default]\n", "default]\nbenchmark=HEPscore23 21.0\n")) == []
    wrong = GOOD.replace("default]\n", "default]\nbenchmark=HEPscore23:21.0\n")
    ((level, check, text),) = look(wrong)
    assert (level, check, text) == (
        "warn",
        "configuration",
        "arc.conf: [queue:default] benchmark = HEPscore23:21.0: ARC publishes it without its "
        "value, because a queue needs a space in place of the colon",
    )


def test_configurations() -> None:
    assert look(GOOD) == []
    assert look(GOOD.replace("OAR", "oar default")) == []
    ((level, _, text),) = look(GOOD.replace("OAR", "fork"))
    assert (level, text) == (
        "FAIL",
        "arc.conf: [lrms] lrms is fork, so A-REX does not use this package",
    )
    ((level, _, text),) = look(GOOD + "submit_budget=x\n")
    assert (level, text.partition(": expected ")[0]) == (
        "FAIL",
        'arc.conf: [custom:oar] submit_budget = "x"',
    )
    ((level, _, text),) = look(GOOD + "[custom:oar/lnog]\n")
    assert (level, text) == (
        "warn",
        "arc.conf: [custom:oar/lnog] is for a queue without a block [queue:NAME]",
    )
    ((level, _, text),) = look(GOOD + "[custom:OAR/default]\nproject=x\n")
    assert (level, text) == (
        "FAIL",
        "arc.conf: [custom:OAR/default] is ignored: block names are case-sensitive",
    )
    ((level, _, text),) = look(GOOD.replace("OAR", "OAR long"))
    assert level == "FAIL"
    assert "names the default queue long" in text
    ((level, _, text),) = look(GOOD + "acl_users=root nosuchuser\n")
    assert (level, text) == (
        "warn",
        "arc.conf: [custom:oar] acl_users: there is no user nosuchuser",
    )
    ((level, _, text),) = look(GOOD + "[arex]\nshared_filesystem=no\n")
    assert level == "FAIL"
    assert "OAR does not transfer files to nodes" in text


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            "[2026-11-21 12:44:50] [Arc.validator] [ERROR] arc.conf:2: found oar_x",
            "arc.conf:2: found oar_x",
        ),
        ("[2026-11-21 15:15:24,321] [ARCCTL.Validator] [ERROR] [508] ['x' is none]", "'x' is none"),
    ],
    ids=["arc6", "arc7"],
)
def test_errors_of_arcs_validator(arc: ArcTree, output: str, message: str) -> None:
    """Recorded from arc-config-check of ARC 6.17 and arcctl of ARC 7.0."""
    arc.tools.mkdir(parents=True)
    check = arc.tools / "arc-config-check"
    last = "[2026-11-21] [ARCCTL.Config] [ERROR] [508] [Validation returned 1 error(s)]"
    check.write_text(f'#!/bin/sh\ncat <<"E"\n{output}\n{last}\nE\nexit 1\n')
    check.chmod(0o755)
    where = Arc("", "", str(arc.tools), "", "")
    found = check_config.check_validator("arc.conf", where, foreign=False)
    assert bad(found) == [("FAIL", "validator", message)]
    (finding,) = check_config.check_validator("arc.conf", where, foreign=True)
    assert (finding.level, finding.message) == (
        "ok",
        "not checked: arc-config-check must run as A-REX's user",
    )


def test_gm_kick_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARC_LOCATION", str(tmp_path))
    assert [one[:2] for one in bad(check_arc.check_kick())] == [("warn", "gm-kick")]


def test_no_arc() -> None:
    assert bad(check_arc.check_scripts(None, "no ARC CE was found", "OAR")) == [
        ("FAIL", "ARC", "no ARC CE was found")
    ]


@needs_root
def test_users() -> None:
    def told(text: str, *chosen: str) -> tuple[list[tuple[str, str, str]], list[str]]:
        found, accounts = check_users.choose_users(parse_blocks(text, "arc.conf"), list(chosen))
        return bad(iter(found)), [one.name for one in accounts]

    assert told("[mapping]\nmap_to_user=all nobody\n") == ([], ["nobody"])
    assert told("", "nobody") == ([], ["nobody"])
    ((level, _, text),), names = told("")
    assert (level, names) == ("FAIL", [])
    assert text.startswith("[mapping] names no user")
    text = "[mapping]\nmap_to_user=all root\nmap_to_user=all nosuch\nmap_with_plugin=all 9 /x\n"
    found, names = told(text)
    assert [one[0] for one in found] == ["warn", "FAIL", "FAIL"]
    assert names == []


def test_commands_that_a_user_cannot_run(site: Site) -> None:
    me = find_account("nobody") if os.geteuid() == 0 else own_account()
    assert me is not None
    assert bad(check_users.check_commands(site.settings(), me)) == []
    assert {call.uid for call in site.oar.calls()} == {me.uid}
    (site.oar.bin / "oarsub").chmod(0o600)
    site.oar.set("fail_times", "oardel:9:3:odd")
    found = bad(check_users.check_commands(site.settings(), me))
    what = f"OAR commands as {me.name}"
    assert found == [
        ("FAIL", what, "oarsub cannot be run: Permission denied"),
        ("FAIL", what, "oardel -V exits with status 3: odd"),
    ]


@needs_root
def test_session_directories(place: Path) -> None:
    nobody = find_account("nobody")
    assert nobody is not None
    shut, gone = place / "shut", place / "gone"
    shut.mkdir(mode=0o700)
    text = f"[arex]\nsessiondir={place}\nsessiondir={shut}\nsessiondir={gone} drain\n"
    found = bad(check_sessions.check_sessions(parse_blocks(text, "arc.conf"), nobody))
    what = "session directory of nobody"
    assert found == [("FAIL", what, f"{shut}: nobody cannot write to their own directory there")]
    blocks = parse_blocks(f"[arex]\nsessiondir={gone}\n", "arc.conf")
    assert bad(check_sessions.check_sessions(blocks, nobody)) == [
        ("FAIL", what, f"{gone}: A-REX cannot create a directory: No such file or directory")
    ]
    assert sorted(path.name for path in place.iterdir()) == ["shut"]
    assert list(shut.iterdir()) == []


def test_session_directory_without_room(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(*_: object) -> int:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    blocks = parse_blocks(f"[arex]\nsessiondir={place}\n", "arc.conf")
    monkeypatch.setattr("os.write", write)
    user = own_account()
    ((level, _, text),) = bad(check_sessions.check_sessions(blocks, user))
    assert (level, text) == (
        "FAIL",
        f"{place}: {user.name} cannot write a file: Disk quota exceeded",
    )
    assert list(place.iterdir()) == []


def cure(found: Iterator[Finding]) -> str:
    """The cure of the one finding that is not ok, or of the first of several."""
    return next(one for one in found if one.level != "ok").cure


def test_cures_for_commands(site: Site, place: Path) -> None:
    user = own_account()
    settings = site.settings()
    (site.oar.bin / "oarsub").unlink()
    assert cure(check_users.check_commands(settings, user)) == (
        "correct the value, or remove bin_path from [custom:oar]"
    )
    site.oar.set("fail_times", "oarstat:9:3:odd")
    (site.oar.bin / "oarsub").symlink_to(site.oar.bin / "oardel")
    assert "check OAR's log" in cure(check_users.check_commands(settings, user))


def test_cures_for_session_directories(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = own_account()
    blocks = parse_blocks(f"[arex]\nsessiondir={place}/gone\n", "arc.conf")
    assert cure(check_sessions.check_sessions(blocks, user)) == (
        f"run: mkdir -p -m 755 {place}/gone; or correct sessiondir in [arex]"
    )

    def write(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.write", write)
    blocks = parse_blocks(f"[arex]\nsessiondir={place}\n", "arc.conf")
    assert cure(check_sessions.check_sessions(blocks, user)).startswith("free space, or raise the ")


@needs_root
def test_cure_for_a_closed_session_directory(place: Path) -> None:
    """The directories that the user may not enter are named, and no others."""
    nobody = find_account("nobody")
    assert nobody is not None
    sessions = place / "shut" / "open" / "sessions"
    sessions.mkdir(parents=True)
    sessions.chmod(0o700)
    (place / "shut").chmod(0o710)
    blocks = parse_blocks(f"[arex]\nsessiondir={sessions}\n", "arc.conf")
    assert cure(check_sessions.check_sessions(blocks, nobody)) == (
        f"run: chmod a+x {place}/shut {sessions}; otherwise nobody cannot reach {sessions}"
    )
    for path in (place / "shut", sessions):
        path.chmod(0o711)
    assert bad(check_sessions.check_sessions(blocks, nobody)) == []


@needs_root
def test_cure_for_a_session_directory_with_an_access_control_list(place: Path) -> None:
    """An entry of its own lets a user in where the mode does not, and keeps it out otherwise."""
    nobody = find_account("nobody")
    assert nobody is not None
    sessions = place / "sessions"
    sessions.mkdir()
    blocks = parse_blocks(f"[arex]\nsessiondir={sessions}\n", "arc.conf")
    sessions.chmod(0o700)
    set_entry(sessions, nobody.uid, 0o1)
    assert bad(check_sessions.check_sessions(blocks, nobody)) == []
    place.chmod(0o700)
    assert cure(check_sessions.check_sessions(blocks, nobody)) == (
        f"run: chmod a+x {place}; otherwise nobody cannot reach {sessions}"
    )
    place.chmod(0o755)
    sessions.chmod(0o755)
    set_entry(sessions, nobody.uid, 0)
    assert cure(check_sessions.check_sessions(blocks, nobody)) == (
        f"run: setfacl -m u:nobody:x {sessions}; the access control list denies it"
    )


def set_entry(path: Path, uid: int, permissions: int) -> None:
    """Give `path` an access control list: its mode, and an entry for one user.

    The list is that of linux/posix_acl_xattr.h, so that setfacl need not be installed.
    """
    mode = path.stat().st_mode
    mask = mode >> 3 & 7 | permissions
    entries = [
        (1, mode >> 6 & 7, -1),
        (2, permissions, uid),
        (4, mode >> 3 & 7, -1),
        (16, mask, -1),
        (32, mode & 7, -1),
    ]
    value = struct.pack("<I", 2)
    value += b"".join(struct.pack("<HHI", *entry[:2], entry[2] & 0xFFFFFFFF) for entry in entries)
    try:
        os.setxattr(path, "system.posix_acl_access", value)
    except OSError as error:
        pytest.skip(f"no access control lists at {path}: {error.strerror}")


def test_cures_of_an_ordinary_user(place: Path) -> None:
    """Also where doctor runs as the user that A-REX and its jobs have."""

    def cure_of_owner() -> str:
        return cure(check_sessions.check_sessions(blocks, user))

    chosen = find_account("nobody") if os.geteuid() == 0 else own_account()
    assert chosen is not None
    user = chosen
    sessions = place / "shut" / "sessions"
    sessions.mkdir(parents=True)
    blocks = parse_blocks(f"[arex]\nsessiondir={sessions}\n", "arc.conf")
    if os.geteuid() == 0:
        os.chown(place / "shut", user.uid, user.gid)
    sessions.chmod(0o555)
    assert run_as(user, cure_of_owner) == (
        f"let {user.name} write there, or set sessiondir in [arex] to a directory of theirs"
    )
    (place / "shut").chmod(0o600)
    assert run_as(user, cure_of_owner) == (
        f"run: chmod a+x {place}/shut; otherwise {user.name} cannot reach {sessions}"
    )
    (place / "shut").chmod(0o700)


@needs_root
def test_cure_for_a_command_that_users_may_not_run(site: Site) -> None:
    nobody = find_account("nobody")
    assert nobody is not None
    command = (site.oar.bin / "oarsub").resolve()
    command.chmod(0o700)
    assert cure(check_users.check_commands(site.settings(), nobody)).startswith(
        f"run: chmod 6755 {command}; "
    )


def test_user_whose_shell_refuses_them(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    user, settings = own_account(), site.settings()
    entry = pwd.getpwuid(os.getuid())

    def use_shell(shell: str) -> None:
        changed = pwd.struct_passwd((*entry[:6], shell))
        monkeypatch.setattr("pwd.getpwuid", lambda uid: changed)

    use_shell("/usr/sbin/nologin")
    (found,) = check_users.check_shell(settings, user)
    assert (found.level, found.check) == ("warn", "users")
    assert found.message.startswith(
        f"{user.name} has the shell /usr/sbin/nologin here; jobs fail on "
    )
    assert found.cure.startswith(f"run: usermod -s /bin/sh {user.name}; ")
    assert list(check_users.check_shell(settings._replace(remote_host="oar"), user)) == []
    use_shell("/bin/sh")
    assert list(check_users.check_shell(settings, user)) == []


@pytest.mark.parametrize(
    ("lines", "cured"),
    [
        (
            "lost_time=x",
            "correct the value, or remove lost_time from [custom:oar] for its default; until then "
            "submit, cancel and scan fail",
        ),
        (
            "odd=x",
            "correct the name, or remove odd from [custom:oar]: it has no effect",
        ),
        (
            "acl_users=nosuch",
            "create the users, or correct their names, or remove acl_users from [custom:oar] to "
            "publish it for all users",
        ),
        (
            "acl_users=nosuch root",
            "create the users, or correct their names, or set acl_users = root in [custom:oar]",
        ),
        (
            "[custom:oar/none]\nproject=x",
            "correct the name, add [queue:none], or remove the block [custom:oar/none]",
        ),
        (
            "remote_user=oar",
            "set remote_host there, or remove remote_user from [custom:oar]",
        ),
        (
            "[lrms/ssh]\nprivate_key=/k",
            "set remote_host there, or remove private_key from [lrms/ssh]",
        ),
    ],
)
def test_cures_in_arc_conf(lines: str, cured: str) -> None:
    blocks = parse_blocks(f"{GOOD}[custom:oar]\n{lines}\n", "arc.conf")
    assert cure(check_config.check_config("arc.conf", blocks)) == cured


def test_cure_of_a_default_queue_that_does_not_exist() -> None:
    blocks = parse_blocks(GOOD.replace("OAR", "OAR nosuch"), "arc.conf")
    assert cure(check_config.check_config("arc.conf", blocks)) == (
        "set lrms = OAR default in [lrms], or add the block [queue:nosuch] (there are default)"
    )


def test_option_of_the_site_in_the_block_of_a_queue() -> None:
    blocks = parse_blocks(GOOD + "[custom:oar/default]\nprivate_key=/k\n", "arc.conf")
    found = check_config.check_config("arc.conf", blocks)
    assert cure(found) == "move private_key to [custom:oar]: it is not an option of a queue"


def test_queues_that_are_not_probed(
    quiet_validator: ArcTree, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OAR refuses each of their jobs, and an earlier finding has said why."""
    blocks = {"queue:gpu": "", "custom:oar/gpu": "oar_queue=default\ngpus=1", "queue:gone": ""}
    site.configure("", **blocks)
    probed: list[str] = []

    def probe(settings: Settings, queues: list[str], *_: object) -> Iterator[Finding]:
        probed.extend(queues)
        yield from ()

    monkeypatch.setattr("arc_lrms_oar.admin.probe.probe", probe)
    found = list(doctor.examine(str(site.ce.conf), [], probe=True))
    assert probed == ["default"]
    assert [one.check for one in found if one.message.startswith("skipped: OAR refuses")] == [
        "probe of queue gone",
        "probe of queue gpu",
    ]


@needs_root
def test_ordinary_user_on_a_ce_of_root(site: Site) -> None:
    """What only root can check is not reported as a failure."""
    site.configure("")
    nobody = find_account("nobody")
    assert nobody is not None

    def findings() -> list[tuple[str, str]]:
        found = doctor.examine(str(site.ce.conf), [], probe=False)
        return [(one.check, one.message) for one in found if one.check == "doctor"]

    assert run_as(nobody, findings) == [
        [
            "doctor",
            "A-REX does not run as nobody; not checked: control directory, session directories, "
            "metrics file, runtime environments, jobs and mapped users",
        ]
    ]
    assert findings() == []
    os.chmod(site.ce.conf, 0o600)

    def last_finding() -> Finding:
        return list(doctor.examine(str(site.ce.conf), [], probe=False))[-1]

    assert run_as(nobody, last_finding) == [
        "warn",
        "configuration",
        f"{site.ce.conf}: cannot read the ARC configuration: Permission denied",
        "run doctor as root",
    ]
