"""What the verbs that A-REX calls import: the standard library only, and cheaply."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.ce import GRID_ID
from support.oar_site import Site

ROOT = Path(__file__).resolve().parents[1]
# What stands after ARC's own costs 2 to 7 ms each, and serves none of the verbs.
DEAR = {"pyparsing", "dateutil", "arc", "secrets", "difflib", "dataclasses", "inspect"}
# Nor what A-REX starts for each job and every few seconds.
UNUSED = {"argparse", "gettext", "locale", "selectors", "shutil", "subprocess", "threading"}
CALL = "from arc_lrms_oar.entrypoint import call\ncall(sys.argv.pop(1))\n"
MAIN = "from arc_lrms_oar.cli import main\nsys.exit(main())\n"
TELL = "import atexit, sys\natexit.register(lambda: print('\\n' + ' '.join(sys.modules)))\n"


@pytest.mark.parametrize("verb", ["submit", "cancel", "scan", "query", "info"])
def test_path_of_a_verb(site: Site, verb: str) -> None:
    """The whole way of a verb that does its work, in a process of its own."""
    if verb == "submit":
        target = str(site.ce.job(GRID_ID).file("grami"))
    else:
        files = site.running()
        target = str(files.file("grami")) if verb == "cancel" else "1"
    words = {"scan": [str(site.ce.control)], "info": []}.get(verb, [target])
    by_arex = verb in ("submit", "cancel", "scan")
    code = TELL + (CALL if by_arex else MAIN)
    argv = [sys.executable, "-c", code, verb, "--config", str(site.ce.conf), *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.splitlines()[-1].split())
    module = {"scan": "scan.reconcile", "info": "info.provider"}.get(verb, f"commands.{verb}")
    assert f"arc_lrms_oar.{module}" in loaded
    unwanted = DEAR | UNUSED if by_arex else DEAR
    assert loaded.isdisjoint(unwanted), loaded.intersection(unwanted)
