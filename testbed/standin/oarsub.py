"""oarsub of 2.x: its options and refusals. OAR 3's is in oarsub_oar3.py.

The job is run by runner.py.
"""

from __future__ import annotations

import os
import time

from . import faults, oarsub_oar3
from .admission import admit
from .dates import parse_date
from .invocation import Invocation, Refused, Reply
from .options import Parsed, PerlParser, table
from .resources import RequestError, parse_request
from .resubmission import resubmit
from .scanned_script import scan_oar2
from .submission import (
    NAME_LIMIT,
    Submission,
    combined,
    estimate,
    insert,
    try_filter,
)

_SPEC = {
    "resource|l": "s",
    "queue|q": "s",
    "interactive|I": "",
    "property|p": "s",
    "reservation|r": "s",
    "connect|C": ":i",
    "checkpoint": "i",
    "help|h": "",
    "notify": "s",
    "type|t": "s",
    "directory|d": "s",
    "name|n": "s",
    "project": "s",
    "hold": "",
    "array": "i",
    "array-param-file": "s",
    "anterior|a": "i",
    "signal": "i",
    "stdout|O": "s",
    "stderr|E": "s",
    "resubmit": "i",
    "scanscript|S": "",
    "xml|X": "",
    "yaml|Y": "",
    "json|J": "",
    "dumper|D": "",
    "use-job-key|k": "",
    "import-job-key-inline-priv": "s",
    "import-job-key-from-file|i": "s",
    "export-job-key-to-file|e": "s",
    "version|V": "",
}
_OPTIONS = table({**_SPEC, "stagein": "s", "stagein-md5sum": "s"})
_OPTIONS_26 = table({**_SPEC, "v": ""})
USAGE = (
    "Usage: /usr/lib/oar/oarsub [options] [-I|-C|<script>]\n"
    "Submit a job the OAR batch scheduler\nOptions are:\n"
)
RULE = "[ADMISSION RULE] "
FAILED_2, FAILED_26 = (
    "[ERROR] Oarsub failed, please verify your request syntax.\n",
    "# Error: please verify your job submission syntax.\n",
)


def run(call: Invocation, command: str) -> Reply:
    if call.dialect.major == 3:
        return oarsub_oar3.run(call, command)
    parsed = PerlParser(call.args, _OPTIONS_26 if call.dialect.hash_errors else _OPTIONS).parse()
    if parsed.errors:
        raise Refused(1, err="".join(e + "\n" for e in parsed.errors))
    if parsed.has("version"):
        return Reply(0, call.dialect.version_line + "\n")
    if parsed.has("help"):
        return Reply(0, USAGE)
    faults.open_database(call, command, waits=True)
    return _Oarsub(call, parsed).run()


class _Oarsub:
    """One submission; its output is collected in `_out` and `_err`."""

    def __init__(self, call: Invocation, parsed: Parsed) -> None:
        self._call = call
        self._parsed = parsed
        self._out = ""
        self._err = ""
        self._request = " ".join(["oarsub", *call.args])

    def _refuse(self, rc: int, text: str) -> Refused:
        return Refused(rc, self._out, self._err + text)

    def run(self) -> Reply:
        if self._parsed.has("resubmit"):
            return self._resubmit(int(self._parsed.last("resubmit") or 0))
        if len(self._parsed.arguments) != 1:
            raise Refused(5, USAGE)
        if self._parsed.has("scanscript"):
            self._request += scan_oar2(self._call, self._parsed, _OPTIONS)
        job = self._describe()
        self._out = admit(self._call, job)
        return self._submit(job)

    def _describe(self) -> Submission:
        parsed, new = self._parsed, self._call.dialect.hash_errors
        alternatives = []
        for text in parsed.all("resource") or ["/resource_id=1"]:
            try:
                groups, walltime = parse_request(text)
            except RequestError as error:
                if new:
                    raise self._refuse(18, f"# Error: cannot recognize {error}\n") from None
                raise self._refuse(255, f"/!\\ Cannot recognize {error}\n") from None
            alternatives.append((groups, -1 if walltime is None else walltime))
        reservation = 0
        if parsed.has("reservation"):
            found = parse_date(parsed.last("reservation") or "")
            if found is None:
                raise self._refuse(
                    7,
                    "[ERROR] Syntax error near the -r or --reservation option. The reservation"
                    ' date synstax is : "2027-03-25 17:32:12".\n',
                )
            reservation = found
        arguments = self._parameters(parsed.last("array-param-file"))
        job = Submission(
            parsed.arguments[0],
            self._request,
            os.path.join(os.getcwd(), parsed.last("directory") or os.getcwd()),
        )
        job.alternatives = alternatives
        job.name = parsed.last("name")
        job.project = parsed.last("project") or "default"
        job.queue = parsed.last("queue") or "default"
        job.types = parsed.all("type")
        job.condition = parsed.last("property") or ""
        job.stdout, job.stderr = parsed.last("stdout"), parsed.last("stderr")
        job.hold = parsed.has("hold")
        job.array = len(arguments) or int(parsed.last("array") or 1)
        job.arguments = arguments
        job.dependencies = [int(i) for i in parsed.all("anterior")]
        job.reservation = reservation
        job.notify = parsed.last("notify")
        job.checkpoint = int(parsed.last("checkpoint") or 0)
        job.signal = int(parsed.last("signal") or 12)
        return job

    def _parameters(self, path: str | None) -> list[str]:
        if path is None:
            return []
        try:
            with open(path, encoding="utf-8") as file:
                return [line.strip() for line in file if line.strip()]
        except OSError as error:
            raise self._refuse(6, f"[ERROR] Cannot open {path}: {error.strerror}\n") from None

    def _fail(self, job_id: str, text: str = "") -> Refused:
        """Return the refusal with exit status 8; 2.5 prints an OAR_JOB_ID line with it."""
        if self._call.dialect.hash_errors:
            return self._refuse(8, f"# {text}\n{FAILED_26}" if text else FAILED_26)
        self._out += f"OAR_JOB_ID={job_id}\n"
        return self._refuse(8, (text and text + "\n") + FAILED_2)

    def _submit(self, job: Submission) -> Reply:
        if self._parsed.has("array") or job.arguments:
            self._err += "Simple array job submission is used\n"
        wrong = try_filter(self._call, job)
        if wrong:
            raise self._fail("-5", f"Bad resource request (ERROR:  {wrong})")
        counts = estimate(self._call, job.alternatives, job.condition)
        if 0 in counts:
            raise self._fail("-5", "There are not enough resources for your request")
        # OAR puts name and project unescaped into its INSERT, and the name may have 100 bytes.
        if "'" in (job.name or "") + job.project or len((job.name or "").encode()) > NAME_LIMIT:
            raise self._fail("")
        job.properties = combined(job.condition, "drain='NO'")
        job.condition = job.properties
        ids = insert(self._call, job, counts[0])
        self._print_ids(ids)
        if self._call.db.knob("server_down"):
            text = "[ERROR] Cannot connect to executor localhost:6999. Job is killed.\n"
            if self._call.dialect.hash_errors:
                text = "# Error: cannot connect to executor localhost:6666. Job is killed.\n"
            raise self._refuse(9, text)
        if job.reservation:
            return self._reserve(job, ids[0])
        return Reply(0, self._out, self._err)

    def _print_ids(self, ids: list[int]) -> None:
        lines = [f"OAR_JOB_ID={i}\n" for i in ids]
        if len(ids) > 1:
            lines.append(f"OAR_ARRAY_ID={ids[0]}\n")
        objects = "".join(f'{{\n   "job_id" : "{i}"\n}}\n' for i in ids)
        if self._parsed.has("json") and self._call.dialect.hash_errors:
            self._out = objects  # 2.6 then prints nothing else
            return
        self._out += "".join(lines)
        if self._parsed.has("json"):
            self._out += f"\n##########\n{objects}\n##########\n\n"

    def _reserve(self, job: Submission, job_id: int) -> Reply:
        self._out += "Reservation mode: waiting validation...\n"
        if job.reservation >= time.time():
            self._call.db.update_job(job_id, {"reservation": "Scheduled"})
            return Reply(0, self._out + "Reservation valid --> OK\n", self._err)
        self._call.db.update_job(job_id, {"state": "Error", "message": "Reservation too old"})
        return Reply(
            10, self._out + "Reservation not valid --> KO (Reservation too old)\n", self._err
        )

    def _resubmit(self, job_id: int) -> Reply:
        self._out = f"Resubmitting job {job_id}..."
        old = self._call.db.job(job_id)
        if old is None:
            raise self._refuse(4, "[ERROR] Unknown error (0).\n")
        if old["state"] not in ("Terminated", "Error"):
            raise self._refuse(4, "[ERROR] The job must be in Error or Terminated state.\n")
        if self._call.user not in (old["job_user"], "oar", "root"):
            raise self._refuse(4, "[ERROR] You are not the right user.\n")
        with self._call.db.writing():
            new_id = resubmit(self._call.db, old, None)
        return Reply(0, self._out + f"DONE\nOAR_JOB_ID={new_id}\n")
