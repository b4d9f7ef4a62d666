"""oarnodes: text and JSON of all versions; nothing is changed."""

from __future__ import annotations

import json
import re
import sqlite3

from . import faults, richtext
from .invocation import Invocation, Refused, Reply, click_error
from .oarstat_json import document, hash_like
from .oarstat_oar3 import SQL_ERROR
from .options import ClickParser, Parsed, PerlParser, table
from .schema import BUSY_STATES, SYSTEM_PROPERTIES

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
if TYPE_CHECKING:
    from .database import Row

# Seen on OAR 2.5.9.
_SQL_ERROR = (
    "DBD::Pg::st execute failed: ERROR:  {} at /usr/share/perl5/OAR/IO.pm line 5759.\n"
    "DBD::Pg::st fetchrow_hashref failed: no statement executing at /usr/share/perl5/OAR/IO.pm "
    "line 5761.\n"
)
_SPEC = {"state|s": "", "list|l": "", "events|e": ":s", "resource|r": "s", "sql": "s", "json|J": ""}
_OPTIONS = table({**_SPEC, "yaml|Y": "", "xml|X": "", "help|h": "", "version|V": ""})
_OPTIONS_26 = table({**_SPEC, "jobs|j": "", "yaml|Y": "", "help|h": "", "version|V": ""})
_OPTIONS_3 = table({**_SPEC, "yaml|Y": "", "help": "", "version|V": ""})


def run(call: Invocation, command: str) -> Reply:
    parsed = _parse(call)
    if call.dialect.major == 3:
        faults.open_database(call, command, waits=False)
    if parsed.has("version"):
        return Reply(0, call.dialect.version_line + "\n")
    faults.open_database(call, command, waits=False)
    rows = _rows(call, parsed)
    if parsed.has("json"):
        return Reply(0, _json(call, rows, parsed))
    if call.dialect.major == 3:
        return Reply(0, _text_3(rows, parsed.has("state")))
    return Reply(0, _text_2(call, rows, parsed))


def _parse(call: Invocation) -> Parsed:
    if call.dialect.major == 3:
        parsed = ClickParser(call.args, _OPTIONS_3).parse()
        if parsed.errors:
            raise click_error("oarnodes", " [NODES]...", parsed.errors[0])
        return parsed
    options = _OPTIONS_26 if call.dialect.hash_errors else _OPTIONS
    parsed = PerlParser(call.args, options).parse()
    if parsed.errors:
        raise Refused(1, err="".join(e + "\n" for e in parsed.errors))
    return parsed


def _rows(call: Invocation, parsed: Parsed) -> list[Row]:
    """Return the selected resources.

    Unknown hosts select none, and neither do wrong conditions on 2.x, with exit status 0 and the
    error of its database.
    """
    rows = call.db.resources()
    sql, wanted = parsed.last("sql"), parsed.last("resource")
    if sql is not None:
        try:
            rows = call.db.rows(f"SELECT * FROM resources WHERE {sql} ORDER BY resource_id")
        except sqlite3.Error as error:
            text = re.sub(r"no such column: (\w+)", r'column "\1" does not exist', str(error))
            if call.dialect.major == 3:
                raise Refused(1, err=SQL_ERROR.format(text)) from None
            none = "{}\n\n" if parsed.has("json") else ""
            raise Refused(0, none, _SQL_ERROR.format(text)) from None
    if wanted is not None:
        rows = [r for r in rows if str(r["resource_id"]) in wanted.split(",")]
    if parsed.arguments:
        rows = [r for r in rows if r["network_address"] in parsed.arguments]
    return rows


def _jobs(call: Invocation, rows: list[Row]) -> dict[str, dict[str, Row]]:
    """Return the output of -j (2.6): the jobs on each node. The key "projet" is OAR's spelling."""
    found: dict[str, dict[str, Row]] = {}
    marks = ",".join("?" * len(BUSY_STATES))
    jobs = call.db.rows(
        f"SELECT * FROM jobs WHERE x_resources != '[]' AND state IN ({marks})", BUSY_STATES
    )
    for name, own in _by_node(rows).items():
        ids = {row["resource_id"] for row in own}
        for job in jobs:
            here = sorted(ids.intersection(json.loads(job["x_resources"])))
            if here:
                found.setdefault(name, {})[str(job["job_id"])] = {
                    "state": job["state"],
                    "projet": job["project"],
                    "owner": job["job_user"],
                    "name": job["job_name"],
                    "assigned_resources": [str(i) for i in here],
                    "queue": job["queue_name"],
                    "resources_total": len(own),
                    "resources_count": len(here),
                    "types": json.loads(job["x_types"]),
                }
    return found


def _by_node(rows: list[Row], key: str = "network_address") -> dict[str, list[Row]]:
    nodes: dict[str, list[Row]] = {}
    for row in rows:
        nodes.setdefault(row[key], []).append(row)
    return nodes


def _json(call: Invocation, rows: list[Row], parsed: Parsed) -> str:
    nodes = _by_node(rows)
    if call.dialect.major == 3:
        if parsed.has("state"):
            data: object = [
                {name: [{str(r["resource_id"]): r["state"]} for r in own]}
                for name, own in nodes.items()
            ]
        else:
            data = [
                {"id": r["resource_id"], **{k: v for k, v in r.items() if k != "resource_id"}}
                for r in rows
            ]
        return json.dumps(data) + "\n"
    new = call.dialect.hash_errors
    end = "" if new else "\n"
    if parsed.has("jobs"):
        return document(_jobs(call, rows))
    if parsed.has("state"):
        # 2.6 groups by host, 2.5 by network address.
        nodes = _by_node(rows, "host" if new else "network_address")
        states = {
            name: {str(r["resource_id"]): r["state"] for r in own} for name, own in nodes.items()
        }
        return document(states) + end
    found = {}
    for row in rows:
        shown = {**row, "resource_id": str(row["resource_id"])} if new else row
        ordered = sorted(shown.items(), key=lambda item: hash_like(item[0]))
        found[str(row["resource_id"])] = dict(ordered)
    return document(found) + end


def _text_2(call: Invocation, rows: list[Row], parsed: Parsed) -> str:
    new = call.dialect.hash_errors
    if parsed.has("events"):
        return ""
    if parsed.has("list"):
        return "".join(f"{name}\n" for name in _by_node(rows))
    if parsed.has("state"):
        nodes = _by_node(rows, "host" if new else "network_address")
        end, colon = (":", ":") if new else ("", " :")
        return "".join(
            f"{name}{end}\n" + "".join(f"    {r['resource_id']}{colon} {r['state']}\n" for r in own)
            for name, own in nodes.items()
        )
    colon = ":" if new else " :"
    return "".join(
        f"network_address{colon} {r['network_address']}\nresource_id{colon} {r['resource_id']}\n"
        f"state{colon} {r['state']}\nproperties{colon} {_properties(r)}\n\n"
        for r in rows
    )


def _properties(row: Row) -> str:
    shown = sorted((k for k in row if k not in SYSTEM_PROPERTIES), key=hash_like)
    return ", ".join(f"{k}={row[k]}" for k in shown)


def _text_3(rows: list[Row], states: bool) -> str:
    if states:
        boxes = []
        for name, own in _by_node(rows).items():
            lines = "".join(f"│ {r['resource_id']} {r['state']} │\n" for r in own)
            boxes.append(f"╭─ {name} ─╮\n{lines}╰───╯\n")
        return "".join(boxes)
    return "\n" + richtext.table(
        ["Id", "Network address", "State", "Available upto"],
        [
            [str(r["resource_id"]), r["network_address"], r["state"], str(r["available_upto"])]
            for r in rows
        ],
    )
