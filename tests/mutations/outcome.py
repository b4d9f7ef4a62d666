"""Mutations of how an ended job ended: causes, codes, precedence and successors."""

from __future__ import annotations

from mutations.mutation import Mutation, in_file

_outcome = in_file("oar/outcome.py", "tests/oar/test_outcome.py")
_successor = in_file("oar/successor.py", "tests/oar/test_successor.py")

MUTATIONS: tuple[Mutation, ...] = (
    _outcome(
        "a killed job has the code of a program", "KILLED_CODE = _SIGNAL_BASE +", "KILLED_CODE ="
    ),
    _outcome("an error has the code of a program", "ERROR_CODE = 512", "ERROR_CODE = 51"),
    _outcome("a deletion hides the real cause", "_RANK[row[0]], row[1]", "-_RANK[row[0]], row[1]"),
    _outcome("an unknown exit code is success", "if status is None:", "if status == -1:"),
    _outcome("a job that never started succeeds", " and record.start_time is None", " and False"),
    _outcome("a signal is no failure", "    if number:\n", "    if False:\n"),
    _outcome("a core dump hides the signal", "status & 0x7F", "status & 0xFF"),
    _outcome("an exit code 0 with other bits is success", "code or ERROR_CODE", "code"),
    _outcome("exit code 128 names a signal", "code - 128 in _SIGNALS", "True"),
    _outcome("a lost job has any number as exit code", " or int(code) > 255", ""),
    _outcome("a lost job needs no end", ' or "lrmsendtime" not in diag', ""),
    _outcome(
        "a lost job has no exit code", "re.fullmatch(_EXIT_CODE, code)", "re.match('x', code)"
    ),
    _outcome(
        "consequences of a kill are causes", "ordered[: kinds.index(_KILL_SENT)]", "ordered[:]"
    ),
    _outcome(
        "a resubmission after a kill is not seen",
        "[*before_kill, *after_kill]",
        "before_kill",
    ),
    _outcome(
        "a cause after a kill is never found",
        "    if not found:\n        found",
        "    if 0:\n        found",
    ),
    _outcome("an extermination counts before a deletion", "requests or found,", "found,"),
    _outcome(
        "a resubmission without a successor counts",
        "if cause is Cause.RESUBMITTED and",
        "if False and",
    ),
    _outcome(
        "a changed wall time counts as exceeded", "if cause is Cause.WALLTIME and", "if False and"
    ),
    _outcome("the wall time of the request is named", "int(at_end[1]) if at_end else", "0 or"),
    _successor("a lower job ID is followed", "int(match[1]) > record.job_id", "int(match[1])"),
    _successor("the job itself is followed", "int(match[1]) > record", "int(match[1]) >= record"),
    _successor(
        "the first of several successors is followed", "event.number, reverse=True", "event.number"
    ),
    _successor(
        "a resubmission is waited for at a success", "if record.state == State.ERROR.word:", "if 1:"
    ),
    _successor("a resubmission is waited for after it came", "if RESUBMITTED in kinds:", "if 0:"),
    _successor(
        "a successor that OAR 3 does not list yet is not waited for",
        "return resubmission_may_be_silent(record) and _ran_long_enough(record)",
        "return False",
        "tests/scan/test_decide.py",
    ),
    _successor(
        "a short job is waited for",
        "resubmission_may_be_silent(record) and _ran_long_enough(record)",
        "resubmission_may_be_silent(record)",
        "tests/scan/test_decide.py",
    ),
    _successor("a resubmission is waited for after every event", "kinds & RETRIED", "kinds"),
    _successor(
        "every job may have a silent successor", " and record.exit_code == _IDEMPOTENT_AGAIN", ""
    ),
)
