"""Shows a job's states in ARC and in OAR side by side as they change."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 180.0


def show_changes(state: Callable[[], tuple[str, str]], end: str) -> bool:
    """Prints a line for each change of (state in ARC, state in OAR) until ARC's is `end`.

    False where it is not after some minutes.
    """
    print(f"\n{'time':>7}  {'A-REX':<12} OAR")
    started = time.monotonic()
    seen = ("", "")
    while time.monotonic() - started < PATIENCE:
        now = state()
        if now != seen:
            print(f"{time.monotonic() - started:6.1f}s  {now[0]:<12} {now[1] or '-'}", flush=True)
            seen = now
        if now[0] == end:
            return True
        time.sleep(0.2)
    return False
