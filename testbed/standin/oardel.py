"""oardel, oarhold and oarresume.

oardel only records a deletion request, on which runner.py acts later; hold and resume change the
state at once, as in OAR. A request that is recorded while the server is down has no effect until
another oardel notifies the server after its restart (recorded: server-down of 2.5.9 and 2.6.1).
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

from . import faults, runner, wording
from .invocation import Invocation, Refused, Reply, click_error
from .options import ClickParser, PerlParser, table
from .sql_condition import SqlError, select_ids

_OPTIONS = table(
    {
        "help|h": "",
        "checkpoint|c": "",
        "signal|s": "s",
        "besteffort|b": "",
        "array": "i",
        "sql": "s",
        "force-terminate-finishing-job": "",
        "version|V": "",
    }
)
_OPTIONS_3 = table({"help|h": "", "array": "i", "sql": "s", "version|V": ""})
USAGE = (
    "Usage: /usr/lib/oar/oardel [options] <job_id> [job_id [...] ] \n"
    "       /usr/lib/oar/oardel [options] --sql <SQL WHERE clause>\n"
)
_REQUESTED_BEFORE, _UNKNOWN = 6, 7
# OAR 3 (oar/cli/utils.py): jobs with different errors.
_SEVERAL_ERRORS = 15
_NO_ROW = "No row was found when one was required"
UNREACHABLE = "Could not connect to the socket localhost:{}\n"


def run(call: Invocation, command: str) -> Reply:
    if command != "oardel":
        return _hold(call, command)
    return _delete_3(call) if call.dialect.major == 3 else _delete_2(call)


def _delete_2(call: Invocation) -> Reply:
    parsed = PerlParser(call.args, _OPTIONS).parse()
    if parsed.errors:
        raise Refused(1, err="".join(e + "\n" for e in parsed.errors))
    if parsed.has("version"):
        return Reply(0, call.dialect.version_line + "\n")
    ids: list[int] = []
    reply = Reply()
    for word in parsed.arguments:
        if re.fullmatch(r"\d+", word):
            ids.append(int(word))
        else:
            reply.err += f'[ERROR] "{word}" is not a valid job identifier\n'
            reply.rc = 4
    wanted = _selected(call, parsed.last("sql"), parsed.last("array"))
    if not parsed.arguments and not wanted and not parsed.has("sql"):
        raise Refused(1, USAGE)
    faults.open_database(call, "oardel", waits=True)
    registered = []
    outcomes = set()
    for job_id in [*ids, *wanted]:
        outcome = request_deletion(call, job_id)
        outcomes.add(outcome)
        reply.out += f"Deleting the job = {job_id} ...{'ERROR' if outcome else 'REGISTERED'}.\n"
        if outcome:
            why = (
                "This job was already killed."
                if outcome == _REQUESTED_BEFORE
                else "You are not the right user."
            )
            reply.err += f"Cannot frag {job_id} ; {why}\n"
            reply.rc = outcome
        else:
            registered.append(str(job_id))
    if call.db.knob("server_down"):
        port = 6666 if call.dialect.hash_errors else 6999
        return Reply(2, reply.out, reply.err + UNREACHABLE.format(port))
    if registered:
        reply.out += f"The job(s) [ {' '.join(registered)} ] will be deleted in the near future.\n"
    if outcomes & {0, _REQUESTED_BEFORE}:
        _notify(call)
    return reply


def _delete_3(call: Invocation) -> Reply:
    parsed = ClickParser(call.args, _OPTIONS_3).parse()
    faults.open_database(call, "oardel", waits=False)
    if parsed.errors:
        raise click_error("oardel", " [JOB_ID]...", parsed.errors[0])
    if parsed.has("version"):
        return Reply(0, call.dialect.version_line + "\n")
    words = [
        *parsed.arguments,
        *map(str, _selected(call, parsed.last("sql"), parsed.last("array"))),
    ]
    if not words:
        raise Refused(1, "Usage: .oardel [OPTIONS] [JOB_ID]...\n")
    reply = Reply()
    registered = []
    outcomes = []
    for word in words:
        reply.err += f"Deleting the job = {word} ...\n"
        exists = word.isdigit() and call.db.job(int(word)) is not None
        outcome = request_deletion(call, int(word)) if exists else _UNKNOWN
        outcomes.append(outcome)
        if outcome == _UNKNOWN:
            why = _NO_ROW
            if not word.isdigit():
                why = (
                    "(psycopg2.errors.InvalidTextRepresentation) invalid input syntax for type"
                    f" bigint: \"{word}\"\nLINE 3: WHERE jobs.job_id = '{word}'"
                )
            reply.err += _unknown_job(word, why)
            reply.err += f"#WARNING: Cannot frag {word} ; Job does not exist.\n"
        elif outcome == 1:
            reply.err += f"#ERROR: Cannot frag {word} ; You are not the right user.\n"
        elif outcome == _REQUESTED_BEFORE:
            reply.err += f"#WARNING: Cannot frag {word} ; This job was already killed.\n"
        else:
            registered.append(word)
            reply.err += "\n"
    errors = set(outcomes) - {0}
    reply.rc = _SEVERAL_ERRORS if len(errors) > 1 else max(errors, default=0)
    if {0, _REQUESTED_BEFORE} & set(outcomes):
        reply.err += f"The job(s) {registered}  will be deleted in the near future.\n"
        if not call.db.knob("server_down"):
            _notify(call)
    return reply


def _unknown_job(word: str, why: str = _NO_ROW) -> str:
    """Return the warning of OAR 3 about a job that it does not find."""
    stamp = time.strftime("%Y-%m-%d %H:%M:%S,000")
    return (
        f"[ WARNING] [{stamp}] [oar.lib.job_handling::get_job:1476]: get_job({word})"
        f" raises exception: {why}\n"
    )


def _notify(call: Invocation) -> None:
    """Have the server act on all deletion requests."""
    call.db.execute("UPDATE jobs SET x_frag = 'asked' WHERE x_frag = 'stored'")
    runner.ensure_runner(call.db)


def request_deletion(call: Invocation, job_id: int) -> int:
    """Record a deletion request.

    Returns 0 (registered), 1 (unknown or another user's job) or _REQUESTED_BEFORE.
    """
    with call.db.writing():
        job = call.db.job(job_id) if job_id < 2**63 else None
        if job is None or call.user not in (job["job_user"], "oar", "root"):
            return 1
        if call.db.knob("refuse_del"):
            return 1
        if job["x_frag"] is not None:
            return _REQUESTED_BEFORE
        call.db.add_event(job_id, *wording.deletion_event(call.user, job_id))
        call.db.update_job(job_id, {"x_frag": "stored"})
    return 0


def _selected(call: Invocation, sql: str | None, array: str | None) -> Iterable[int]:
    if array is not None:
        return [
            i for i, _ in call.db.pairs(f"SELECT job_id, 0 FROM jobs WHERE array_id = {int(array)}")
        ]
    if sql is None:
        return []
    try:
        return select_ids(call.db, sql)
    except SqlError:
        return []


def _hold(call: Invocation, command: str) -> Reply:
    """oarhold and oarresume: change Waiting to Hold and back."""
    faults.open_database(call, command, waits=True)
    source, target, word = (
        ("Waiting", "Hold", "Hold") if command == "oarhold" else ("Hold", "Waiting", "Resume")
    )
    reply = Reply()
    for name in call.args:
        job = call.db.job(int(name)) if name.isdigit() else None
        if job is None and call.dialect.major == 3:
            reply.rc = 1
            reply.err += _unknown_job(name)
            reply.err += f"#ERROR: /!\\ Cannot {command[3:]} {name} : this job does not exist.\n"
        elif job is None or call.user not in (job["job_user"], "oar", "root"):
            reply.rc = 1
            reply.err += f"/!\\ Cannot {command[3:]} {name} : you are not the right user\n"
        elif job["state"] != source:
            reply.rc = 2
            reply.err += f"/!\\ Cannot {command[3:]} {name} : wrong state\n"
        else:
            with call.db.writing():
                call.db.add_event(
                    job["job_id"],
                    f"{word.upper()}_WAITING_JOB" if word == "Hold" else "RESUME_JOB",
                    f"User {call.user} launched {command} on the job {name}",
                )
                call.db.update_job(job["job_id"], {"state": target})
            reply.out += f"[{name}] {word} request was sent to the OAR server.\n"
    runner.ensure_runner(call.db)
    return reply
