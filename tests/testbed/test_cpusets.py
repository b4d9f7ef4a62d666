"""cgroup v1 subtrees for OAR with cpusets: which hierarchies there are, and removing subtrees."""

from __future__ import annotations

from pathlib import Path

import pytest
from bed import SUITES, BedError
from bed.cpusets import CONTROLLERS, cpu_list, hierarchies, reason_unavailable, remove, thaw

BOOKWORM = SUITES["bookworm"]
# Two hierarchies with two controllers each, one without any of ours, and cgroup v2.
MOUNTINFO = """\
24 1 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw
33 32 0:30 / /sys/fs/cgroup/unified rw,relatime shared:11 - cgroup2 cgroup2 rw,nsdelegate
34 32 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:15 - cgroup cgroup rw,cpu,cpuacct
35 32 0:32 / /sys/fs/cgroup/systemd rw shared:9 - cgroup cgroup rw,xattr,name=systemd
36 32 0:33 / /sys/fs/cgroup/freezer rw,relatime shared:16 - cgroup cgroup rw,freezer
37 32 0:34 / /sys/fs/cgroup/pids rw,relatime shared:17 - cgroup cgroup rw,pids
"""


def mounted(base: Path) -> str:
    """Lines of mountinfo for hierarchies of one controller each, in real directories."""
    for name in CONTROLLERS:
        (base / name).mkdir()
    return "".join(
        f"40 32 0:40 / {base}/{name} rw - cgroup cgroup rw,{name}\n" for name in CONTROLLERS
    )


def test_hierarchies_by_their_controllers() -> None:
    assert hierarchies(MOUNTINFO) == {
        "cpu,cpuacct": Path("/sys/fs/cgroup/cpu,cpuacct"),
        "freezer": Path("/sys/fs/cgroup/freezer"),
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0-1\n", {0, 1}), ("0,2-4,8", {0, 2, 3, 4, 8}), ("7", {7}), ("\n", set())],
)
def test_cpu_list(text: str, expected: set[int]) -> None:
    assert cpu_list(text) == expected


def test_suite_with_a_manager_for_systemd() -> None:
    assert reason_unavailable(SUITES["trixie"]) == "the resource manager of OAR 2.6.1 needs systemd"


def test_missing_hierarchies_are_named() -> None:
    expected = "this machine has no cgroup v1 hierarchy for cpuset, memory, devices"
    assert reason_unavailable(BOOKWORM, MOUNTINFO) == expected


def test_missing_cpus_are_named(tmp_path: Path) -> None:
    mountinfo = mounted(tmp_path)
    (tmp_path / "cpuset/cpuset.cpus").write_text("1-3\n")
    reason = reason_unavailable(BOOKWORM, mountinfo)
    assert reason == f"the CPUs 0 and 1 are needed and {tmp_path}/cpuset/cpuset.cpus has 1-3"


def test_cpusets_are_available(tmp_path: Path) -> None:
    mountinfo = mounted(tmp_path)
    (tmp_path / "cpuset/cpuset.cpus").write_text("0-1\n")
    assert reason_unavailable(BOOKWORM, mountinfo) is None


def test_subtrees_are_removed_deepest_first(tmp_path: Path) -> None:
    (tmp_path / "cpuset/bed/oar/griduser_1").mkdir(parents=True)
    (tmp_path / "cpuset/bed/oar/griduser_2").mkdir()
    remove({"cpuset": f"{tmp_path}/cpuset/bed", "cpu": f"{tmp_path}/cpu/bed"})
    assert list((tmp_path / "cpuset").iterdir()) == []


def test_busy_subtree_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bed").mkdir()
    (tmp_path / "bed/tasks").write_text("1\n")
    with pytest.raises(BedError, match=r"cannot remove .*/bed: Directory not empty"):
        remove({"cpuset": f"{tmp_path}/bed"}, timeout=0)


def test_all_freezers_of_a_subtree_are_thawed(tmp_path: Path) -> None:
    job = tmp_path / "freezer/bed/oar/griduser_1"
    job.mkdir(parents=True)
    files = [directory / "freezer.state" for directory in (job, job.parent, job.parent.parent)]
    for file in files:
        file.write_text("FROZEN")
    thaw({"freezer": f"{tmp_path}/freezer/bed", "cpu": f"{tmp_path}/cpu/bed"})
    assert {file.read_text() for file in files} == {"THAWED"}
