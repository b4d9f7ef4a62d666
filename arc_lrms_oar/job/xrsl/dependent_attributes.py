"""Attributes that depend on others, which ARC evaluates after all others of a job.

Source: ARC 6.17 and 7.0 `src/hed/acc/JobDescriptionParser/XRSLParser.cpp` (`Parse…Attribute`).
"""

from __future__ import annotations

from arc_lrms_oar.job.xrsl import no_effect
from arc_lrms_oar.job.xrsl.draft import Draft
from arc_lrms_oar.job.xrsl.numbers import whole
from arc_lrms_oar.job.xrsl.syntax_error import found_text
from arc_lrms_oar.job.xrsl.tree import Condition
from arc_lrms_oar.job.xrsl.value_reader import Source

ATTRIBUTES = ("executables", "ftpthreads", "countpernode", "join", "gridtime")


def finish(source: Source, draft: Draft) -> None:
    """Evaluate the late conditions in the order of ARC; raises XrslError."""
    for attribute, read in _READERS.items():
        if attribute in draft.late:
            read(source, draft, draft.late[attribute])


def refuse_action(source: Source, draft: Draft) -> None:
    """Refuse `action`, which only A-REX may use; ARC checks only the first alternative."""
    if "action" in draft.late:
        problem = "found in a user's job description, expected only in A-REX's own"
        raise source.wrong(draft.late["action"], problem)


def _executables(source: Source, draft: Draft, condition: Condition) -> None:
    for name in source.strings(condition):
        if name not in draft.input_files:
            raise source.unfit(condition, name, "the name of one of the inputfiles")


def _ftp_threads(source: Source, draft: Draft, condition: Condition) -> None:
    text = source.single(condition)
    number = whole(text)
    if number is None or not 1 <= number <= 10:
        raise source.unfit(condition, text, "a number from 1 to 10")


def _count_per_node(source: Source, draft: Draft, condition: Condition) -> None:
    text = source.single(condition)
    if draft.count is None or draft.count == -1:
        raise source.wrong(condition, "found without count, expected both")
    number = whole(text)
    if number is None:
        raise source.unfit(condition, text, "a whole number")
    draft.count_per_node = number
    if not number:
        draft.note("countpernode: 0 is no number of slots, and A-REX 6 and 7 fail on it")
    elif number > draft.count or draft.count % number:
        draft.note("countpernode: A-REX refuses the job, since count is no multiple of it")


def _join(source: Source, draft: Draft, condition: Condition) -> None:
    text = source.single(condition)
    if text not in ("yes", "true"):
        if text not in ("no", "false"):
            draft.note(
                f"join: ARC takes {found_text(text)} for no; it would have to be yes or true"
            )
        return
    if not draft.stdout:
        raise source.wrong(condition, "found without stdout, expected both")
    if draft.stderr not in ("", draft.stdout):
        raise source.wrong(condition, "found with a stderr that is not stdout, expected only one")
    draft.stderr = draft.stdout


def _grid_time(source: Source, draft: Draft, condition: Condition) -> None:
    text = source.single(condition)
    for other, value in (("cputime", draft.cpu_time), ("walltime", draft.wall_time)):
        if value is not None:
            raise source.wrong(condition, f"found together with {other}, expected only one of them")
    slots = draft.count if draft.count is not None and draft.count > 0 else 1
    seconds = source.seconds([draft], condition, text, slots=slots)
    draft.note(f"gridtime: {no_effect.BENCHMARK}")
    draft.cpu_time, draft.wall_time = seconds, seconds * slots


_READERS = {
    "executables": _executables,
    "ftpthreads": _ftp_threads,
    "countpernode": _count_per_node,
    "join": _join,
    "gridtime": _grid_time,
}
