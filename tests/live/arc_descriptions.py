"""Print what from_arc reads in ARC's job objects; needs ARC's Python bindings and this package.

Standard input is a JSON object from names to descriptions in xRSL, standard output one from names
to the fields of each job. Each description is read in a process of its own, as in arc_answers.
"""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

from live.arc_answers import in_own_process

from arc_lrms_oar.job.arcjob import from_arc


def read(arc: Any, text: str) -> dict[str, Any]:
    """Return all jobs of one description."""
    found = arc.JobDescriptionList()
    arc.JobDescription.Parse(text, found, "nordugrid:xrsl", "")
    return {"jobs": [from_arc(job)._asdict() for job in found]}


def main() -> None:
    arc = importlib.import_module("arc")
    texts = json.load(sys.stdin)
    json.dump({name: in_own_process(read, arc, text) for name, text in texts.items()}, sys.stdout)


if __name__ == "__main__":
    main()
