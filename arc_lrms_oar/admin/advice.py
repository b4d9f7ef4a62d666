"""What an admin can do about a job, by how it ended or by the state it is in. Pure."""

from __future__ import annotations

from arc_lrms_oar.admin.job_facts import JobFacts
from arc_lrms_oar.arex.controldir import CANCELING
from arc_lrms_oar.arex.job_listing import IN_OAR
from arc_lrms_oar.job.request import clock
from arc_lrms_oar.oar.deletion import pending_deletion
from arc_lrms_oar.oar.outcome import Cause, Outcome
from arc_lrms_oar.oar.states import UNKNOWN, State, state_of
from arc_lrms_oar.oar.successor import resubmitted_to

NOTHING = "Nothing."

_NODES = "Check the nodes (`oarnodes -s`) and OAR's log (/var/log/oar.log) of that time."
BY_CAUSE = {
    Cause.SUCCESS: NOTHING,
    Cause.EXIT_CODE: (
        "The user's program returned this exit code; its output is in the session directory."
    ),
    Cause.SIGNAL: (
        "The program was killed on its node, perhaps because it ran out of memory: check `dmesg` "
        "there."
    ),
    Cause.MEMORY: (
        "The user must request more memory, or more slots: OAR limits the memory of a job by its "
        "share of the node's cores."
    ),
    Cause.NOT_RUN: (
        "The type noop came from [custom:oar] types, a runtime environment or an admission rule of "
        "OAR: remove it there."
    ),
    Cause.NO_EXIT_CODE: f"OAR lost the program's exit code. {_NODES}",
    Cause.ERROR: f"The reason above is all that OAR recorded. {_NODES}",
    Cause.LOST: (
        "OAR does not know the job any more: check whether its database was cleaned or restored. "
        "The session directory may hold all output; otherwise the user must submit the job again."
    ),
    Cause.NOT_SUBMITTED: (
        "The user must change the job as the reason says, or the site must cure what it names; "
        "`arcresume` then submits the job anew."
    ),
    Cause.RESUBMITTED: (
        "OAR has resubmitted the job under a new job ID. Scan follows the new job or, with "
        "[custom:oar] resubmitted = delete, deletes it."
    ),
    Cause.WALLTIME: (
        "The user must request more wall time. [custom:oar] default_walltime is the value for jobs "
        "that request none."
    ),
    Cause.PREEMPTED: (
        "Best-effort jobs are killed when other jobs need their resources. To avoid it, submit "
        "without the type besteffort ([custom:oar] types)."
    ),
    Cause.CHECKPOINTED: (
        "OAR sends best-effort jobs their checkpoint signal when other jobs need their resources. "
        "A program that has saved its state must return 99, so that OAR submits a job with the "
        "type idempotent again. A program that ignores the signal is killed, and submitted again "
        "as well."
    ),
    Cause.NODE: f"The user must submit the job again. {_NODES}",
    Cause.DIRECTORY: "The session directory must be on a file system that is mounted on the nodes.",
    Cause.OUTPUT: (
        "The user must be able to write to the session directory on the nodes: check quota and "
        "free space."
    ),
    Cause.FORCED: f"The node did not answer. {_NODES}",
    Cause.DELETED: "OAR's events above name the user who deleted the job.",
}

# The exit codes of a shell (POSIX, 2.8.2 Exit Status for Commands).
_SHELL_CODES = {
    126: "it may not run the program: check its mode and its format",
    127: "it does not find a program: check its name, and the PATH on the nodes",
}

# OAR's reason for a request that no set of its resources satisfies, in all versions.
_TOO_LARGE = "not enough resources"
_SMALLER = (
    "OAR has no nodes that can ever satisfy the request: the user must reduce count, countpernode "
    "or memory, or use another queue. Compare the request with `oarnodes`."
)

_BY_STATE = {
    State.HOLD: "Run `oarresume {id}` to release it.",
    State.SUSPENDED: "Run `oarresume {id}` as root or oar to resume it.",
    State.TO_ERROR: "Wait: OAR is about to end the job with an error.",
}


def advice(facts: JobFacts, end: Outcome | None) -> str:
    """What to do about the job; `end` is how it ended, or None while the job has not ended."""
    if facts.job is None:
        return facts.waiting.advice if facts.waiting else _without_grid_job(facts)
    if facts.finished:
        if not facts.failure:
            return NOTHING
        if end is not None and end.code:
            return _by_cause(facts, end)
        if _TOO_LARGE in facts.failure:
            return _SMALLER
        return "The details are in the job's errors file (see above)."
    if facts.job_id is None:
        if facts.job.is_unsubmitted and facts.job.state in IN_OAR:
            return "Scan reports the reason within seconds; if not, see A-REX's job.helper.errors."
        if facts.job.state in IN_OAR:
            return (
                "A-REX's .local file has no job ID. Find the job in OAR by its name (`oarstat "
                "--sql`), and end it in A-REX with `arcctl job kill`."
            )
        return "Wait: it is not in OAR yet. Data staging and A-REX's own limits come first."
    if facts.oar_error:
        return "Make OAR available again. Meanwhile no job is changed and none is lost."
    if facts.state == UNKNOWN:
        return (
            "Scan reports it as lost when OAR has not known it for [custom:oar] lost_cycles cycles "
            "and lost_time seconds."
        )
    return _in_oar(facts, end)


def _by_cause(facts: JobFacts, end: Outcome) -> str:
    """The advice for the cause, with the numbers of this job where they are known."""
    numbers = ""
    if end.cause is Cause.WALLTIME and facts.record and facts.record.wall_time:
        had = facts.record.wall_time
        numbers = (
            f"It had {clock(had)} and needs more, such as twice as much: "
            f'(walltime="{-(-2 * had // 60)} minutes") in xRSL.'
        )
    elif end.cause is Cause.MEMORY:
        numbers = _memory(facts)
    elif end.cause is Cause.EXIT_CODE and end.code in _SHELL_CODES:
        numbers = f"A shell returns {end.code} if {_SHELL_CODES[end.code]}."
    return f"{BY_CAUSE[end.cause]} {numbers}".rstrip()


def _memory(facts: JobFacts) -> str:
    """The memory limit of the job, and what to request instead."""
    _, limit = facts.diag.out_of_memory or (0, None)
    if not limit:
        return ""
    slots = (facts.description and facts.description.count) or 1
    per_slot = f", {limit // slots} MB for each of its {slots} slots" if slots > 1 else ""
    return (
        f"It had {limit} MB{per_slot}; twice as much is (memory={2 * limit // slots}) in xRSL, "
        f"or (count={2 * slots})."
    )


def _in_oar(facts: JobFacts, end: Outcome | None) -> str:
    if end is not None:
        return (
            "Scan reports the end within seconds; if not, see A-REX's job.helper.errors. "
            f"{_by_cause(facts, end)}"
        )
    state = state_of(facts.state)
    if state is State.SUSPENDED and facts.record and pending_deletion(facts.record):
        return (
            f"Run `oarresume {facts.job_id}` as root or oar: OAR cannot kill a suspended job, and "
            "deletes it seconds after it is resumed (otherwise after about 5 minutes)."
        )
    if facts.job is not None and facts.job.state == CANCELING:
        return (
            f"Scan asks OAR every minute to delete the job; `oardel {facts.job_id}` does the same."
        )
    if facts.waiting is not None:
        return facts.waiting.advice
    if state in _BY_STATE:
        return _BY_STATE[state].format(id=facts.job_id)
    return NOTHING if state is not None else "This package does not know this state: report it."


def _without_grid_job(facts: JobFacts) -> str:
    successor = resubmitted_to(facts.record) if facts.record else None
    if successor is not None:
        return f"OAR has resubmitted it: run `explain {successor}` for the new job."
    if facts.unreadable:
        return (
            f"Run this as root: {facts.unreadable} grid jobs of other users cannot be read, and it "
            "may be one of them."
        )
    return (
        "A-REX has no such job. Either it is not a grid job, or A-REX has removed its files, which "
        "happens some time after a job's end (then try `arcctl accounting job info GRID_JOB_ID`)."
    )
