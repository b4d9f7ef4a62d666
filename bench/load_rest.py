"""Feeds A-REX through its REST interface, run inside a bed as the grid user.

Reads {"new": [xRSL, ...]} or {"kill": [grid ID, ...]} from standard input, one in a line; answers
with a list in a line, in the same order: the grid IDs, or whether A-REX took each kill. A process
of `arcsub` for each job would take more CPU than the job, and one for many xRSL is refused ("Empty
job description source string", ARC 6.17). Grid users have machines of their own: what is done here
is to take as little as may be of the one that is measured.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl
import sys
from collections.abc import Sequence
from typing import Any

_HOST, _PORT = "localhost", 8443
_JOBS = "/arex/rest/1.0/jobs"
_JSON = "application/json"
_SOME = 100


def main() -> int:
    context = ssl.create_default_context(capath="/etc/grid-security/certificates")
    context.check_hostname = False
    context.load_cert_chain(f"/tmp/x509up_u{os.getuid()}")
    for line in sys.stdin:
        asked = json.loads(line)
        server = http.client.HTTPSConnection(_HOST, _PORT, timeout=120, context=context)
        said = new(server, asked["new"]) if "new" in asked else kill(server, asked["kill"])
        print(json.dumps(said), flush=True)
        server.close()
    return 0


def new(server: http.client.HTTPConnection, descriptions: Sequence[str]) -> list[str]:
    """The grid IDs of the jobs, one request each."""
    found = []
    for text in descriptions:
        job = _post(server, "new", text, "application/rsl")["job"]
        if str(job["status-code"]) != "201":
            raise SystemExit(f"A-REX did not take a job: {job}")
        found.append(str(job["id"]))
    return found


def kill(server: http.client.HTTPConnection, grid_ids: Sequence[str]) -> list[bool]:
    """Whether A-REX took the kill of each, some hundred in a request."""
    taken = []
    for first in range(0, len(grid_ids), _SOME):
        asked = {"job": [{"id": name} for name in grid_ids[first : first + _SOME]]}
        said = _post(server, "kill", json.dumps(asked), _JSON)["job"]
        taken += [
            str(job["status-code"]) == "202" for job in (said if isinstance(said, list) else [said])
        ]
    return taken


def _post(server: http.client.HTTPConnection, action: str, text: str, kind: str) -> Any:
    headers = {"Accept": _JSON, "Content-Type": kind}
    server.request("POST", f"{_JOBS}?action={action}", text.encode(), headers)
    answer = server.getresponse()
    body = answer.read()
    if answer.status not in (200, 201):
        raise SystemExit(f"A-REX answered {answer.status} {answer.reason}: {body[:300]!r}")
    return json.loads(body)


if __name__ == "__main__":
    sys.exit(main())
