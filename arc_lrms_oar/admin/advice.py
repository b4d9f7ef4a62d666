"""What to do about a job, by how it ended or where it stands: sentences for an admin.

Pure. It knows the words of verdicts and states, and asks nobody.
"""

from __future__ import annotations

from arc_lrms_oar.admin.job_sources import Story
from arc_lrms_oar.arex.controldir import CANCELING
from arc_lrms_oar.commands.query import UNKNOWN
from arc_lrms_oar.oar.job_record import JobRecord
from arc_lrms_oar.oar.outcome import Verdict, resubmitted_to
from arc_lrms_oar.oar.states import State, state_of

NOTHING = "Nothing."

_NODES = "Nodes: `oarnodes -s` and OAR's log (/var/log/oar.log) at that time."
BY_KIND = {
    "success": NOTHING,
    "exit_code": "The user's program ended so itself: its output is in the session directory.",
    "signal": "The program was killed on its node: out of memory, perhaps; `dmesg` there tells.",
    "no_exit_code": f"OAR lost the program's exit code. {_NODES}",
    "error": f"OAR gives no reason. {_NODES}",
    "lost": (
        "OAR has no such job any more: was its database cleaned or restored? The session directory "
        "may hold all output; if not, the user submits again."
    ),
    "resubmitted": (
        "OAR has submitted it again under a new id, which scan follows or, with [custom:oar] "
        "resubmitted = delete, deletes."
    ),
    "walltime": (
        "The user asks for more wall time; where jobs ask for none, [custom:oar] default_walltime "
        "is theirs."
    ),
    "preempted": (
        "That is what best-effort means; whoever cannot bear it submits without the type "
        "besteffort ([custom:oar] types)."
    ),
    "node": f"The user submits again. {_NODES}",
    "directory": "The session directory must be on a file system that is mounted on the nodes.",
    "output": "The session directory must be writable on the nodes for the user: quota, disk full?",
    "forced": f"The node did not answer. {_NODES}",
    "deleted": "Somebody wanted it so; OAR's events above tell who.",
}

_BY_STATE = {
    State.WAITING: "Wait: OAR starts it when there is room for it.",
    State.HOLD: "`oarresume {id}` lets it go on.",
    State.SUSPENDED: "`oarresume {id}` lets it go on (as root or oar).",
    State.TO_ACK_RESERVATION: "Wait: OAR is about to confirm it.",
    State.TO_ERROR: "Wait: OAR is about to end it.",
}


def advice(story: Story, end: Verdict | None) -> str:
    """What to do, where `end` is how the job has ended as far as OAR tells."""
    if story.job is None:
        return _without_arex(story.record)
    if story.over:
        if not story.failure:
            return NOTHING
        if end is not None and end.code:
            return BY_KIND[end.kind]
        return "The job's errors file (see above) has the rest of it."
    if story.local_id is None:
        if story.job.state in ("INLRMS", CANCELING):
            return (
                "A-REX's .local file has lost the OAR id: `oarstat --sql` by the job's name finds "
                "the job, arcctl job kill ends it for A-REX."
            )
        return "Wait: it has not come to OAR yet; data staging and A-REX's limits come first."
    if story.oar_trouble:
        return "OAR comes first: nothing is changed and nothing is lost while it does not answer."
    if story.oar_state == UNKNOWN:
        return (
            "Scan takes it for lost when OAR has not known it for [custom:oar] lost_cycles scans "
            "and lost_time seconds."
        )
    return _in_oar(story, end)


def _in_oar(story: Story, end: Verdict | None) -> str:
    if end is not None:
        return f"Scan reports it within seconds (A-REX's job.helper.errors). {BY_KIND[end.kind]}"
    state = state_of(story.oar_state)
    if story.job is not None and story.job.state == CANCELING:
        return f"Scan asks OAR once a minute to delete it; `oardel {story.local_id}` does the same."
    if state in _BY_STATE:
        return _BY_STATE[state].format(id=story.local_id)
    return NOTHING if state is not None else "This package does not know that state: report it."


def _without_arex(record: JobRecord | None) -> str:
    follower = resubmitted_to(record) if record else None
    if follower is not None:
        return f"OAR runs it again: explain {follower} tells how it goes on."
    return (
        "A-REX knows of no such job: it is no grid job, or A-REX has deleted its files, as it does "
        "some time after a job's end (`arcctl accounting job info GRIDID` still knows it)."
    )
