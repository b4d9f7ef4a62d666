"""Properties that must hold for any input: how they are tried out, and what was found before.

An input is anything that JSON can hold, so that each find is one small file in `corpus/`. The
usual tests replay all of these and then try a few inputs that are the same each time; `tests/fuzz`
tries others for as long as it is told to, and adds what it finds to the corpus.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis.errors import HypothesisException
from hypothesis.strategies import SearchStrategy

CORPUS = Path(__file__).parent / "corpus"
# `tests/fuzz` sets how many inputs a property is tried with, and a word for the finds' names.
EXAMPLES = "ARC_OAR_FUZZ_EXAMPLES"
ROUND = "ARC_OAR_FUZZ_ROUND"
# Any input is done with in milliseconds; this is for those that would never be. Seconds of this
# process's own time, so that it does not matter what else the machine does.
PATIENCE = 20.0

Check = Callable[..., None]


class TooLong(Exception):
    """One input has kept the code busy for over PATIENCE seconds."""


def fuzzed(
    examples: int = 60, **inputs: SearchStrategy[Any]
) -> Callable[[Check], Callable[[], None]]:
    """Makes a test of a function that checks one input: it holds for all that `inputs` can make.

    `examples` is how many are tried in the usual tests; fewer for what takes longer.
    """

    def decorate(check: Check) -> Callable[[], None]:
        name = f"{check.__module__.rpartition('.')[2]}.{check.__name__}".replace("test_", "")

        def one(**values: Any) -> None:
            try:
                with patience():
                    check(**values)
            except HypothesisException:
                raise
            except Exception as error:
                _keep(name, values, error)
                raise

        attempt: Any = _profile(examples)(given(**inputs)(one))
        for values in kept(name):
            attempt = example(**values)(attempt)

        def test() -> None:
            attempt()

        test.__name__, test.__doc__, test.__module__ = (
            check.__name__,
            check.__doc__,
            check.__module__,
        )
        return test

    return decorate


def _profile(examples: int) -> settings:
    base = settings(database=None, deadline=None, suppress_health_check=list(HealthCheck))
    if ROUND not in os.environ:
        phases = [Phase.explicit, Phase.generate, Phase.shrink]
        return settings(base, max_examples=examples, derandomize=True, phases=phases)
    many = examples * int(os.environ[EXAMPLES]) // 100
    return settings(base, max_examples=many, phases=[Phase.generate, Phase.shrink])


@contextlib.contextmanager
def patience() -> Iterator[None]:
    """Raises TooLong where the block goes on for too long."""

    def too_long(*_: object) -> None:
        raise TooLong(f"not done in {PATIENCE:.0f} s")

    before = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextlib.contextmanager
def in_memory() -> Iterator[Path]:
    """A directory for one input; where the system allows it no disk has to be waited for."""
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if os.path.isdir("/dev/shm") else None
    ) as place:
        yield Path(place)


def kept(name: str) -> list[dict[str, Any]]:
    """What has been found of the property `name`, oldest name first."""
    return [json.loads(path.read_text()) for path in sorted((CORPUS / name).glob("*.json"))]


def _keep(name: str, values: dict[str, Any], error: Exception) -> None:
    """Each time the input gets smaller the file of the same failure is written anew."""
    if ROUND not in os.environ:
        return
    last = traceback.extract_tb(error.__traceback__)[-1]
    failure = f"{type(error).__name__} {last.filename} {last.lineno}"
    digest = hashlib.sha256(failure.encode()).hexdigest()[:6]
    path = CORPUS / name / f"{type(error).__name__}-{os.environ[ROUND]}-{digest}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1) + "\n")
