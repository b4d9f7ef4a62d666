"""Submit descriptions as ARC's client does; runs as a grid user and needs ARC's Python bindings.

Standard input is a JSON object from names to xRSL, and the argument is the CE's address. Standard
output is a JSON object from names to grid IDs, or to the reason for a refusal.

All jobs are sent in one request. A-REX accepts such a request, but a bug in ARC's own client
prevents it from writing one (ARC 6.17 and 7.0 `hed/acc/ARCREST/SubmitterPluginREST.cpp`). Start
times are left out, because A-REX would wait for them. Local input files are left out as well.
"""

from __future__ import annotations

import http.client
import importlib
import json
import os
import ssl
import sys
import urllib.parse
from typing import Any

QUEUE = "default"


def adl(arc: Any, text: str) -> str:
    """Return the ADL of the first job of `text`, or "" if the client cannot write it."""
    found = arc.JobDescriptionList()
    if not arc.JobDescription.Parse(text, found, "nordugrid:xrsl", ""):
        return ""
    job = found[0]
    job.Resources.QueueName = QUEUE
    job.Application.ProcessingStartTime = arc.Time(-1)
    job.DataStaging.InputFiles.clear()
    # The client fails if it does not find these files.
    executable, stdin = job.Application.Executable.Path, job.Application.Input
    job.Application.Executable.Path = job.Application.Input = ""
    job.Prepare()
    job.Application.Executable.Path, job.Application.Input = executable, stdin
    made, written = job.UnParse("emies:adl")
    return written.partition("?>")[2] if made else ""


def post(address: str, content: str) -> list[dict[str, str]]:
    """Return the CE's answer for each description in `content`."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.load_cert_chain(f"/tmp/x509up_u{os.getuid()}")
    where = urllib.parse.urlsplit(address)
    connection = http.client.HTTPSConnection(where.netloc, context=context, timeout=120)
    kinds = {"Accept": "application/json", "Content-Type": "application/xml"}
    path = f"{where.path}/rest/1.0/jobs?action=new"
    connection.request("POST", path, content.encode("utf-8", "surrogateescape"), kinds)
    answer = connection.getresponse().read()
    jobs: list[dict[str, str]] = json.loads(answer)["job"]
    return jobs


def main() -> None:
    arc = importlib.import_module("arc")
    written = {name: adl(arc, text) for name, text in json.load(sys.stdin).items()}
    sent = {name: text for name, text in written.items() if text}
    content = f"<ActivityDescriptions>{''.join(sent.values())}</ActivityDescriptions>"
    answers = zip(sent, post(sys.argv[1], content))
    json.dump(
        {name: answer.get("id", answer.get("reason")) for name, answer in answers}, sys.stdout
    )


if __name__ == "__main__":
    main()
