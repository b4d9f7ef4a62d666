"""A transport that replays recordings, or whatever else a test wants OAR to have said."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from oar.recorded import Call
from support.fake_transport import FakeTransport

from arc_lrms_oar.oar.transport import Completed

Answer = tuple[int, str, str]
Answers = Callable[[Sequence[str]], Answer]


class Replay(FakeTransport):
    """A transport that gives prepared answers and remembers what it was asked."""

    def __init__(self, answer: Answers) -> None:
        self.asked: list[list[str]] = []
        self._answer = answer

    def run(self, argv: Sequence[str], timeout: float | None = None) -> Completed:
        self.asked.append(list(argv))
        return Completed(list(argv), *self._answer(argv))


def always(code: int = 0, stdout: str = "", stderr: str = "") -> Replay:
    return Replay(lambda argv: (code, stdout, stderr))


def from_recording(*recorded: Call) -> Replay:
    """Each recording in its turn."""
    left = list(recorded)

    def answer(argv: Sequence[str]) -> Answer:
        now = left.pop(0)
        return now.code, now.stdout, now.stderr

    return Replay(answer)


def ids_of(argv: Sequence[str]) -> list[int]:
    return [int(word) for before, word in zip(argv, argv[1:]) if before == "-j"]


def states_answer(argv: Sequence[str]) -> Answer:
    return 0, json.dumps({str(job_id): "Running" for job_id in ids_of(argv)}), ""


def records_answer(argv: Sequence[str]) -> Answer:
    rows = {str(x): {"Job_Id": x, "id": x, "state": "Terminated"} for x in ids_of(argv)}
    events = {str(x): [{"type": "SWITCH", "description": str(x)}] for x in ids_of(argv)}
    return 0, json.dumps(events if "-e" in argv else rows), ""
