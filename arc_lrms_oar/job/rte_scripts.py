"""The texts of runtime environments (RTEs) for the node, where their stages 1 and 2 run.

`job.script` puts each text into the job script as one function.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job.description import RuntimeEnvironment
from arc_lrms_oar.job.shell import quoted
from arc_lrms_oar.log import complain

_LIMIT = 16 * 1024 * 1024


class RteScript(NamedTuple):
    """One RTE in the job script; `text` begins with its parameters file."""

    name: str
    options: tuple[str, ...]
    text: str


def node_scripts(environments: Sequence[RuntimeEnvironment], control_dir: str) -> list[RteScript]:
    """Read the texts of RTEs, in order; raises JobError for one that does not exist.

    An empty RTE has an empty text, also if it has parameters (ARC 6.17
    `src/services/a-rex/lrms/submit_common.sh`, `RTE_to_jobscript`).
    """
    scripts = []
    for name, options in environments:
        text = None
        for folder in ("enabled", "default"):
            if text is None:
                text = _content(os.path.join(control_dir, "rte", folder, name))
        if text is None:
            raise JobError(f"the runtime environment {name} is not enabled at this site")
        if text:
            params = os.path.join(control_dir, "rte", "params", name)
            software = _software(name) if os.path.exists(params + ".community") else ""
            text = (_content(params) or "") + software + text
        scripts.append(RteScript(name, options, text))
    return scripts


def _software(name: str) -> str:
    """Return the assignment for an RTE with software of a community (ARC `community_rtes.sh`)."""
    return f'RUNTIME_JOB_SWDIR="$RUNTIME_JOB_DIR"/{quoted(f"_software/{name}")}\n'


def _content(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            text = file.read(_LIMIT)
    except FileNotFoundError:
        return None
    except OSError as error:
        complain(f"cannot read {path}: {error.strerror}")
        return None
    return text + "\n" if text and not text.endswith("\n") else text
