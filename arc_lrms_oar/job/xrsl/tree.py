"""The tree of a job description in xRSL, and what comes out of it once variables are put in.

Knows the shape of the language (multi-requests, conjunctions, disjunctions, relations, lists,
concatenations, variables), and no attribute but `rsl_substitution`.

Source: ARC 6.17 and 7.0 `src/hed/acc/JobDescriptionParser/RSLParser.cpp` (`Evaluate`). A variable
counts from where it is set, also in conditions nested further in, and is empty before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from arc_lrms_oar.job.xrsl.syntax_error import XrslError, found_text, values_text

MULTI, AND, OR = "+", "&", "|"
SUBSTITUTION = "rslsubstitution"
# Variables can double their length with every line; ARC would go on until memory ends.
MAX_RESULT = 4 * 1024 * 1024


@dataclass(frozen=True)
class Text:
    """A string; `at` is its place in the text of the job description, here and below."""

    value: str
    at: int


@dataclass(frozen=True)
class Variable:
    """`$(NAME)`."""

    name: str
    at: int


@dataclass(frozen=True)
class Concat:
    """`a # b # c`, or parts that stand together without a blank."""

    parts: tuple[Value, ...]
    at: int


@dataclass(frozen=True)
class Sequence:
    """`(a b c)` among values."""

    items: tuple[Value, ...]
    at: int


Value = Union[Text, Variable, Concat, Sequence]


@dataclass(frozen=True)
class Condition:
    """`attribute relation values`; the attribute in lower case and without underscores."""

    attribute: str
    relation: str
    values: tuple[Value, ...]
    at: int


@dataclass(frozen=True)
class Group:
    """`& (…)(…)`, `| (…)(…)` or `+ (…)(…)`."""

    operator: str
    members: tuple[Node, ...]
    at: int


Node = Union[Condition, Group]
Variables = dict[str, str]


class Evaluator:
    """Puts variables into the trees of one job description; every error names its place in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.room = MAX_RESULT

    def jobs(self, node: Node) -> list[Node]:
        """The tree of each job, those of a multi-request one by one."""
        if isinstance(node, Group) and node.operator == MULTI:
            return [job for member in node.members for job in self.jobs(member)]
        return [self._node(node, {})]

    def _node(self, node: Node, known: Variables) -> Node:
        if isinstance(node, Condition):
            if node.attribute == SUBSTITUTION:
                for value in node.values:
                    self._define(value, known)
                return Condition(node.attribute, node.relation, (), node.at)
            values = tuple(self._value(value, known) for value in node.values)
            return Condition(node.attribute, node.relation, values, node.at)
        if node.operator == MULTI:
            raise XrslError(
                self.text, node.at, "found '+' inside a request, expected it at the top level only"
            )
        inner = dict(known)
        members = tuple(self._node(member, inner) for member in node.members)
        return Group(node.operator, members, node.at)

    def _define(self, value: Value, known: Variables) -> None:
        problem = "expected (NAME VALUE) pairs in rsl_substitution"
        if not isinstance(value, Sequence):
            raise XrslError(self.text, value.at, f"found a single value, {problem}")
        if len(value.items) != 2:
            raise XrslError(
                self.text, value.at, f"found {values_text(len(value.items))}, {problem}"
            )
        name, replacement = (self._value(item, known) for item in value.items)
        if not isinstance(name, Text) or not isinstance(replacement, Text):
            raise XrslError(self.text, value.at, f"found a list inside the pair, {problem}")
        known[name.value] = replacement.value

    def _value(self, value: Value, known: Variables) -> Text | Sequence:
        if isinstance(value, Sequence):
            return Sequence(tuple(self._value(item, known) for item in value.items), value.at)
        if isinstance(value, Text):
            return value
        if isinstance(value, Variable):
            return self._fit(known.get(value.name, ""), value.at)
        parts = []
        for part in value.parts:
            result = self._value(part, known)
            if not isinstance(result, Text):
                problem = "found a list joined to a value, expected strings, or a blank between"
                raise XrslError(self.text, value.at, problem)
            parts.append(result.value)
        return self._fit("".join(parts), value.at)

    def _fit(self, result: str, at: int) -> Text:
        self.room -= len(result)
        if self.room < 0:
            problem = f"found {found_text(result)}, expected variables that make less of a text"
            raise XrslError(self.text, at, problem)
        return Text(result, at)
