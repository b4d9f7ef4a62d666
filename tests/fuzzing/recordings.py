"""Recorded answers of OAR, and a transport that returns damaged ones."""

from __future__ import annotations

import json
from collections.abc import Sequence

from fuzzing.inputs import as_bytes
from oar.recorded import calls
from support.fake_transport import FakeTransport

from arc_lrms_oar.oar.transport import Completed

_LONGEST = 20_000
NOISE = ("# WARNING: something\n", "[ADMISSION RULE] x\n", "{\n", "Job id    S User\n", "[1]\n")
LISTINGS = [asked.stdout for asked in calls() if asked.step.endswith("oarstat-ended")]
SHORT = sorted(
    {text for asked in calls() for text in (asked.stdout, asked.stderr) if 0 < len(text) < 3000}
)


def documents(program: str, *options: str, dialect: str = "") -> list[str]:
    """Return the different JSON outputs of a command, shortest first.

    `dialect` limits them to one OAR generation.
    """
    found = set()
    for asked in calls():
        if asked.renamed or not asked.asks(program, *options):
            continue
        if len(asked.stdout) < _LONGEST and asked.version.startswith(dialect):
            try:
                json.loads(asked.stdout)
            except ValueError:
                continue
            found.add(asked.stdout)
    return sorted(found, key=lambda text: (len(text), text))


class Says(FakeTransport):
    """A transport with the same result for all commands, but another stdout for some of them.

    `by_word` maps a word of such a command line, without leading dashes, to the stdout.
    """

    def __init__(self, code: int, stdout: str, stderr: str = "", **by_word: str) -> None:
        self.code, self.stdout, self.stderr, self.by_word = code, stdout, stderr, by_word

    def run(self, argv: Sequence[str], timeout: float | None = None) -> Completed:
        words = [word.lstrip("-") for word in argv]
        stdout = next((self.by_word[word] for word in words if word in self.by_word), self.stdout)
        printed = (as_bytes(text).decode("utf-8", "replace") for text in (stdout, self.stderr))
        return Completed(list(argv), self.code, *printed)

    def is_running(self, pid: int, ticket: str) -> bool:
        return False
