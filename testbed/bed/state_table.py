"""Print the states of a job in A-REX and in OAR side by side as they change."""

from __future__ import annotations

import time
from collections.abc import Callable

TIMEOUT = 180.0


def print_state_changes(state: Callable[[], tuple[str, str]], end: str) -> bool:
    """Print a line per change of (state in A-REX, state in OAR) until A-REX's state is `end`.

    Returns False if that takes more than TIMEOUT seconds.
    """
    print(f"\n{'time':>7}  {'A-REX':<12} OAR")
    started = time.monotonic()
    seen = ("", "")
    while time.monotonic() - started < TIMEOUT:
        now = state()
        if now != seen:
            print(f"{time.monotonic() - started:6.1f}s  {now[0]:<12} {now[1] or '-'}", flush=True)
            seen = now
        if now[0] == end:
            return True
        time.sleep(0.2)
    return False
