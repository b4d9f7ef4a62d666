"""The watcher of the job script: CPU time and memory of killed jobs and of detached processes."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from support.compute_node import PATH, Node

from arc_lrms_oar.job.rte_scripts import RteScript
from arc_lrms_oar.job.shell import shared

JOB_ID = "4711"
V1_MOUNTS = "".join(
    f"{number} 25 0:{number} / {{root}}/sys/{name} rw,relatime - cgroup cgroup rw,{name}\n"
    for number, name in enumerate(("cpuset", "cpu,cpuacct", "memory"), 30)
)
V2_MOUNT = "29 25 0:29 / {root}/sys/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
SLICE = f"/oar.slice/oar-u1000.slice/oar-u1000-j{JOB_ID}.slice"
V1_MEMORY = {
    "memory.stat": "cache 9\nrss 1\nshmem 1\ntotal_rss 2097152\ntotal_shmem 1048576\n",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "memory.limit_in_bytes": "2147483648\n",
}


class Machine:
    """A machine with its own /proc and cgroups, for the functions of job_usage.sh."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.proc = place / "proc"
        (self.proc / "self").mkdir(parents=True)
        self.cgroups("0::/\n", V2_MOUNT)

    def cgroups(self, own: str, mounts: str) -> None:
        (self.proc / "self" / "cgroup").write_text(own)
        text = "1 0 8:1 / / rw - ext4 /dev/sda rw,cpuacct\n" + mounts.format(root=self.place)
        (self.proc / "self" / "mountinfo").write_text(text)

    def cgroup(self, path: str, files: dict[str, str]) -> Path:
        cgroup = self.place / "sys" / path
        cgroup.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (cgroup / name).write_text(text)
        return cgroup

    def process(
        self, pid: int, parent: int, user: int = 0, kernel: int = 0, rss: int = 0, pss: int = 0
    ) -> None:
        """A process with times in 1/100 s, half of them of its children, and memory in kB."""
        folder = self.proc / str(pid)
        folder.mkdir(exist_ok=True)
        times = f"{user - user // 2} {kernel - kernel // 2} {user // 2} {kernel // 2}"
        pages = rss * 1024 // os.sysconf("SC_PAGE_SIZE")
        (folder / "stat").write_text(
            f"{pid} (a b) c) S {parent} 1 1 0 -1 0 0 0 0 0 {times} 20 0 1 0 99 1 {pages} 0 0\n"
        )
        (folder / "environ").write_text(f"A=1\0OAR_JOB_ID={JOB_ID}\0B=2\0")
        if pss:
            (folder / "smaps_rollup").write_text(f"0-1 ---p\nRss: {rss} kB\nPss:     {pss} kB\n")

    def run(self, script: str) -> str:
        """Run bash after the first sample; returns what it prints."""
        prepared = (
            f"{shared('job_usage.sh')}\n"
            f"arc_oar_proc='{self.proc}' arc_oar_job_id={JOB_ID} arc_oar_path=$PATH\n"
            f"RUNTIME_JOB_DIAG='{self.place}/diag'\ncd '{self.proc}'\n"
            "arc_oar_find_cgroups\n"
            "read -r arc_oar_first_user arc_oar_first_kernel arc_oar_first_memory"
            " < <(arc_oar_first_sample)\narc_oar_begin\narc_oar_sample\n"
        )
        show = 'show() { echo "$arc_oar_user $arc_oar_kernel $arc_oar_memory $arc_oar_kills"; }\n'
        done = subprocess.run(
            ["bash", "-c", f"{show}{prepared}{script}"], capture_output=True, text=True, check=True
        )
        return done.stdout


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_cgroups_of_version_1(machine: Machine) -> None:
    machine.cgroups(
        f"4:memory:/oar/user_{JOB_ID}\n3:cpu,cpuacct:/oar/user_{JOB_ID}/nested\n2:cpuset:/oar/x\n",
        V1_MOUNTS,
    )
    stat = {"cpuacct.stat": "user 150\nsystem 30\n", "cgroup.procs": "1\n"}
    machine.cgroup(f"cpu,cpuacct/oar/user_{JOB_ID}", stat)
    machine.cgroup(f"memory/oar/user_{JOB_ID}", V1_MEMORY)
    assert machine.run("show") == "150 30 3072 2\n"


def test_cgroups_of_systemd(machine: Machine) -> None:
    machine.cgroups(f"0::{SLICE}/oar-u1000-j{JOB_ID}-p17.scope\n", V1_MOUNTS + V2_MOUNT)
    files = {
        "cpu.stat": "usage_usec 1\nuser_usec 1500000\nsystem_usec 300000\n",
        "memory.stat": "anon 2097152\nfile 999999999\nshmem 1048576\n",
        "memory.events": "low 0\noom 1\noom_kill 1\noom_group_kill 0\n",
        "cgroup.procs": "",
    }
    machine.cgroup(f"unified{SLICE}", files)
    assert machine.run("show") == "150 30 3072 1\n"


@pytest.mark.parametrize("path", ["/", "/user.slice", f"/oar/user_1{JOB_ID}", f"/oar/{JOB_ID}"])
def test_cgroups_that_are_not_the_jobs_own(machine: Machine, path: str) -> None:
    machine.cgroups(f"3:cpu,cpuacct:{path}\n0::{path}\n", V1_MOUNTS + V2_MOUNT)
    machine.process(10, 1, user=20, kernel=10, rss=4096, pss=2000)
    assert machine.run("show") == "20 10 2000 0\n"


def test_part_of_a_mounted_hierarchy(machine: Machine) -> None:
    mounts = "30 25 0:30 /container {root}/sys/cpuacct rw - cgroup cgroup rw,cpuacct\n"
    machine.cgroups(f"2:cpuacct:/container/oar/user_{JOB_ID}\n", mounts)
    machine.cgroup(f"cpuacct/oar/user_{JOB_ID}", {"cpuacct.stat": "user 7\nsystem 8\n"})
    assert machine.run("show") == "7 8 0 0\n"


def test_memory_of_the_members_of_the_cpu_cgroup(machine: Machine) -> None:
    """OAR makes no memory cgroup as shipped. A process without the job ID counts as well."""
    machine.cgroups(f"3:cpu,cpuacct:/oar/user_{JOB_ID}\n", V1_MOUNTS)
    stat = {"cpuacct.stat": "user 150\nsystem 30\n", "cgroup.procs": "10\n11\n12\n"}
    machine.cgroup(f"cpu,cpuacct/oar/user_{JOB_ID}", stat)
    for pid in (10, 11, 13):
        machine.process(pid, 1, user=9, rss=4096, pss=3000)
    (machine.proc / "10" / "environ").write_text("")
    assert machine.run("show") == "150 30 6000 0\n"


def test_memory_that_processes_share_counts_once(machine: Machine) -> None:
    machine.process(10, 1, rss=8192, pss=5000)
    machine.process(11, 10, rss=8192, pss=5000)
    # Not readable for others than its owner, such as OAR's own process.
    machine.process(12, 10, rss=4096)
    assert machine.run("show") == "0 0 14096 0\n"


def test_time_of_processes_that_have_ended(machine: Machine) -> None:
    """That of a child is in its parent's; that of an orphan is kept."""
    machine.process(10, 1, user=100, kernel=10)
    machine.process(11, 10, user=50, kernel=5)
    machine.process(12, 1, user=30, kernel=3)
    script = """
show
rm -r 11 12
sed -i 's/ 50 5 50 5 / 50 5 100 10 /' 10/stat
arc_oar_sample; show
arc_oar_sample; show
rm -r 10
arc_oar_sample; show
# Nothing about them is left.
echo "${!arc_oar_parent[@]}"
"""
    assert machine.run(script) == "180 18 0 0\n180 18 0 0\n180 18 0 0\n180 18 0 0\n\n"


def test_cgroup_that_has_been_removed(machine: Machine) -> None:
    machine.cgroups(f"3:cpu,cpuacct:/oar/user_{JOB_ID}\n4:memory:/oar/user_{JOB_ID}\n", V1_MOUNTS)
    machine.cgroup(f"cpu,cpuacct/oar/user_{JOB_ID}", {"cpuacct.stat": "user 150\nsystem 30\n"})
    machine.cgroup(f"memory/oar/user_{JOB_ID}", V1_MEMORY)
    assert machine.run(f"rm -r '{machine.place}/sys'; arc_oar_sample; show") == "150 30 3072 2\n"


def test_what_is_written(machine: Machine) -> None:
    """Without what was used before the first sample, and only where it has grown."""
    machine.cgroups(f"3:cpu,cpuacct:/oar/user_{JOB_ID}\n4:memory:/oar/user_{JOB_ID}\n", V1_MOUNTS)
    machine.cgroup(f"cpu,cpuacct/oar/user_{JOB_ID}", {"cpuacct.stat": "user 150\nsystem 30\n"})
    memory = machine.cgroup(f"memory/oar/user_{JOB_ID}", V1_MEMORY)
    (memory / "memory.oom_control").write_text("oom_kill 0\n")
    machine.run(
        "arc_oar_write_if_grown; : >$RUNTIME_JOB_DIAG\n"
        "arc_oar_user=152 arc_oar_memory=3200; arc_oar_write_if_grown\n"
        "arc_oar_user=275 arc_oar_kernel=39 arc_oar_memory=4096; arc_oar_write_if_grown\n"
        "arc_oar_kills=3; arc_oar_write_if_grown\n"
    )
    usage = "WatchedUserTime=1.25s\nWatchedKernelTime=0.09s\nWatchedMemory=1024kB\n"
    killed = "OutOfMemoryKills=3\nMemoryLimit=2097152kB\n"
    assert (machine.place / "diag").read_text() == usage + usage + killed


@pytest.mark.parametrize("limit", ["max", "9223372036854771712"])
def test_no_memory_limit(machine: Machine, limit: str) -> None:
    script = (
        f"memory_cgroup='{machine.place}'; echo {limit} >'{machine.place}/memory.max'\n"
        "arc_oar_kills=1; arc_oar_write_usage 2>/dev/null\n"
    )
    machine.run(script)
    assert (machine.place / "diag").read_text().endswith("\nOutOfMemoryKills=1\n")


def test_cgroups_that_arcs_tool_makes(machine: Machine) -> None:
    """Nordugrid's arc-job-cgroup, on the node's PATH: -m or -c with -n NAME to make one, -d."""
    tool = machine.place / "bin" / "arc-job-cgroup"
    tool.parent.mkdir()
    tool.write_text(
        f'#!/bin/sh\necho "$*" >>"{machine.place}/calls"\n[ "$2" = -d ] || echo "{machine.place}"\n'
    )
    tool.chmod(0o755)
    (machine.place / "cgroup.procs").write_text("10\n")
    script = (
        f"arc_oar_path='{tool.parent}:'$PATH arc_oar_grid_id=abc arc_oar_usage_interval=0\n"
        "arc_oar_make_cgroups; echo $cpuacct_cgroup $memory_cgroup $arc_oar_members\n"
        "(arc_oar_watch </dev/null)\n"
    )
    place = machine.place
    assert machine.run(script) == f"{place} {place} {place}/cgroup.procs\n"
    assert (place / "calls").read_text() == "-m -n abc\n-c -n abc\n-m -d\n-c -d\n"


# ---- A job on its node -------------------------------------------------------------------------


@pytest.fixture
def watched(node: Node) -> Node:
    """A node with a job ID that no other test uses."""
    node.environment["OAR_JOB_ID"] = f"{os.getpid()}{time.time_ns()}"
    node.plan["usage_interval"] = 60
    return node


def last_sample(node: Node) -> str:
    """Wait until the watcher has ended; returns the diag."""
    environment = f"OAR_JOB_ID={node.environment['OAR_JOB_ID']}\0".encode()

    def alive() -> bool:
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if environment in path.read_bytes():
                    return True
            except OSError:
                continue
        return False

    deadline = time.monotonic() + 60
    while alive():
        assert time.monotonic() < deadline, "the watcher has not ended"
        time.sleep(0.02)
    return node.files.diag.read_text()


def test_job_that_is_killed(watched: Node) -> None:
    """The script and its descendants are killed, as oarexec does it; the watcher is not."""
    script = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo >started; exec sleep 60"
    watched.write(executable="/bin/sh", arguments=["-c", script])
    child = watched.start()
    while not (watched.files.session / "started").exists():
        assert child.poll() is None
        time.sleep(0.02)
    os.killpg(child.pid, signal.SIGSTOP)
    pids = subprocess.run(
        ["ps", "-o", "pid=,ppid=", "-g", str(child.pid)], capture_output=True, text=True, check=True
    )
    parents = {int(line.split()[0]): int(line.split()[1]) for line in pids.stdout.splitlines()}
    chain = [child.pid]
    for pid in chain:
        chain += [other for other, parent in parents.items() if parent == pid]
    assert len(chain) < len(parents), "the watcher is not among the descendants"
    for pid in chain:
        os.kill(pid, signal.SIGKILL)
    for pid in set(parents) - set(chain):
        os.kill(pid, signal.SIGCONT)
    ran = watched.ended(child)
    assert (ran.code, "exitcode" in ran.diag.values) == (-9, False)
    text = last_sample(watched)
    assert "WatchedUserTime=" in text
    assert "WatchedMemory=" in text


def test_first_sample_on_a_busy_node(watched: Node, tmp_path: Path) -> None:
    """What it counts is not the job's, so the program starts after it, however long it takes."""
    tool = tmp_path / "bin" / "grep"
    tool.parent.mkdir()
    tool.write_text(
        f'#!/bin/sh\nsleep 1\n{shutil.which("grep")} "$@"\n: >{shlex.quote(str(tmp_path))}/taken\n'
    )
    tool.chmod(0o755)
    watched.environment["PATH"] = f"{tool.parent}:{PATH}"
    ran = watched.shell('[ -e "$0" ] && echo after it', f"{tmp_path}/taken", stdout="o")
    assert (ran.code, ran.text("o")) == (0, "after it\n")


def test_watcher_ends_with_the_job(watched: Node) -> None:
    ran = watched.shell("ls /proc/self/fd | tr '\\n' ' '", stdout="o")
    assert (ran.code, ran.comment) == (0, "")
    # Not the pipe of the watcher.
    assert "57" not in ran.text("o").split()
    assert last_sample(watched).count("WatchedUserTime=") == 1


def test_process_of_an_rte_does_not_keep_the_watcher(watched: Node) -> None:
    watched.rtes = [
        RteScript("R", (), '[ "$1" != 1 ] || { sleep 60 >/dev/null 2>&1 & echo $! >pid; }\n')
    ]
    ran = watched.shell("true")
    assert ran.code == 0
    os.kill(int(ran.text("pid")), 0)
    deadline = time.monotonic() + 30
    while "WatchedUserTime=" not in watched.files.diag.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(int(ran.text("pid")), signal.SIGKILL)


@pytest.mark.parametrize("off", ["interval", "job ID"])
def test_no_watcher(watched: Node, off: str) -> None:
    if off == "interval":
        watched.plan["usage_interval"] = 0
    else:
        del watched.environment["OAR_JOB_ID"]
    ran = watched.shell("true")
    assert (ran.code, "Watched" in ran.raw_diag) == (0, False)
