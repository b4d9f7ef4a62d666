"""A client of A-REX's REST interface. Runs inside a bed as the grid user.

Reads {"new": [xRSL, ...]} or {"kill": [grid job ID, ...]} from standard input, one per line.
Answers each with a list in the same order, on one line: the grid job IDs, or whether A-REX accepted
each kill. `arcsub` is no alternative: one process per job takes more CPU time than the job, and one
process for many xRSL is refused ("Empty job description source string", ARC 6.17). Grid users have
their own machines, so this client must use as little as possible of the one that is measured.
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
    # The certificate is for the CE's name.
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
    """Submit jobs, one request each; return their grid job IDs."""
    found = []
    for text in descriptions:
        (job,) = _post(server, "new", text, "application/rsl")
        if str(job["status-code"]) != "201":
            raise SystemExit(f"A-REX refused a job: {job}")
        found.append(str(job["id"]))
    return found


def kill(server: http.client.HTTPConnection, grid_ids: Sequence[str]) -> list[bool]:
    """Kill jobs in requests of `_SOME`; return whether A-REX accepted each."""
    accepted = []
    for first in range(0, len(grid_ids), _SOME):
        asked = {"job": [{"id": name} for name in grid_ids[first : first + _SOME]]}
        jobs = _post(server, "kill", json.dumps(asked), _JSON)
        accepted += [str(job["status-code"]) == "202" for job in jobs]
    return accepted


def _post(
    server: http.client.HTTPConnection, action: str, text: str, kind: str
) -> list[dict[str, Any]]:
    """Send a request and return A-REX's answers for its jobs, in order."""
    headers = {"Accept": _JSON, "Content-Type": kind}
    server.request("POST", f"{_JOBS}?action={action}", text.encode(), headers)
    answer = server.getresponse()
    body = answer.read()
    if answer.status not in (200, 201):
        raise SystemExit(f"A-REX answered {answer.status} {answer.reason}: {body[:300]!r}")
    jobs = json.loads(body)["job"]
    # ARC 6.17 prints a single job without a list, ARC 7.0 with one.
    return jobs if isinstance(jobs, list) else [jobs]


if __name__ == "__main__":
    sys.exit(main())
