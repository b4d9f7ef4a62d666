"""Runs where ARC's Python bindings and this package are: says what from_arc reads in ARC's objects.

Standard input is a JSON object of name and description in xRSL; standard output one of name and
the fields of each job. Each description has a process of its own, as in arc_answers.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

from live.arc_answers import in_own_process

from arc_lrms_oar.job.arcjob import from_arc


def read(arc: Any, text: str) -> dict[str, Any]:
    """All jobs of one description."""
    found = arc.JobDescriptionList()
    arc.JobDescription.Parse(text, found, "nordugrid:xrsl", "")
    return {"jobs": [from_arc(job)._asdict() for job in found]}


def main() -> None:
    arc = importlib.import_module("arc")
    texts = json.load(sys.stdin)
    json.dump({name: in_own_process(read, arc, text) for name, text in texts.items()}, sys.stdout)


if __name__ == "__main__":
    main()
