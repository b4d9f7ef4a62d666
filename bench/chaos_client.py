"""Submit and kill grid jobs through A-REX's REST interface while A-REX comes and goes.

A request that gets no answer may have been carried out: the caller finds such jobs by their names.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence

from bed import GRIDUSER, Bed
from bed.layout import CHECKOUT_INSIDE


class Client:
    """A client process, started anew after each failure."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._process: subprocess.Popen[str] | None = None

    def submit(self, description: str) -> str | None:
        """Submit a job; return its grid job ID, None if there was no answer or a refusal."""
        answer = self._ask(new=[description])
        return str(answer[0]) if answer else None

    def kill(self, names: Sequence[str]) -> bool:
        """Kill jobs; return whether A-REX has accepted all requests."""
        answer = self._ask(kill=list(names))
        return answer is not None and all(answer)

    def close(self) -> None:
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _ask(self, **request: list[str]) -> list[object] | None:
        if self._process is None:
            argv = ["python3", f"{CHECKOUT_INSIDE}/bench/load_rest.py"]
            command, environment = self._bed.inside.command(argv, user=GRIDUSER)
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                bufsize=1,
            )
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(request) + "\n")
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if line:
            return list(json.loads(line))
        process.kill()
        process.communicate()
        self._process = None
        return None
