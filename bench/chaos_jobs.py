"""The descriptions of the planned jobs, and the file in which each program notes what it does.

That file is outside of the session directory and of the disks that are filled. It is what shows
that a program ran, how often, and that it came to its end.
"""

from __future__ import annotations

from bed.grid import xrsl
from chaos_plan import AGAIN, JOB_KINDS, PlannedJob

NOTES = "/var/lib/chaos"
# Arguments: name of the job, seconds, exit code, and "again" for an exit code of 99 the first time.
_PROGRAM = f"""
notes={NOTES}/$1
code=$3
if [ "$4" = again ] && [ ! -e $notes ]; then code={AGAIN}; fi
echo "begin $OAR_JOB_ID" >>$notes
sleep $2
echo "end $OAR_JOB_ID $code" >>$notes
[ $code = 137 ] && kill -9 $$
exit $code
"""


def description(job: PlannedJob) -> str:
    """Return the xRSL of a planned job."""
    kind = JOB_KINDS[job.kind]
    program = "; ".join(_PROGRAM.strip().splitlines())
    words = (job.name, str(job.seconds), str(job.exit_code or 0), job.kind)
    attributes = {"jobname": job.name, "walltime": kind.walltime, "queue": kind.queue}
    if kind.slots > 1:
        attributes |= {"count": str(kind.slots), "countpernode": "1"}
    return xrsl("/bin/sh", "-c", program, "chaos", *words, **attributes)
