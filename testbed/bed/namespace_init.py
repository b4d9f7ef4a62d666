"""The first process of a testbed, started by `unshare` in new namespaces: mounts, then reaps.

Run as a script with one JSON argument by `namespace.boot`, which waits for "ready" on its standard
output. It imports nothing of the package. Its mount namespace is private, so that no mount of the
host changes and all mounts disappear with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
LINKS = {
    "ptmx": "pts/ptmx",
    "fd": "/proc/self/fd",
    "stdin": "fd/0",
    "stdout": "fd/1",
    "stderr": "fd/2",
}

# Runs in the Python of the root, so that no file of the host stays open.
REAPER = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
while True:
    try:
        os.wait()
    except ChildProcessError:
        signal.sigwait([signal.SIGCHLD])
"""


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def mount_root(spec: dict[str, Any]) -> None:
    point = spec["mountpoint"]
    if not spec["overlay"]:
        mount("--bind", spec["root"], point)
        return
    scratch = Path(spec["scratch"])

    def overlay() -> None:
        for name in ("upper", "work"):
            (scratch / name).mkdir(parents=True, exist_ok=True)
        options = f"lowerdir={spec['root']},upperdir={scratch}/upper,workdir={scratch}/work"
        mount("-t", "overlay", "-o", options, "overlay", point)

    try:
        overlay()
    except subprocess.CalledProcessError:
        # The upper layer of an overlay cannot be on another overlay, as in a container.
        mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(scratch))
        overlay()


def mount_cgroups(point: Path, hierarchies: list[str]) -> None:
    """Mount cgroup v1 hierarchies as systemd does; their roots are this process's cgroups."""
    base = point / "sys/fs/cgroup"
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(base))
    for controllers in hierarchies:
        (base / controllers).mkdir()
        mount("-t", "cgroup", "-o", controllers, "cgroup", str(base / controllers))
        for name in controllers.split(","):
            if name != controllers:
                (base / name).symlink_to(controllers)


def bind(source: str, target: Path, read_only: bool) -> None:
    if Path(source).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount("--bind", source, str(target))
    if read_only:
        mount("-o", "remount,bind,ro", str(target))


def populate(point: Path, binds: list[tuple[str, str, bool]]) -> None:
    mount("-t", "proc", "proc", str(point / "proc"))
    mount("-t", "sysfs", "-o", "ro", "sysfs", str(point / "sys"))
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(point / "run"))
    (point / "run/lock").mkdir(mode=0o1777)

    dev = point / "dev"
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(dev))
    for name in DEVICES:
        (dev / name).touch()
        mount("--bind", f"/dev/{name}", str(dev / name))
    for name in ("pts", "shm"):
        (dev / name).mkdir()
    mount(
        "-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=620,gid=5", "devpts", str(dev / "pts")
    )
    mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", str(dev / "shm"))
    for link, target in LINKS.items():
        (dev / link).symlink_to(target)

    for source, inside, read_only in binds:
        bind(source, point / inside.lstrip("/"), read_only)


def move_in(point: Path) -> None:
    os.chdir(point)
    old = point / ".host"
    old.mkdir(exist_ok=True)
    subprocess.run(["pivot_root", ".", ".host"], check=True)
    os.chroot(".")
    os.chdir("/")
    subprocess.run(["umount", "-l", "/.host"], check=True)
    os.rmdir("/.host")


def main(spec: dict[str, Any]) -> None:
    # /proc is still the host's, so that this is the PID on the host.
    stat = Path("/proc/self/stat").read_text()
    identity = {
        "pid": int(os.readlink("/proc/self")),
        "born": stat.rpartition(")")[2].split()[19],
        "cgroups": bool(spec["cgroups"]),
    }
    Path(spec["pidfile"]).write_text(json.dumps(identity))

    os.umask(0o022)
    subprocess.run(["hostname", spec["hostname"]], check=True)
    if spec["own_net"]:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    mount_root(spec)
    populate(Path(spec["mountpoint"]), spec["binds"])
    if spec["cgroups"]:
        mount_cgroups(Path(spec["mountpoint"]), spec["cgroups"])
    move_in(Path(spec["mountpoint"]))
    print("ready", flush=True)
    os.dup2(2, 1)
    os.execv("/usr/bin/python3", ["testbed-init", "-I", "-S", "-c", REAPER])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
