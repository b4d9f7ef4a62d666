"""oarstat of 2.x: its options and the selection of jobs. OAR 3's is in oarstat_oar3.py.

The output is made in oarstat_json.py and oarstat_text.py.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from . import faults, oarstat_json, oarstat_oar3, oarstat_text
from .invocation import Invocation, Refused, Reply, shuffled
from .options import Parsed, PerlParser, table
from .schema import ACTIVE_STATES
from .sql_condition import SqlError, select_rows

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
if TYPE_CHECKING:
    from .database import Row

_OPTIONS = table(
    {
        "help|h": "",
        "version|V": "",
        "job|j": ":i",
        "full|f": "",
        "state|s": "",
        "user|u": ":s",
        "array": ":i",
        "compact|c": "",
        "gantt|g": "s",
        "events|e": "",
        "properties|p": "",
        "accounting": "s",
        "sql": "s",
        "xml|X": "",
        "yaml|Y": "",
        "json|J": "",
        "dumper|D": "",
        "format": "s",
    }
)
NO_ID = "/!\\ ERROR: No job id provided in command line or environment variables\n"
_MISSING = (
    "No Perl {} module is available on the system. If required, ask your admin to install one.\n"
)


def run(call: Invocation, command: str) -> Reply:
    if call.dialect.major == 3:
        return oarstat_oar3.run(call, command)
    parsed = PerlParser(call.args, _OPTIONS).parse()
    if parsed.errors:
        raise Refused(1, err="".join(e + "\n" for e in parsed.errors))
    if parsed.has("help"):
        return Reply(0, "Usage: oarstat [-X|-Y|-D|-f|-s] [-j [job_id]|--array array_id]\n")
    if parsed.has("version"):
        return Reply(0, call.dialect.version_line + "\n")
    for name, module in (("xml", "XML"), ("yaml", "Yaml"), ("dumper", "Data::Dumper")):
        if parsed.has(name):  # as on a site without the Perl module
            raise Refused(1, err=_MISSING.format(module))
    ids = _ids(parsed)
    faults.open_database(call, "oarstat", waits=False)
    as_json = parsed.has("json")
    if parsed.has("events"):
        return _events(call, ids, as_json and call.dialect.rich_json)
    if parsed.has("properties"):
        return _properties(call, ids, as_json and call.dialect.rich_json)
    if parsed.has("state"):
        return _state(call, ids, as_json)
    listed = not (as_json or parsed.has("full"))
    jobs = _jobs(call, parsed, ids, oarstat_text.COLUMNS if listed else "*")
    style = (
        parsed.last("format")
        or os.environ.get("OAR_OARSTAT_OUTPUT_FORMAT")
        or str(call.db.knob("default_format", "2"))
    )
    if as_json:
        full = parsed.has("full") or call.dialect.rich_json
        renamed = call.dialect.rich_json and style == "3"
        return Reply(0, oarstat_json.jobs(call, jobs, full=full, renamed=renamed))
    if parsed.has("full"):
        return Reply(0, oarstat_text.full(call, jobs, style == "3" and call.dialect.rich_json))
    if parsed.has("array"):
        return Reply(0, oarstat_text.array(jobs, style))
    if parsed.has("compact"):
        jobs = _compact(jobs)
    return Reply(0, oarstat_text.listing(jobs, style))


def _ids(parsed: Parsed) -> list[int]:
    ids = [int(value) for value in parsed.all("job")]
    if ids == [0]:
        found = os.environ.get("OAR_JOB_ID") or os.environ.get("OAR_JOBID") or ""
        if not found.isdigit():
            raise Refused(255, err=NO_ID)
        return [int(found)]
    return ids


def _jobs(call: Invocation, parsed: Parsed, ids: Sequence[int], columns: str) -> list[Row]:
    if ids:
        found = call.db.jobs_by_id(ids, columns)
        return [found[i] for i in ids if i in found]
    sql, array = parsed.last("sql"), parsed.last("array")
    if sql is not None:
        try:
            return select_rows(call.db, sql, columns)
        except SqlError:  # prints nothing and exits 0, as without a match
            return []
    if array is not None and int(array):
        return call.db.rows(f"SELECT {columns} FROM jobs WHERE array_id = ?", (int(array),))
    marks = ",".join("?" * len(ACTIVE_STATES))
    where, args = f"state IN ({marks})", list(ACTIVE_STATES)
    if parsed.has("user"):
        where += " AND job_user = ?"
        args.append(parsed.last("user") or call.user)
    return call.db.rows(f"SELECT {columns} FROM jobs WHERE {where} ORDER BY job_id", args)


def _compact(jobs: Sequence[Row]) -> list[Row]:
    """Merge the rows of each array into one: SIZE@ARRAY instead of the job ID, state NA."""
    sizes: dict[int, list[Row]] = {}
    for job in jobs:
        sizes.setdefault(job["array_id"], []).append(job)
    return [
        rows[0] if len(rows) == 1 else {**rows[0], "job_id": f"{len(rows)}@{array}", "state": "NA"}
        for array, rows in sizes.items()
    ]


def _state(call: Invocation, ids: Sequence[int], as_json: bool) -> Reply:
    if not ids:
        raise Refused(1, err="--state can only be used with an id\n")
    wanted = ",".join(str(i) for i in set(ids) if abs(i) < 2**63)
    states = dict(call.db.pairs(f"SELECT job_id, state FROM jobs WHERE job_id IN ({wanted})"))
    order = shuffled(list(states))
    if as_json:
        return Reply(0, oarstat_json.document({str(i): states[i] for i in order}))
    return Reply(0, "".join(f"{i}: {states[i]}\n" for i in order))


def _events(call: Invocation, ids: Sequence[int], as_json: bool) -> Reply:
    found = call.db.events(ids)
    if as_json:
        data = {
            str(i): [{k: e[k] for k in ("date", "description", "type")} for e in found[i]]
            for i in shuffled(list(found))
        }
        return Reply(0, oarstat_json.document(data))
    return Reply(0, "".join(oarstat_text.event(e) for i in ids for e in found.get(i, [])))


def _properties(call: Invocation, ids: Sequence[int], as_json: bool) -> Reply:
    if not ids:
        raise Refused(1, err="No job specified\n")
    return Reply(
        0, oarstat_json.properties(call, ids) if as_json else oarstat_text.properties(call, ids)
    )
