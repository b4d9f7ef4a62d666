"""Read job descriptions in xRSL as ARC's own client does, into JobDescriptions.

`parse` returns the jobs, `read` also their attributes without effect on OAR. Needs pyparsing, so
nothing on A-REX's path (submit, cancel, scan, info) may import it.

The language is that of a user's job description; ARC 6.17 and 7.0 read it alike. Where ARC accepts
what it does not understand, so does this reader, and says so; it refuses more than ARC does only
where the text could do harm (sizes, depth, NUL bytes, times over 68 years).
"""

from __future__ import annotations

from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.job.xrsl import attributes, dependent_attributes
from arc_lrms_oar.job.xrsl.draft import Draft, XrslJob
from arc_lrms_oar.job.xrsl.grammar import tree_of
from arc_lrms_oar.job.xrsl.syntax_error import XrslError
from arc_lrms_oar.job.xrsl.tree import AND, Condition, Evaluator, Group, Node
from arc_lrms_oar.job.xrsl.value_reader import Source

__all__ = ["XrslError", "XrslJob", "parse", "read"]

MAX_ALTERNATIVES = 100


def parse(text: str) -> list[JobDescription]:
    """Return the jobs of a job description; of alternatives, the first. Raises XrslError."""
    return [job.description for job in read(text)]


def read(text: str) -> list[XrslJob]:
    """Return the jobs of a job description with alternatives and notes; raises XrslError."""
    source = Source(text)
    jobs = []
    for node in Evaluator(text).jobs(tree_of(text)):
        draft = Draft()
        _apply(source, draft, node)
        dependent_attributes.refuse_action(source, draft)
        for each in (draft, *draft.alternatives):
            dependent_attributes.finish(source, each)
            if not each.executable:
                each.note("executable: none is named; A-REX runs './' and the job fails")
        jobs.append(draft.finished())
    return jobs


def _apply(source: Source, draft: Draft, node: Node) -> None:
    if isinstance(node, Condition):
        attributes.read(source, draft, node)
    elif node.operator == AND:
        for member in node.members:
            _apply(source, draft, member)
    else:
        _alternatives(source, draft, node)


def _alternatives(source: Source, draft: Draft, node: Group) -> None:
    """Apply the first member to the job, and make an alternative of the job for each other one.

    Each member starts from the conditions before it. The first also changes the alternatives that
    the job has already; the others do not multiply with these.
    """
    before = draft.copy()
    first, *others = node.members
    _apply(source, draft, first)
    for member in others:
        other = before.copy()
        _apply(source, other, member)
        draft.alternatives += [other, *other.alternatives]
        other.alternatives = []
        if len(draft.alternatives) > MAX_ALTERNATIVES:
            problem = f"found '|' with more, expected at most {MAX_ALTERNATIVES} alternatives"
            raise XrslError(source.text, node.at, problem)
