"""Properties that must hold for any input: how they are tested, and the inputs found before.

An input consists of JSON values, so that each found input is one small file in `corpus/`. The unit
tests replay these files, and then test a few inputs that are the same each time. `tests/fuzz` tests
random inputs, and adds those that break a property to the corpus.
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
# `tests/fuzz` sets the number of inputs, in percent, and a part of the names of new files.
EXAMPLES = "ARC_OAR_FUZZ_EXAMPLES"
ROUND = "ARC_OAR_FUZZ_ROUND"
# Seconds of CPU time for one input, which takes milliseconds. CPU time, so that other processes on
# the machine do not matter.
TIMEOUT = 20.0

Check = Callable[..., None]


class TooLong(Exception):
    """One input took more than TIMEOUT seconds."""


def fuzzed(
    examples: int = 60, **inputs: SearchStrategy[Any]
) -> Callable[[Check], Callable[[], None]]:
    """Turn a function that checks one input into a test of all inputs that `inputs` generate.

    `examples` is the number of inputs in unit tests; slower checks use fewer.
    """

    def decorate(check: Check) -> Callable[[], None]:
        name = f"{check.__module__.rpartition('.')[2]}.{check.__name__}".replace("test_", "")

        def one(**values: Any) -> None:
            try:
                with cpu_time_limit():
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
def cpu_time_limit() -> Iterator[None]:
    """Raise TooLong if the block takes more than TIMEOUT seconds."""

    def too_long(*_: object) -> None:
        raise TooLong(f"not finished after {TIMEOUT:.0f} s")

    before = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, TIMEOUT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextlib.contextmanager
def in_memory() -> Iterator[Path]:
    """A directory for one input, in memory if the system permits it."""
    with tempfile.TemporaryDirectory(
        dir="/dev/shm" if os.path.isdir("/dev/shm") else None
    ) as place:
        yield Path(place)


def kept(name: str) -> list[dict[str, Any]]:
    """Return the inputs found for the property `name`, sorted by file name."""
    return [json.loads(path.read_text()) for path in sorted((CORPUS / name).glob("*.json"))]


def _keep(name: str, values: dict[str, Any], error: Exception) -> None:
    """Store an input; a smaller input with the same failure replaces it."""
    if ROUND not in os.environ:
        return
    last = traceback.extract_tb(error.__traceback__)[-1]
    failure = f"{type(error).__name__} {last.filename} {last.lineno}"
    digest = hashlib.sha256(failure.encode()).hexdigest()[:6]
    path = CORPUS / name / f"{type(error).__name__}-{os.environ[ROUND]}-{digest}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1) + "\n")
