"""The package is replaced by another version while A-REX runs its scripts (docs/upgrade.md)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from bed import Bed
from bed.grid import Grid, Job, shell
from live.test_disturbed import GATED, finished, let_go

pytestmark = pytest.mark.live

PACKAGE = "/usr/lib/python3/dist-packages/arc_lrms_oar"
# Installs the files of FROM in PACKAGE, one each 20 ms. `rename`: as dpkg and rpm do; `write`: as
# cp does; `remove`: as pip does, all old files first.
REPLACE = """
import os, shutil, sys, time
source, target, way = sys.argv[1:]
files = [os.path.relpath(os.path.join(folder, name), source)
         for folder, _, names in os.walk(source) for name in names]
if way == "remove":
    for name in files:
        os.unlink(os.path.join(target, name))
        time.sleep(0.02)
for name in files:
    old, new = os.path.join(target, name), os.path.join(source, name)
    if way == "rename":
        shutil.copy2(new, old + ".new")
        os.replace(old + ".new", old)
    else:
        with open(new, "rb") as read, open(old, "wb") as write:
            content = read.read()
            write.write(content[:len(content) // 2])
            write.flush()
            time.sleep(0.02)
            write.write(content[len(content) // 2:])
        shutil.copymode(new, old)
    time.sleep(0.02)
"""
# In the other version some classes have other names, so modules of two versions fail together.
OTHER_VERSION = f"""
rm -rf /root/old /root/new; cp -rL {PACKAGE} /root/old
find /root/old -name __pycache__ -prune -exec rm -r {{}} +
cp -r /root/old /root/new
find /root/new -name '*.py' -exec sed -i -E 's/\\b(OarLrmsError|GridJob)\\b/\\1OfNext/g' {{}} +
"""


@pytest.fixture(scope="module")
def versions(bed: Bed) -> Iterator[tuple[str, str]]:
    """The directories of the other version and of this one, which is installed again at the end."""
    bed.run(["sh", "-euc", OTHER_VERSION])
    try:
        yield "/root/new", "/root/old"
    finally:
        bed.install()


def test_no_cycle_and_no_job_fails(grid: Grid, versions: tuple[str, str]) -> None:
    """Jobs are submitted, cancelled and end during each of three replacements."""
    log = grid.helper_log
    before = len(grid.read(log))
    ends: list[Job] = []
    kills: list[Job] = []
    new, old = versions
    for source, way in ((new, "rename"), (old, "write"), (new, "remove")):
        running = grid.submit_all([(shell(GATED), {})] * 2)
        for job in running:
            job.wait_running()
        let_go(running[0])
        script = f"python3 -c '{REPLACE}' {source} {PACKAGE} {way} & sleep 0.5; wait"
        with_jobs: list[tuple[str, dict[str, str]]] = [(shell("echo done"), {})] * 2
        grid.root("sh", "-c", f"({script}) >/root/replace.log 2>&1 </dev/null &")
        grid.user("arckill", "-k", running[1].url)
        ends += [running[0], *grid.submit_all(with_jobs)]
        kills.append(running[1])
        grid.root("sh", "-c", "while pgrep -f 'os.walk[(]source' >/dev/null; do sleep 0.2; done")
        assert grid.read("/root/replace.log") == ""
    for job in ends:
        finished(job)
    for job in kills:
        job.wait()
        assert [held["state"] for held in job.oar_jobs()] == ["Error"]
    added = grid.read(log)[before:]
    for word in ("internal error", "cannot be imported", "Traceback", "ERROR"):
        assert word not in added
