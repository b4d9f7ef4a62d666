"""The tree of a job description in xRSL, and the substitution of its variables.

Covers the structure of the language (multi-requests, conjunctions, disjunctions, relations, lists,
concatenations, variables); `rsl_substitution` is the only attribute named here.

Source: ARC 6.17 and 7.0 `src/hed/acc/JobDescriptionParser/RSLParser.cpp` (`Evaluate`). A variable
is empty before the condition that sets it, and is visible in nested conditions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Union

from arc_lrms_oar.job.xrsl.syntax_error import XrslError, found_text, values_text

MULTI, AND, OR = "+", "&", "|"
SUBSTITUTION = "rslsubstitution"
# Variables can double their length with every line; ARC has no limit and runs out of memory.
MAX_RESULT = 4 * 1024 * 1024


@dataclass(frozen=True)
class Text:
    """A string; here and below, `at` is the position in the text of the job description."""

    value: str
    at: int


@dataclass(frozen=True)
class Variable:
    """`$(NAME)`."""

    name: str
    at: int


@dataclass(frozen=True)
class Concat:
    """`a # b # c`, or parts without a blank between them."""

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
    """Substitute variables in one job description; every error has its position."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.remaining = MAX_RESULT

    def jobs(self, node: Node) -> list[Node]:
        """Return the tree of each job; a multi-request holds several."""
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
        self.remaining -= len(result)
        if self.remaining < 0:
            problem = f"found {found_text(result)}, expected variables that make less of a text"
            raise XrslError(self.text, at, problem)
        return Text(result, at)
