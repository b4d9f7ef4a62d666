"""The attributes of xRSL: apply each condition of a job to its draft.

A condition after a disjunction applies to all of its alternatives, except for the few that ARC
applies to the first only.

Source: ARC 6.17 and 7.0 `src/hed/acc/JobDescriptionParser/XRSLParser.cpp` (`Parse`).
"""

from __future__ import annotations

from difflib import get_close_matches

from arc_lrms_oar.job.xrsl import dependent_attributes, no_effect
from arc_lrms_oar.job.xrsl.draft import Draft, Drafts, note
from arc_lrms_oar.job.xrsl.numbers import leading, whole
from arc_lrms_oar.job.xrsl.special_attributes import OTHERS
from arc_lrms_oar.job.xrsl.syntax_error import found_text
from arc_lrms_oar.job.xrsl.tree import SUBSTITUTION, Condition
from arc_lrms_oar.job.xrsl.value_reader import Source

_ONCE = {
    "executable": "executable",
    "stdin": "stdin",
    "stdout": "stdout",
    "stderr": "stderr",
    "jobname": "name",
    "gmlog": "log_dir",
    "architecture": "platform",
}
_NUMBERS = {"memory": "memory", "disk": "disk", "rerun": "rerun", "priority": "priority"}
_TIMES = {"cputime": "cpu_time", "walltime": "wall_time"}
_RELATIONS_COUNT = ("queue", "runtimeenvironment", "middleware", "opsys", "delegationid")
_TOP_PRIORITY = 100


def read(source: Source, draft: Draft, condition: Condition) -> None:
    """Apply the condition to `draft` and its alternatives; raises XrslError."""
    attribute = condition.attribute
    drafts = [draft, *draft.alternatives]
    if attribute == SUBSTITUTION:
        return
    if condition.relation != "=" and attribute not in _RELATIONS_COUNT:
        note(drafts, f"{attribute} {condition.relation}", no_effect.RELATION)
    if attribute in _ONCE:
        _read_once(source, drafts, condition)
    elif attribute in _NUMBERS:
        _read_number(source, drafts, condition)
    elif attribute in _TIMES:
        _read_time(source, drafts, condition)
    elif attribute in no_effect.SINGLE:
        source.single(condition)
    elif attribute in OTHERS:
        OTHERS[attribute](source, drafts, condition)
    elif attribute not in no_effect.ANY and attribute not in dependent_attributes.ATTRIBUTES:
        note(
            drafts,
            attribute or "''",
            "ARC has no such attribute and ignores it" + _near(attribute),
        )
    if attribute in dependent_attributes.ATTRIBUTES:
        _put_off(source, drafts, condition)
    for reasons in (no_effect.SINGLE, no_effect.ONCE, no_effect.ANY):
        if attribute in reasons:
            note(drafts, attribute, reasons[attribute])


def _near(attribute: str) -> str:
    known = {
        *_ONCE,
        *_NUMBERS,
        *_TIMES,
        *OTHERS,
        *no_effect.SINGLE,
        *dependent_attributes.ATTRIBUTES,
    }
    near = get_close_matches(attribute[:40], sorted(known), 1, 0.8)
    return f"; did you mean {near[0]}?" if near else ""


def _put_off(source: Source, drafts: Drafts, condition: Condition) -> None:
    if condition.attribute == "executables":
        note(drafts, condition.attribute, no_effect.EXECUTABLES)
    else:
        source.single(condition)
    for draft in drafts:
        draft.late[condition.attribute] = condition


def _read_once(source: Source, drafts: Drafts, condition: Condition) -> None:
    value = source.single(condition)
    for draft in drafts:
        if getattr(draft, _ONCE[condition.attribute]):
            raise source.repeated(condition)
        setattr(draft, _ONCE[condition.attribute], value)


def _read_number(source: Source, drafts: Drafts, condition: Condition) -> None:
    text = source.single(condition)
    number = leading(text)
    if whole(text) is None:
        note(drafts, condition.attribute, f"ARC reads {found_text(text)} as {number}")
    if condition.attribute == "priority":
        number = min(number, _TOP_PRIORITY)
    if condition.attribute == "rerun":
        note(drafts, condition.attribute, no_effect.RERUN)
    for draft in drafts:
        setattr(draft, _NUMBERS[condition.attribute], number)


def _read_time(source: Source, drafts: Drafts, condition: Condition) -> None:
    seconds = source.seconds(drafts, condition, source.single(condition))
    for draft in drafts:
        setattr(draft, _TIMES[condition.attribute], seconds)
