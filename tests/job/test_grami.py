"""GRAMi files: as A-REX writes them, and malformed ones."""

from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.ce import GRID_ID, Ce, shell_value

from arc_lrms_oar.errors import GramiError
from arc_lrms_oar.job import grami
from arc_lrms_oar.job.description import JobDescription, RuntimeEnvironment

# Recorded: A-REX 6.17.0 on the testbed, arcsub of an xRSL with the REST interface.
RECORDED = r"""joboption_directory='/var/spool/arc/sessiondir/4J2NDm97woAo'
joboption_controldir='/var/spool/arc/jobstatus'
joboption_arg_0='/bin/sh'
joboption_arg_1='-c'
joboption_arg_2='echo hello; id; hostname; sleep 3; env | sort'
joboption_stdin='/dev/null'
joboption_stdout='/var/spool/arc/sessiondir/4J2NDm97woAo/out.txt'
joboption_stderr='/var/spool/arc/sessiondir/4J2NDm97woAo/err.txt'
joboption_env_0=GRID_GLOBAL_JOBID='4J2NDm97woAo'
joboption_env_1=GRID_GLOBAL_JOBURL='https://localhost:8443/arex/4J2NDm97woAo'
joboption_env_2=GRID_GLOBAL_JOBINTERFACE='org.nordugrid.arcrest'
joboption_env_3=GRID_GLOBAL_JOBHOST='localhost'
joboption_cputime=
joboption_walltime=600
joboption_memory=
joboption_virtualmemory=
joboption_disk=
joboption_count=1
joboption_jobname='my first ü job'
joboption_queue='default'
joboption_starttime=
joboption_gridid='4J2NDm97woAo'
joboption_priority=50
joboption_outputfile_0='/out.txt'
joboption_outputfile_1='/err.txt'
joboption_outputfile_2='/log'
joboption_jobid=1
"""


def described(text: str) -> JobDescription:
    return grami.describe(grami.parse("joboption_arg_0='/bin/true'\n" + text, "p"), "p")


def test_recorded_one() -> None:
    session = "/var/spool/arc/sessiondir/4J2NDm97woAo"
    values = grami.parse(RECORDED, "p")
    assert grami.local_id(values) == 1
    assert grami.describe(values, "p") == JobDescription(
        executable="/bin/sh",
        arguments=("-c", "echo hello; id; hostname; sleep 3; env | sort"),
        name="my first ü job",
        environment=(
            ("GRID_GLOBAL_JOBID", "4J2NDm97woAo"),
            ("GRID_GLOBAL_JOBURL", "https://localhost:8443/arex/4J2NDm97woAo"),
            ("GRID_GLOBAL_JOBINTERFACE", "org.nordugrid.arcrest"),
            ("GRID_GLOBAL_JOBHOST", "localhost"),
        ),
        stdin="/dev/null",
        stdout=session + "/out.txt",
        stderr=session + "/err.txt",
        queue="default",
        wall_time=600,
        count=1,
        priority=50,
        output_files=("/out.txt", "/err.txt", "/log"),
        grid_id="4J2NDm97woAo",
        session_dir=session,
        control_dir="/var/spool/arc/jobstatus",
    )


def test_every_key() -> None:
    job = described(
        "joboption_arg_code=7\njoboption_stdin='/s/in'\njoboption_cputime=7200\n"
        "joboption_walltime=3600\njoboption_memory=512\njoboption_virtualmemory=1024\n"
        "joboption_disk=99\njoboption_count=6\njoboption_countpernode=2\njoboption_numnodes=3\n"
        "joboption_exclusivenode=true\njoboption_runtime_0='A/B-1.0'\njoboption_runtime_0_1='x y'\n"
        "joboption_runtime_0_2=''\njoboption_runtime_1='C'\njoboption_priority=100\n"
        "joboption_starttime=20260701120000Z\njoboption_rsl_project='atlas'\n"
        "joboption_nodeproperty_0=\"gpu='YES'\"\njoboption_inputfile_0='/in'\n"
        "joboption_inputfile_1='/exe'\njoboption_pre_0_0='/bin/pre'\n"
    )
    expected: dict[str, Any] = {
        "success_code": 7,
        "stdin": "/s/in",
        "cpu_time": 7200,
        "wall_time": 3600,
        "memory": 512,
        "virtual_memory": 1024,
        "disk": 99,
        "count": 6,
        "count_per_node": 2,
        "num_nodes": 3,
        "exclusive": True,
        "runtime_environments": (
            RuntimeEnvironment("A/B-1.0", ("x y", "")),
            RuntimeEnvironment("C"),
        ),
        "priority": 100,
        "start_time": 1782907200,
        "project": "atlas",
        "node_properties": ("gpu='YES'",),
        "input_files": ("/in", "/exe"),
    }
    assert job == JobDescription("/bin/true", **expected)


VALUES = [
    "",
    "plain",
    "with spaces  two",
    "it's",
    "'",
    "'''",
    '"double"',
    "$HOME `id` $(id) \\n \\",
    "two\nlines",
    "\n",
    "a\n\n\nb\n",
    "x=y\njoboption_count=9",
    "#no comment",
    "tab\tand\rreturn",
    "ü€\U0001f600",
    "\udcff\udc80 no utf-8",
    "\x01\x7f",
    "\u2028\x85\v\f",
]


@pytest.mark.parametrize("value", VALUES)
def test_any_value_is_read_unchanged(ce: Ce, value: str) -> None:
    files = ce.job(arguments=[value, "last"], environment={"A": value}, name=value)
    job = grami.read(str(files.file("grami")))
    assert job.arguments == (value, "last")
    assert job.environment == (("A", value), ("GRID_GLOBAL_JOBID", GRID_ID))
    assert job.name == (value or None)
    assert job.count == 1


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("plain", "plain"),
        ("A='x y'", "A=x y"),
        ("a'b'c'd'", "abcd"),
        ("'a''b'", "ab"),
        ('"x $y `z`"', "x $y `z`"),
        (r'"a\"b\\c\$d\`e\nf"', r'a"b\c$d`e\nf'),
        ('"a\\\nb"', "ab"),
        (r"a\'b\ c\\", r"a'b c" + "\\"),
        ("a\\\nb", "ab"),
        ("'a'\\''b'", "a'b"),
        ("", ""),
        ("''", ""),
        ("a#b", "a#b"),
        ('"\'"', "'"),
    ],
)
def test_quotes_are_read_as_a_shell_reads_them(written: str, value: str) -> None:
    text = f"joboption_x={written}\n"
    assert grami.parse(text, "p") == {"joboption_x": value}
    shell = subprocess.run(
        ["/bin/sh", "-c", text + 'printf %s "$joboption_x"'],
        capture_output=True,
        check=True,
    )
    # A-REX writes nothing to be expanded, so double quotes expand nothing.
    if "$y" not in value:
        assert shell.stdout.decode() == value


def test_comments_and_blank_lines() -> None:
    text = "\n# comment='\n   \t\na=1\n  # more\n\nb=2"
    assert grami.parse(text, "p") == {"a": "1", "b": "2"}


def test_last_of_two_values_counts() -> None:
    assert grami.parse("a=1\na=2\n", "p") == {"a": "2"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a='x\n", "line 1: malformed GRAMi file: a ' is opened and never closed"),
        ("b=1\na=x'y''z\n\n", "line 2: malformed GRAMi file: a ' is opened and never closed"),
        ('a="x\\"\n', 'line 1: malformed GRAMi file: a " is opened and never closed'),
        ("b='\n\n'\nnonsense\n", "line 4: malformed GRAMi file: expected NAME=value"),
        ("a b=1\n", "line 1: malformed GRAMi file: expected NAME=value"),
        ("1a=1\n", "line 1: malformed GRAMi file: expected NAME=value"),
        ("=1\n", "line 1: malformed GRAMi file: expected NAME=value"),
        ("\x00\n", "line 1: malformed GRAMi file: expected NAME=value"),
    ],
)
def test_malformed(text: str, complaint: str) -> None:
    with pytest.raises(GramiError) as caught:
        grami.parse(text, "/c/job.x.grami")
    assert str(caught.value) == f"/c/job.x.grami, {complaint}"


def test_trailing_backslash() -> None:
    assert grami.parse("a=b\\", "p") == {"a": "b"}


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("walltime=1h", "joboption_walltime='1h' is wrong: it must be a whole number"),
        ("count=two", "joboption_count='two' is wrong: it must be a whole number"),
        ("memory=1.5", "joboption_memory='1.5' is wrong: it must be a whole number"),
        (
            "memory=" + "9" * 19,
            f"joboption_memory='{'9' * 19}' is wrong: it must be a whole number",
        ),
        (
            "cputime=" + "x" * 99,
            f"joboption_cputime='{'x' * 57}...' is wrong: it must be a whole number",
        ),
        (
            "starttime=tomorrow",
            "joboption_starttime='tomorrow' is wrong: it must be a time as YYYYMMDDHHMMSSZ",
        ),
        (
            "starttime=20260701120000",
            "joboption_starttime='20260701120000' is wrong: it must be a time as YYYYMMDDHHMMSSZ",
        ),
    ],
)
def test_wrong_values(line: str, complaint: str) -> None:
    with pytest.raises(GramiError) as caught:
        described(f"joboption_{line}\n")
    assert str(caught.value) == f"p: {complaint}"


@pytest.mark.parametrize(
    "value",
    [
        "20261301000000Z",
        "00000101000000Z",
        "20260230000000Z",
        "20260101250000Z",
        "\uff12" * 14 + "Z",
    ],
)
def test_invalid_times(value: str) -> None:
    with pytest.raises(GramiError) as caught:
        described(f"joboption_starttime={value}\n")
    assert str(caught.value) == (
        f"p: joboption_starttime={value!r} is wrong: it must be a time as YYYYMMDDHHMMSSZ"
    )


@pytest.mark.parametrize(
    ("lines", "count"), [("", 1), ("count=", 1), ("count=0", 1), ("count=-1", 1), ("count=16", 16)]
)
def test_count(lines: str, count: int) -> None:
    assert described(f"joboption_{lines}\n" if lines else "").count == count


@pytest.mark.parametrize("name", ["countpernode", "numnodes"])
@pytest.mark.parametrize("value", ["", "-1", "0"])
def test_values_that_are_no_layout(name: str, value: str) -> None:
    job = described(f"joboption_{name}={value}\n")
    assert (job.count_per_node, job.num_nodes) == (None, None)


@pytest.mark.parametrize("name", ["cputime", "walltime", "memory", "priority", "disk"])
def test_negative_number_counts_as_not_set(name: str) -> None:
    assert described(f"joboption_{name}=-1\n") == JobDescription("/bin/true")


@pytest.mark.parametrize(
    ("value", "exclusive"), [("true", True), ("yes", True), ("", False), ("false", False)]
)
def test_exclusive(value: str, exclusive: bool) -> None:
    assert described(f"joboption_exclusivenode={value}\n").exclusive is exclusive


@pytest.mark.parametrize("text", ["", "joboption_arg_0=\n", "joboption_arg_1='x'\n"])
def test_no_executable(text: str) -> None:
    with pytest.raises(GramiError) as caught:
        grami.describe(grami.parse(text, "p"), "p")
    assert str(caught.value) == "p: no executable: joboption_arg_0 is missing or empty"


def test_start_time_is_utc(paris: None) -> None:
    assert described("joboption_starttime=20260101000000Z\n").start_time == 1767225600
    assert described("joboption_starttime=20260701000000Z\n").start_time == 1782864000


def test_grid_id_from_the_name_of_the_file() -> None:
    values = {"joboption_arg_0": "/bin/true"}
    assert grami.describe(values, "/c/job.abc.def.grami").grid_id == "abc.def"
    assert grami.describe(values, "/c/jobs/abc/grami").grid_id == ""


@pytest.mark.parametrize(
    ("value", "number"),
    [("", None), ("0", None), ("-5", None), ("12x", None), ("12", 12), (str(2**33), 2**33)],
)
def test_local_id(value: str, number: int | None) -> None:
    assert grami.local_id(grami.parse(f"joboption_jobid={value}\n", "p")) == number


def test_appended_id_is_what_arex_reads(any_ce: Ce) -> None:
    files = any_ce.job()
    path = files.file("grami")
    before = path.read_bytes()
    grami.append_local_id(str(path), 4711)
    assert path.read_bytes() == before + b"joboption_jobid=4711\n"
    assert files.local_id() == "4711"
    assert grami.local_id(grami.read_values(str(path))) == 4711


def test_appended_id_gets_a_line_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "grami"
    path.write_text("joboption_count=1")
    grami.append_local_id(str(path), 7)
    assert path.read_text() == "joboption_count=1\njoboption_jobid=7\n"
    path.write_text("")
    grami.append_local_id(str(path), 7)
    assert path.read_text() == "joboption_jobid=7\n"


def test_id_that_cannot_be_appended(tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for name, reason in (("none", "No such file"), ("link", "Too many levels of symbolic")):
        with pytest.raises(GramiError) as caught:
            grami.append_local_id(str(tmp_path / name), 7)
        assert f"/{name}: cannot write the job ID 7: {reason}" in str(caught.value)
    assert (tmp_path / "target").read_text() == ""


def test_id_on_a_disk_that_is_almost_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A-REX would use an incomplete job ID."""
    path = tmp_path / "grami"
    path.write_text("joboption_count=1\n")
    real = os.write
    monkeypatch.setattr("os.write", lambda descriptor, data: real(descriptor, data[:-3]))
    with pytest.raises(GramiError, match="No space left on device"):
        grami.append_local_id(str(path), 4711)
    assert path.read_text() == "joboption_count=1\n"


def test_job_id_that_cannot_be_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS reports a full disk and a quota only at the flush."""
    path = tmp_path / "grami"
    path.write_text("joboption_count=1\n")

    def refuse(_: int) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(GramiError, match="Disk quota exceeded"):
        grami.append_local_id(str(path), 4711)
    assert path.read_text() == "joboption_count=1\n"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(GramiError) as caught:
            grami.read(str(path))
        assert str(caught.value).startswith(f"{path}: cannot read the GRAMi file: ")


def test_file_without_end(tmp_path: Path) -> None:
    path = tmp_path / "grami"
    path.touch()
    os.truncate(path, 1 << 40)
    with pytest.raises(GramiError) as caught:
        grami.read(str(path))
    assert str(caught.value) == f"{path}: the GRAMi file is larger than 64 MB"


def test_long_values_take_no_long_time() -> None:
    text = "'\\''" * 50_000 + '$`"\\' * 50_000 + "\n" * 50_000
    written = "".join(f"joboption_arg_{n}={shell_value(text)}\n" for n in range(3))
    assert grami.parse(written, "p")["joboption_arg_2"] == text
