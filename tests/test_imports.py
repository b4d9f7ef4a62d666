"""What the commands that A-REX starts import: the standard library only, and few modules of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from support.ce import GRID_ID
from support.oar_site import Site

ROOT = Path(__file__).resolve().parents[1]
# Each takes 2 to 7 ms to load, and no command needs it. argparse may load some of them itself.
COSTLY = {"secrets", "difflib", "dataclasses", "inspect"}
# Also too slow for a process that A-REX starts for each job or every few seconds.
COSTLY_FOR_AREX = {
    "argparse",
    "gettext",
    "locale",
    "selectors",
    "shutil",
    "subprocess",
    "threading",
}
BY_AREX = "from arc_lrms_oar.entrypoint import call\ncall(sys.argv.pop(1))\n"
ARGPARSE = (
    "import argparse\nargparse.ArgumentParser().add_subparsers().add_parser('x').format_help()\n"
)
BY_PEOPLE = "from arc_lrms_oar.cli import main\nsys.exit(main())\n"
# Written by os.write, since the scripts end without flushing what is printed at exit.
REPORT = """\
import atexit, sys
def report():
    import json, os
    files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
    os.write(1, ("\\n" + json.dumps(files) + "\\n").encode())
atexit.register(report)
"""


def modules_loaded_by(code: str, *words: str) -> dict[str, str | None]:
    """The modules that a Python process has loaded at its end, with their files."""
    argv = [sys.executable, "-c", REPORT + code, *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded: dict[str, str | None] = json.loads(done.stdout.splitlines()[-1])
    return loaded


@pytest.mark.parametrize("verb", ["submit", "cancel", "scan", "query", "info"])
def test_modules_of_a_command(site: Site, verb: str) -> None:
    """The command does its work, in a process of its own."""
    if verb == "submit":
        target = str(site.ce.job(GRID_ID).file("grami"))
    else:
        files = site.running()
        target = str(files.file("grami")) if verb == "cancel" else "1"
    words = {"scan": [str(site.ce.control)], "info": []}.get(verb, [target])
    by_arex = verb in ("submit", "cancel", "scan")
    code = BY_AREX if by_arex else BY_PEOPLE
    # What the interpreter loads by itself, with its `.pth` files, and what argparse loads.
    before = modules_loaded_by("" if by_arex else ARGPARSE)
    after = modules_loaded_by(code, verb, "--config", str(site.ce.conf), *words)
    loaded = {name: file for name, file in after.items() if name not in before}
    module = {"scan": "scan.reconcile", "info": "info.provider"}.get(verb, f"commands.{verb}")
    assert f"arc_lrms_oar.{module}" in loaded
    unwanted = COSTLY | COSTLY_FOR_AREX if by_arex else COSTLY
    assert loaded.keys().isdisjoint(unwanted), unwanted & loaded.keys()
    assert [name for name, file in loaded.items() if not _is_standard(name, file)] == []


def _is_standard(name: str, file: str | None) -> bool:
    """Whether a module is this package's or of Python's standard library."""
    folders = [f"{sysconfig.get_path(kind)}/" for kind in ("stdlib", "platstdlib")]
    if file is None or name == "__main__" or name.partition(".")[0] == "arc_lrms_oar":
        return True
    third_party = "/site-packages/" in file or "/dist-packages/" in file
    return file.startswith(tuple(folders)) and not third_party
