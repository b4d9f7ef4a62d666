"""The oarsub command of a job as a line that can be pasted into a shell. Pure.

OAR records the arguments of oarsub joined by blanks, without quotes (`initial_request`), so a
condition or a job type with blanks would become several arguments.
"""

from __future__ import annotations

import re
import shlex

# The options that `job.request.OarRequest.argv` writes, in its order.
_OPTIONS = (
    *("--name", "--project", "-q", "-l", "-p", "-t", "--checkpoint", "--signal", "--notify"),
    *("-d", "-O", "-E"),
)
_OPTION = re.compile(rf" ({'|'.join(_OPTIONS)}) ")


def pastable(recorded: str) -> str:
    """The line that OAR has recorded, quoted for a shell; unchanged if another program wrote it."""
    # OAR 3 does not record the command's own name.
    head, *parts = _OPTION.split(f" {recorded.removeprefix('oarsub').lstrip()}")
    pairs = list(zip(parts[::2], parts[1::2]))
    if head or [option for option, _ in pairs[-2:]] != ["-O", "-E"]:
        return recorded
    output = pairs[-2][1]
    last = pairs[-1][1]
    if not last.startswith(f"{output} "):
        return recorded
    script = last[len(output) + 1 :]
    words = ["oarsub", *(word for pair in pairs[:-1] for word in pair), "-E", output, script]
    return shlex.join(words)
