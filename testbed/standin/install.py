"""Create the directory of a stand-in: one script per command, a copy of the code, the database.

Not for commands: they do not get a copy of this module.
"""

from __future__ import annotations

import marshal
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from importlib.util import MAGIC_NUMBER
from pathlib import Path

from .database import Database
from .dialect import dialect
from .resources import default_nodes, nodes_to_resources

_POLICY_2 = "oar_sched_gantt_with_timesharing_and_fairsharing_and_quotas"
_POLICY_3 = "kamelot"
_NOT_FOR_COMMANDS = {"control", "install", "recorded_calls", "synthetic"}
_SOURCE = Path(__file__).resolve().parent
_SCRIPT = '#!/bin/sh\nexec {python} -I -S {entry} {state} {command} "$@"\n'
_compiled: dict[str, tuple[bytes, bytes]] = {}


def create_directory(
    directory: Path,
    version: str,
    nodes: Sequence[Mapping[str, int | str]] | None,
    first_id: int,
    python: str | None,
) -> None:
    """Create `directory` with commands, code, nodes and queues of a new stand-in."""
    facts = dialect(version)
    for name in ("bin", "run", "lib/standin"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    for path in (directory, directory / "run"):
        path.chmod(0o777)  # any user may call the commands; OAR's are setuid instead
    install_code(directory / "lib" / "standin")
    commands = ["oarsub", "oarstat", "oardel", "oarhold", "oarresume", "oarnodes"]
    commands.append("oarqueue" if facts.major == 3 else "oarnotify")
    for command in commands:
        write_command(directory, command, python)
    db = Database.create(directory / "state.db", version, first_id)
    db.set_resources(nodes_to_resources(default_nodes() if nodes is None else nodes))
    policy = _POLICY_3 if facts.major == 3 else _POLICY_2
    db.many(
        "INSERT INTO queues (name, priority, policy) VALUES (?, ?, ?)",
        [("default", 2, policy), ("admin", 10, policy), ("besteffort", 0, policy)],
    )
    db.close()


def install_code(target: Path) -> None:
    """Copy the commands' code, since the calling user may be unable to read the checkout."""
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
    """Compile once per process. "Unchecked" code is imported without a look at its source."""
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
        "entry": shlex.quote(str(directory / "lib" / "standin" / "entrypoint.py")),
        "state": shlex.quote(str(directory / "state.db")),
        "command": command,
    }
    path = directory / "bin" / command
    path.write_text(_SCRIPT.format(**quoted))
    path.chmod(0o755)


def _interpreter() -> str:
    """Return the Python that runs the commands: this one, unless other users cannot run it."""
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
