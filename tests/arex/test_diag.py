"""The diag file: parsing arbitrary content, and the format for A-REX."""

from __future__ import annotations

import pytest

from arc_lrms_oar.arex.diag import LIMIT, Diag, utc

# Of GNU time and the job script, on the testbed.
WRITTEN = b"""\
nodename=127.0.0.1
nodename=127.0.0.2
nodename=127.0.0.1
Processors=3
Nodecount=2
Benchmark=HEPSPEC:1.0
runtimeenvironments=A;B;
Command exited with non-zero status 3
WallTime=3.01s
KernelTime=0.00s
UserTime=0.01s
CPUUsage=0%
MaxResidentMemory=4200kB
AverageResidentMemory=0kB
AverageTotalMemory=0kB
LRMSStartTime=20261121100430Z
LRMSEndTime=20261121100433Z
WallTime=3s
exitcode=3
"""


def test_written_by_the_job_script() -> None:
    diag = Diag.parse(WRITTEN)
    assert diag.nodes == ["127.0.0.1", "127.0.0.2"]
    assert diag.values == {
        "processors": "3",
        "nodecount": "2",
        "benchmark": "HEPSPEC:1.0",
        "runtimeenvironments": "A;B;",
        "walltime": "3s",
        "kerneltime": "0.00s",
        "usertime": "0.01s",
        "cpuusage": "0%",
        "maxresidentmemory": "4200kB",
        "averageresidentmemory": "0kB",
        "averagetotalmemory": "0kB",
        "lrmsstarttime": "20261121100430Z",
        "lrmsendtime": "20261121100433Z",
        "exitcode": "3",
    }
    assert diag.complete


@pytest.mark.parametrize(
    ("content", "complete"),
    [
        (b"", False),
        (b"WallTime=1s\n", False),
        (b"EXITCODE=0", True),
        (b" exitcode=0 \r\n", True),
        (b"exitcode\n", False),
        (b"x exitcode=0\n", False),
        (b"xexitcode=0\n", False),
        (b"exit\0code=0\n", False),
    ],
)
def test_complete(content: bytes, complete: bool) -> None:
    assert Diag.parse(content).complete is complete


def test_keys_are_case_insensitive_and_the_last_line_counts() -> None:
    assert Diag.parse(b"WALLTIME=1s\nwalltime=2s\n").values == {"walltime": "2s"}


def test_keys_of_runtime_environments_are_kept() -> None:
    diag = Diag.parse(b"My_Key=1\nsystemsoftware=Linux 1\n")
    assert diag.format() == b"my_key=1\nsystemsoftware=Linux 1\n"


def test_keys_about_the_ce_are_dropped() -> None:
    assert Diag.parse(b"frontend_subject=/O=x\nFRONTEND_system=y\n").values == {}


def test_number_of_keys_is_limited() -> None:
    content = b"".join(b"key%d=1\n" % number for number in range(1000)) + b"exitcode=0\nkey0=2\n"
    diag = Diag.parse(content)
    assert (len(diag.values), diag.complete, diag.values["key0"]) == (201, True, "2")


def test_lines_with_control_characters_are_dropped() -> None:
    content = b"\xff\xfe\nexitcode=1\x1b[31m\nbenchmark=\xc3\xbc\n" + bytes(range(256))
    assert Diag.parse(content).values == {"benchmark": "ü"}


def test_only_the_beginning_of_a_huge_diag_is_read() -> None:
    content = b"processors=1\n" + b"x" * LIMIT + b"\nexitcode=0\n"
    assert Diag.parse(content).values == {"processors": "1"}
    assert Diag.parse(b"exitcode=" + b"1" * 100_000).values == {}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3s", 3.0),
        ("3", 3.0),
        ("0.25s", 0.25),
        ("0,25s", 0.25),
        ("", None),
        ("-1s", None),
        ("1e9", None),
        ("nan", None),
        ("9" * 13, None),
    ],
)
def test_seconds(text: str, seconds: float | None) -> None:
    assert Diag({"usertime": text}).seconds("usertime") == seconds
    assert Diag().seconds("usertime") is None


def test_format() -> None:
    diag = Diag({"exitcode": "0", "walltime": "1s", "lrmsmessage": "ü"}, ["b", "a", "b"])
    assert diag.format().decode() == (
        "nodename=b\nnodename=a\nexitcode=0\nWallTime=1s\nLRMSMessage=ü\n"
    )


def test_formatted_diag_parses_to_the_same() -> None:
    diag = Diag.parse(WRITTEN)
    again = Diag.parse(diag.format())
    assert (again.values, again.nodes) == (diag.values, diag.nodes)


def test_times_are_utc(paris: None) -> None:
    assert utc(0) == "19700101000000Z"
    assert utc(1782864000) == "20260701000000Z"


GNU_TIME = b"UserTime=2.00s\nKernelTime=0.50s\nMaxResidentMemory=900kB\nAverageTotalMemory=900kB\n"
WATCHER = b"WatchedUserTime=1.90s\nWatchedKernelTime=0.70s\nWatchedMemory=1900kB\n"
LITTLE = b"WatchedUserTime=2.10s\nWatchedKernelTime=0.30s\nWatchedMemory=800kB\n"


@pytest.mark.parametrize(
    ("content", "usage"),
    [
        (GNU_TIME, "2.00s 0.50s 900kB"),
        (GNU_TIME + LITTLE, "2.00s 0.50s 900kB"),
        (LITTLE + WATCHER + GNU_TIME, "1.90s 0.70s 1900kB"),
        # A job that was killed.
        (LITTLE + WATCHER, "1.90s 0.70s 1900kB"),
        # Nonsense of the user.
        (GNU_TIME + b"WatchedUserTime=x\nWatchedMemory=-5kB\n", "2.00s 0.50s 900kB"),
        (GNU_TIME + b"WatchedUserTime=9999999999999s\nWatchedMemory=9\n", "2.00s 0.50s 900kB"),
    ],
)
def test_larger_usage_counts(content: bytes, usage: str) -> None:
    values = Diag.parse(content).with_watched_usage()
    keys = ("usertime", "kerneltime", "maxresidentmemory")
    assert " ".join(values.pop(key) for key in keys) == usage
    assert values == {"averagetotalmemory": usage.split()[2]}


def test_usage_of_a_job_without_measurements() -> None:
    assert Diag.parse(b"exitcode=0\n").with_watched_usage() == {"exitcode": "0"}


@pytest.mark.parametrize(
    ("content", "killed"),
    [
        (b"", None),
        (b"OutOfMemoryKills=0\n", None),
        (b"OutOfMemoryKills=many\n", None),
        (b"OutOfMemoryKills=2\n", (2, None)),
        (b"OutOfMemoryKills=1\nOutOfMemoryKills=2\nMemoryLimit=2097152kB\n", (2, 2048)),
        (b"OutOfMemoryKills=2\nMemoryLimit=all of it\n", (2, None)),
    ],
)
def test_out_of_memory(content: bytes, killed: object) -> None:
    assert Diag.parse(content).out_of_memory == killed
