"""The attributes of xRSL with a rule of their own; `OTHERS` lists them.

Source: ARC 6.17 and 7.0 `src/hed/acc/JobDescriptionParser/XRSLParser.cpp` (`Parse`).
"""

from __future__ import annotations

from typing import Callable

from arc_lrms_oar.job.description import RuntimeEnvironment
from arc_lrms_oar.job.xrsl import file_lists, no_effect
from arc_lrms_oar.job.xrsl.draft import Drafts, note
from arc_lrms_oar.job.xrsl.numbers import is_real, whole
from arc_lrms_oar.job.xrsl.syntax_error import found_text
from arc_lrms_oar.job.xrsl.times import moment, perhaps_meant
from arc_lrms_oar.job.xrsl.tree import Condition
from arc_lrms_oar.job.xrsl.value_reader import Source

Reader = Callable[[Source, Drafts, Condition], None]

_ACTIONS = ("request", "cancel", "clean", "renew", "restart")
_MAIL_FLAGS = "bqfedc"


def _arguments(source: Source, drafts: Drafts, condition: Condition) -> None:
    values = source.strings(condition)
    for draft in drafts:
        if draft.arguments:
            raise source.repeated(condition)
        draft.arguments = values


def _environment(source: Source, drafts: Drafts, condition: Condition) -> None:
    for (name, value), _ in source.sequences(condition, 2):
        drafts[0].environment.append((name, value))


def _input_files(source: Source, drafts: Drafts, condition: Condition) -> None:
    names = file_lists.input_names(source, condition)
    for draft in drafts:
        draft.input_files += names


def _output_files(source: Source, drafts: Drafts, condition: Condition) -> None:
    names = file_lists.output_names(source, condition)
    for draft in drafts:
        draft.output_files += names


def _queue(source: Source, drafts: Drafts, condition: Condition) -> None:
    queue = source.single(condition)
    if condition.relation not in ("=", "!="):
        raise source.wrong(condition, f"found {condition.relation}, expected = or !=")
    if condition.relation == "!=":
        note(drafts, f"queue != {found_text(queue)}", no_effect.REJECTED_QUEUE)
        return
    for draft in drafts:
        draft.queue = queue


def _start_time(source: Source, drafts: Drafts, condition: Condition) -> None:
    text = source.single(condition)
    start = moment(text)
    if start is None:
        meant = perhaps_meant(text)
        advice = f"; did you mean '{meant}'?" if meant else ""
        note(drafts, "starttime", f"ARC cannot read the time {found_text(text)}{advice}")
    for draft in drafts:
        draft.start_time = start


def _benchmarks(source: Source, drafts: Drafts, condition: Condition) -> None:
    for (_, value, time), at in source.sequences(condition, 3):
        if is_real(value):
            drafts[0].cpu_time = source.seconds(drafts[:1], condition, time, at)
            drafts[0].note(f"benchmarks: {no_effect.BENCHMARK}")
            return
    drafts[0].note("benchmarks: ARC finds no number in it and ignores it")


def _runtime_environment(source: Source, drafts: Drafts, condition: Condition) -> None:
    values = source.strings(condition)
    if not values:
        raise source.wrong(condition, "found no value, expected the name of a runtime environment")
    name, options = values[0], tuple(values[1:])
    what = f"runtimeenvironment {condition.relation} {found_text(name)}"
    if _is_nameless(name):
        note(drafts, what, "ARC ignores a runtime environment without a name")
        return
    if condition.relation in ("!=", "<", ">"):
        note(drafts, what, "the client chooses a CE and a version by it, nothing is run for it")
        return
    if condition.relation != "=":
        note(drafts, what, "the client takes the CE's newest version; here it is the one named")
    for draft in drafts:
        draft.runtime_environments.append(RuntimeEnvironment(name, options))


def _is_nameless(name: str) -> bool:
    """ARC reads the text after the first '-' before a digit as the version."""
    return not name or (name[0] == "-" and "0" <= name[1:2] <= "9")


def _node_access(source: Source, drafts: Drafts, condition: Condition) -> None:
    source.strings(condition)
    note(drafts, condition.attribute, no_effect.NODE_ACCESS)


def _dry_run(source: Source, drafts: Drafts, condition: Condition) -> None:
    if source.single(condition).lower() == "yes":
        note(drafts, condition.attribute, no_effect.DRY_RUN)


def _count(source: Source, drafts: Drafts, condition: Condition) -> None:
    text = source.single(condition)
    count = whole(text)
    if count is None:
        raise source.unfit(condition, text, "a whole number")
    if count < 1:
        note(drafts, condition.attribute, f"{count} slots are taken for 1")
    for draft in drafts:
        draft.count = count


def _exclusive(source: Source, drafts: Drafts, condition: Condition) -> None:
    text = source.single(condition)
    if text.lower() not in ("yes", "true", "no", "false"):
        raise source.unfit(condition, text, "yes or no")
    for draft in drafts:
        draft.exclusive = text.lower() in ("yes", "true")


def _delegation(source: Source, drafts: Drafts, condition: Condition) -> None:
    source.single(condition)
    if condition.relation != "=":
        raise source.wrong(condition, f"found {condition.relation}, expected =")
    note(drafts, condition.attribute, no_effect.DELEGATION)


def _action(source: Source, drafts: Drafts, condition: Condition) -> None:
    action = source.single(condition)
    if action not in _ACTIONS:
        note(drafts, condition.attribute, f"ARC knows no {found_text(action)} and ignores it")
        return
    for draft in drafts:
        draft.late[condition.attribute] = condition


def _notify(source: Source, drafts: Drafts, condition: Condition) -> None:
    for value, text in zip(condition.values, source.strings(condition)):
        words = [word for word in text.replace("\t", " ").split(" ") if word]
        flags = words.pop(0) if words and "@" not in words[0] else ""
        strange = [word for word in words if "@" not in word]
        if not words or strange:
            shown = found_text(strange[0] if strange else text)
            problem = f"found {shown}, expected an e-mail address"
            raise source.wrong(condition, problem, value.at)
        if flags.strip(_MAIL_FLAGS):
            problem = f"found {found_text(flags)}, expected flags out of {_MAIL_FLAGS}"
            raise source.wrong(condition, problem, value.at)
    note(drafts, condition.attribute, no_effect.NOTIFY)


OTHERS: dict[str, Reader] = {
    "arguments": _arguments,
    "environment": _environment,
    "inputfiles": _input_files,
    "outputfiles": _output_files,
    "queue": _queue,
    "starttime": _start_time,
    "benchmarks": _benchmarks,
    "runtimeenvironment": _runtime_environment,
    "nodeaccess": _node_access,
    "dryrun": _dry_run,
    "count": _count,
    "exclusiveexecution": _exclusive,
    "delegationid": _delegation,
    "action": _action,
    "notify": _notify,
}
