"""Print how ARC reads descriptions in xRSL; needs ARC's Python bindings.

Standard input is a JSON object from names to descriptions, standard output one from names to
answers. Each description is parsed in a process of its own, since some crash ARC's parser.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Any

_SECONDS = 10


def answer(arc: Any, text: str) -> dict[str, Any]:
    """Return the jobs that ARC's client reads in one description, or its error."""
    found = arc.JobDescriptionList()
    result = arc.JobDescription.Parse(text, found, "nordugrid:xrsl", "")
    if not result:
        return {"accepted": False, "error": result.str()}
    return {"accepted": True, "jobs": [_job(job) for job in found]}


def _job(job: Any) -> dict[str, Any]:
    """Return the fields that the description sets, under the names of JobDescription."""
    application, resources, staging = job.Application, job.Resources, job.DataStaging
    slots = resources.SlotRequirement
    slot_use = {slots.EE_TRUE: "yes", slots.EE_FALSE: "no"}
    fields = {
        "executable": application.Executable.Path,
        "arguments": list(application.Executable.Argument),
        "name": job.Identification.JobName,
        "environment": [[name, value] for name, value in application.Environment],
        "stdin": application.Input,
        "stdout": application.Output,
        "stderr": application.Error,
        "queue": resources.QueueName,
        "cpu_time": resources.TotalCPUTime.range.max,
        "wall_time": resources.TotalWallTime.range.max,
        "memory": resources.IndividualPhysicalMemory.max,
        "disk": resources.DiskSpaceRequirement.DiskSpace.max,
        "count": slots.NumberOfSlots,
        "count_per_node": slots.SlotsPerHost,
        "exclusive": slot_use.get(slots.ExclusiveExecution, ""),
        "runtime_environments": _runtime_environments(job),
        "start_time": application.ProcessingStartTime.GetTime(),
        "priority": application.Priority,
        "rerun": application.Rerun,
        "input_files": [file.Name for file in staging.InputFiles],
        "output_files": [file.Name for file in staging.OutputFiles],
        "alternatives": [_job(other) for other in job.GetAlternativesCopy()],
    }
    return {name: value for name, value in fields.items() if value not in ("", -1, [])}


def _runtime_environments(job: Any) -> list[list[Any]]:
    """Return the relation, name and options of each.

    The bindings give the relations only in the xRSL that they write.
    """
    text = job.UnParse("nordugrid:xrsl")[1].partition("( clientxrsl")[0]
    relations = re.findall(r'\( runtimeenvironment (\S+) "', text)
    software = job.Resources.RunTimeEnvironment.getSoftwareList()
    return [[sign, one(), list(one.getOptions())] for sign, one in zip(relations, software)]


def in_own_process(
    ask: Callable[[Any, str], dict[str, Any]], arc: Any, text: str
) -> dict[str, Any]:
    """Return what `ask` returns, or the signal that ended the parser."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiver)
        signal.alarm(_SECONDS)
        with open(sender, "w", encoding="utf-8", errors="surrogateescape") as pipe:
            json.dump(ask(arc, text), pipe)
        os._exit(0)
    os.close(sender)
    with open(receiver, encoding="utf-8") as pipe:
        output = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return {"accepted": False, "crash": signal.Signals(os.WTERMSIG(status)).name}
    answered: dict[str, Any] = json.loads(output)
    return answered


def main() -> None:
    arc = importlib.import_module("arc")
    descriptions = json.load(sys.stdin)
    answers = {name: in_own_process(answer, arc, text) for name, text in descriptions.items()}
    json.dump({"arc": arc.ARC_VERSION, "answers": answers}, sys.stdout)


if __name__ == "__main__":
    main()
