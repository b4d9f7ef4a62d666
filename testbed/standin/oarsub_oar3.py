"""oarsub of OAR 3: its options, admission rules and refusals (a printed tuple, exit status 1).

The job is run by runner.py.
"""

from __future__ import annotations

import os
import re
import time

from . import faults
from .dates import parse_date
from .invocation import Invocation, Refused, Reply, click_error
from .options import ClickParser, Parsed, table
from .resources import RequestError, parse_request
from .resubmission import resubmit
from .scanned_script import scan_oar3
from .submission import (
    DEFAULT_WALLTIME,
    FORBIDDEN_LEVELS,
    NAME_LIMIT,
    Submission,
    combined,
    default_type,
    estimate,
    insert,
    try_filter,
)

_OPTIONS = table(
    {
        "interactive|I": "",
        "queue|q": "s",
        "resource|l": "s",
        "property|p": "s",
        "reservation|r": "s",
        "connect|C": "i",
        "api-token|T": "",
        "array": "i",
        "array-param-file": "s",
        "scanscript|S": "",
        "checkpoint": "i",
        "signal": "i",
        "type|t": "s",
        "directory|d": "s",
        "project": "s",
        "name": "s",
        "after|a": "s",
        "notify": "s",
        "use-job-key|k": "",
        "import-job-key-from-file|i": "s",
        "import-job-key-inline": "s",
        "export-job-key-to-file|e": "s",
        "stdout|O": "s",
        "stderr|E": "s",
        "hold": "",
        "resubmit": "i",
        "version|V": "",
        "help": "",
    }
)
# In a scanned script the short name of 2.x is accepted.
_SCANNED = {**_OPTIONS, "-n": _OPTIONS["--name"]}
_HIERARCHY = ("resource_id", "network_address", "cpu", "core")
# The types of the default rule 15_check_types.py; noop was refused as well (fixtures, 3.0.3dev).
_TYPES = re.compile(
    r"(?:container(?:=\w+)?|(?:deploy|cosystem)(?:=standby)?|desktop_computing|besteffort"
    r"|idempotent|(?:placeholder|allowed|inner)=\w+|timesharing=(?:\*|user|name),(?:\*|user|name)"
    r")\Z"
)
_VALID = "network_address, cpu, core, resource_id"
TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "/opt/oar3/lib/oar/.oarsub", line 9, in <module>\n    sys.exit(cli())\n{}\n'
)


def run(call: Invocation, command: str) -> Reply:
    parsed = ClickParser(call.args, _OPTIONS).parse()
    if not parsed.errors and len(parsed.arguments) > 1:
        parsed.errors.append(f"Got unexpected extra argument ({' '.join(parsed.arguments[1:])})")
    if parsed.errors:
        raise click_error(command, " [COMMAND]", parsed.errors[0])
    if parsed.has("help"):
        return Reply(0, "Usage: .oarsub [OPTIONS] [COMMAND]\n")
    faults.open_database(call, command, waits=False)
    if parsed.has("version"):
        return Reply(0, call.dialect.version_line + "\n")
    return _Oarsub(call, parsed).run()


class _Oarsub:
    """One submission; its output is collected in `_out` and `_err`."""

    def __init__(self, call: Invocation, parsed: Parsed) -> None:
        self._call = call
        self._parsed = parsed
        self._out = ""
        self._err = ""

    def _refuse(self, text: str, head: str = "#ERROR: unamed error") -> Refused:
        return Refused(1, self._out, f"{self._err}{head}\n{text}\n")

    def _error(self, number: int, text: str, head: str = "#ERROR: unamed error") -> Refused:
        return self._refuse(str((number, text)), head)

    def _deny(self, rule: str) -> Refused:
        text = f"# ADMISSION RULE> A failed admission rule prevented submitting the job: {rule}.\n"
        return Refused(1, self._out + text, self._err)

    def run(self) -> Reply:
        if self._parsed.has("resubmit"):
            return self._resubmit(int(self._parsed.last("resubmit") or 0))
        if not self._parsed.arguments:
            text = (
                "Command or interactive flag or advance reservation time or connection directive"
                " must be provided"
            )
            raise self._error(5, text, "#ERROR: ")
        if self._parsed.has("scanscript"):
            self._err += scan_oar3(self._parsed, _SCANNED)
        if not re.fullmatch(r"[\w.-]*", self._parsed.last("name") or ""):
            text = (
                "insecure characters found in the name of the job, please use only a-z, A-Z,"
                " 0-9, _.-"
            )
            raise self._error(16, text, "#ERROR: ")
        job = self._describe()
        self._admit(job)
        return self._submit(job)

    def _describe(self) -> Submission:
        parsed = self._parsed
        job = Submission(
            parsed.arguments[0],
            " ".join(self._call.args),  # OAR 3 stores it without the word oarsub
            os.path.join(os.getcwd(), parsed.last("directory") or os.getcwd()),
        )
        job.name = parsed.last("name")
        job.project = parsed.last("project") or "default"
        job.queue = parsed.last("queue") or "default"
        job.types = parsed.all("type")
        job.condition = parsed.last("property") or ""
        job.stdout, job.stderr = parsed.last("stdout"), parsed.last("stderr")
        job.hold = parsed.has("hold")
        job.dependencies = [int(a.partition(",")[0]) for a in parsed.all("after")]
        job.notify = parsed.last("notify")
        job.checkpoint = int(parsed.last("checkpoint") or 0)
        job.signal = int(parsed.last("signal") or 12)
        path = parsed.last("array-param-file")
        if path is not None:
            with open(path, encoding="utf-8") as file:
                job.arguments = [line.strip() for line in file if line.strip()]
        job.array = len(job.arguments) or int(parsed.last("array") or 1)
        if parsed.has("reservation"):
            found = parse_date(parsed.last("reservation") or "")
            if found is None:
                text = (
                    "syntax error for the advance reservation start date     specification."
                    ' Expected format is:"YYYY-MM-DD hh:mm:ss"'
                )
                raise self._error(7, text, "#ERROR: ")
            job.reservation = found
        return job

    def _admit(self, job: Submission) -> None:
        knobs = self._call.db.knobs()
        if knobs.get("refuse_root") and self._call.user in ("root", "oar"):
            raise self._deny("root and oar users are not allowed to submit jobs.")
        if knobs.get("admission_refusal"):
            raise self._deny(str(knobs["admission_refusal"]))
        if job.queue == "admin" and self._call.user != "root":
            raise self._deny("\"getgrnam(): name not found: 'admin'\"")
        if "besteffort" in job.types and job.queue != "besteffort":
            job.queue = "besteffort"
            self._out += "[ADMISSION RULE] Automatically redirect in the besteffort queue\n"
        if "besteffort" in job.types:
            job.condition = combined(job.condition, "besteffort = 'YES'")
            rule = "Automatically add the besteffort constraint on the resources"
            self._out += f"[ADMISSION RULE] {rule}\n"
        self._resources(job)
        for kind in job.types:
            if not _TYPES.match(kind):
                raise self._deny(f"[ADMISSION RULE] Error: unknown job type: {kind}")

    def _resources(self, job: Submission) -> None:
        asked = self._parsed.all("resource") or ["/resource_id=1"]
        if not all("walltime" in text for text in asked):
            self._out += f"[ADMISSION RULE] Set default walltime to {DEFAULT_WALLTIME}.\n"
        for text in asked:
            try:
                groups, walltime = parse_request(text)
            except RequestError as error:
                raise Refused(1, self._out, TRACEBACK.format(f"ValueError: {error}")) from None
            for name in (name for _, levels in groups for name, _ in levels):
                if name in FORBIDDEN_LEVELS:
                    raise self._deny(f"[ADMISSION RULE] {name} as resource type is not allowed .")
                hierarchy = self._call.db.knob("hierarchy", _HIERARCHY)
                if name not in hierarchy:
                    bad = f"Bad resources name: {name} is not a valid resources name."
                    raise self._error(-3, f"{bad}Valid resource names are: {_VALID}")
            walltime = DEFAULT_WALLTIME if walltime is None else walltime
            job.alternatives.append((default_type(groups), walltime))

    def _submit(self, job: Submission) -> Reply:
        queues = {row["name"] for row in self._call.db.rows("SELECT name FROM queues")}
        if job.queue not in queues:
            raise self._error(-8, f"queue {job.queue} does not exist")
        if try_filter(self._call, job):
            text = (
                f"Bad resource SQL constraints request:{job.condition}\nSQLAlchemyError: <module"
                " 'sqlalchemy.exc' from '/usr/lib/python3/dist-packages/sqlalchemy/exc.py'>"
            )
            raise self._error(-5, text)
        counts = estimate(self._call, job.alternatives, job.condition)
        for number, (count, (_, walltime)) in enumerate(zip(counts, job.alternatives), 1):
            self._err += (
                f"# INFO:  Moldable instance:  {number}  Estimated nb resources:  {count}"
                f"  Walltime:  {walltime}\n"
            )
        if 0 in counts:
            raise self._error(-5, "There are not enough resources for your request")
        if len(job.name or "") > NAME_LIMIT:
            detail = (
                "psycopg2.errors.StringDataRightTruncation: value too long for type character"
                f" varying({NAME_LIMIT})"
            )
            raise Refused(1, self._out, self._err + TRACEBACK.format(detail))
        job.properties = combined(job.condition, "drain='NO'")
        job.condition = job.properties
        ids = insert(self._call, job, counts[0])
        # The order is not always ascending.
        self._out += "".join(f"OAR_JOB_ID={i}\n" for i in reversed(ids))
        if len(ids) > 1:
            self._out += f"OAR_ARRAY_ID={ids[0]}\n"
        if job.reservation:
            self._reserve(job, ids[0])
        # Without a server it exits 0 all the same and prints no warning.
        return Reply(0, self._out, self._err)

    def _reserve(self, job: Submission, job_id: int) -> None:
        self._err += "Advance reservation request: waiting for approval from the scheduler...\n"
        if job.reservation < time.time():
            self._call.db.update_job(job_id, {"state": "Error", "message": "Reservation too old"})
            faults.hang(self._call)  # as the real one does; its buffered stdout is lost
        self._call.db.update_job(job_id, {"reservation": "Scheduled"})
        self._err += "Advance reservation is GRANTED.\n"

    def _resubmit(self, job_id: int) -> Reply:
        self._out = f"# Resubmitting job {job_id}...\n"
        old = self._call.db.job(job_id)
        if old is None:
            raise self._error(-5, f"Unable to retrieve initial job:{job_id}", "#ERROR: ")
        with self._call.db.writing():
            new_id = resubmit(self._call.db, old, None)
        return Reply(0, f"{self._out} done.\nOAR_JOB_ID={new_id}\n")
