"""One cycle of scan as the admin is to see it: its troubles told once, its numbers counted.

Nothing here decides about a job, and nothing that goes wrong here stops the scan.
"""

from __future__ import annotations

import os
import time
from types import TracebackType
from typing import TYPE_CHECKING

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.scan.state import Memory
from arc_lrms_oar.scan.throttled_log import OAR_SILENT, Troubles
from arc_lrms_oar.settings import Settings

if TYPE_CHECKING:
    from arc_lrms_oar.oar.metering import Metered

_COUNTED = "metrics"
_STATES = "states"


class Cycle:
    """A look at the control directory `path`, from its beginning to the last line of its log."""

    def __init__(
        self, settings: Settings, client: OarClient, path: str, memory: Memory, log: Log
    ) -> None:
        self.now = time.time()
        self.troubles = Troubles(memory, log, self.now)
        self.jobs: dict[str, int] = {}
        self._memory = memory
        self._client = client
        self._runner = client.runner
        self._meter: Metered | None = None
        self._started = time.monotonic()
        # The metrics are those of arc.conf's control directory, whatever else is scanned.
        own = os.path.normpath(path) == os.path.normpath(settings.control_dir)
        self._metrics_file = settings.metrics_file if own else ""

    def __enter__(self) -> Cycle:
        if self._metrics_file:
            from arc_lrms_oar.oar.metering import Metered

            self._client.runner = self._meter = Metered(self._runner)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.runner = self._runner
        if isinstance(error, OarUnavailable):
            self.troubles.say("ERROR", OAR_SILENT, f", nothing was changed: {error}")
        self._write_metrics(error)
        if error is None:
            self.troubles.settle()

    def count(self, name: str, number: float = 1) -> None:
        """Adds to the counter `name`, which lives on from cycle to cycle."""
        if self._metrics_file:
            counted = self._memory.note(_COUNTED)
            counted[name] = counted.get(name, 0) + number

    def saw(self, states: dict[str, int]) -> None:
        """How many jobs OAR has in each of its states, from a question for all of them."""
        if self._metrics_file:
            self._memory.drop_note(_STATES)
            self._memory.note(_STATES).update(states, asked=self.now)

    def _write_metrics(self, error: BaseException | None) -> None:
        if self._meter is None:
            return
        from arc_lrms_oar.scan import metrics

        seconds = time.monotonic() - self._started
        result = metrics.result_of(error)
        self.count(f"cycles {result}")
        self.count("cycle_seconds", seconds)
        for command, usage in self._meter.usage.items():
            self.count(f"commands {command}", usage.calls)
            self.count(f"command_failures {command}", usage.failures)
            self.count(f"command_seconds {command}", usage.seconds)
        if result == "ok":
            self._memory.note(_COUNTED)["last_success"] = self.now
        text = metrics.text_of(
            metrics.Numbers(
                counted=self._memory.note(_COUNTED),
                jobs=self.jobs,
                states=self._memory.note(_STATES),
                seconds=seconds,
                now=self.now,
                up=result == "ok",
            )
        )
        try:
            metrics.write(self._metrics_file, text)
        except OSError as trouble:
            self.troubles.say(
                "WARNING",
                f"the metrics cannot be written to {self._metrics_file}",
                f": {trouble.strerror}",
            )
