"""How a stand-in's directory gets its executables: a script a command, and a copy of the code.

Must not: be imported by a command.
"""

from __future__ import annotations

import marshal
import os
import shlex
import sys
from importlib.util import MAGIC_NUMBER
from pathlib import Path

_NOT_FOR_COMMANDS = {"standin", "install", "synthetic", "trial"}
_SOURCE = Path(__file__).resolve().parent
_SCRIPT = '#!/bin/sh\nexec {python} -I -S {entry} {state} {command} "$@"\n'
_compiled: dict[str, tuple[bytes, bytes]] = {}


def install_code(target: Path) -> None:
    """Copy the commands' code: users who call may not be able to read the checkout."""
    cache = target / "__pycache__"
    cache.mkdir(exist_ok=True)
    if not _compiled:
        _compile()
    tag = sys.implementation.cache_tag
    for name, (source, code) in _compiled.items():
        (target / f"{name}.py").write_bytes(source)
        (cache / f"{name}.{tag}.pyc").write_bytes(code)
    for path in (target, cache, *target.iterdir(), *cache.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)


def _compile() -> None:
    """Once a process. "Unchecked" code needs no look at its source when it is imported."""
    head = MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
    for path in sorted(_SOURCE.glob("*.py")):
        if path.stem in _NOT_FOR_COMMANDS:
            continue
        source = path.read_bytes()
        code = compile(source, str(path), "exec", dont_inherit=True)
        _compiled[path.stem] = (source, head + marshal.dumps(code))


def write_command(directory: Path, command: str, python: str | None = None) -> None:
    quoted = {
        "python": shlex.quote(python or _interpreter()),
        "entry": shlex.quote(str(directory / "lib" / "standin" / "entry.py")),
        "state": shlex.quote(str(directory / "state.db")),
        "command": command,
    }
    path = directory / "bin" / command
    path.write_text(_SCRIPT.format(**quoted))
    path.chmod(0o755)


def _interpreter() -> str:
    """The Python that runs the commands: this one, unless other users could not reach it."""
    if os.geteuid() != 0 or not os.access("/usr/bin/python3", os.X_OK):
        return sys.executable
    found = sys.executable
    for start in (found, os.path.realpath(found)):
        path = start
        while path != "/":
            if not os.stat(path).st_mode & 0o001:
                found = "/usr/bin/python3"
            path = os.path.dirname(path)
    return found
