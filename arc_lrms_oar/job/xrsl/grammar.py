"""The grammar of xRSL, with pyparsing: from the text of a job description to its tree.

It contains no attribute names. Nothing on A-REX's path may import it, because a CE does not have
pyparsing. Follows ARC 6.17 and 7.0, `src/hed/acc/JobDescriptionParser/RSLParser.cpp`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Union

from arc_lrms_oar.errors import OarLrmsError
from arc_lrms_oar.job.xrsl.lexer import BLANKS, STRING, look_over, word_at
from arc_lrms_oar.job.xrsl.syntax_error import XrslError, found_text
from arc_lrms_oar.job.xrsl.tree import (
    Concat,
    Condition,
    Group,
    Node,
    Sequence,
    Text,
    Value,
    Variable,
)

if TYPE_CHECKING:
    from pyparsing import ParserElement, ParseResults

_NOT_IN_NAMES = re.compile(r"[+&|()=<>!\"'^#$]")
_CANONICAL = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def tree_of(text: str) -> Node:
    """Return the tree of a job description; raises XrslError."""
    clean = look_over(text)
    try:
        from pyparsing import ParseBaseException
    except ImportError:
        raise OarLrmsError(
            "to read xRSL, install the Python package pyparsing (2.4.7 or newer)"
        ) from None
    try:
        node = _parsed(_grammar(), clean)
    except ParseBaseException as error:
        at = error.loc
        while at < len(clean) and clean[at] in BLANKS:
            at += 1
        expected = error.msg[:1].lower() + error.msg[1:]
        # The error points to the end of the last word, not to the empty line that editors leave.
        place = at if at < len(clean) else len(clean.rstrip(BLANKS))
        raise XrslError(text, place, f"found {word_at(clean, at)}, {expected}") from None
    except _Misplaced as error:
        raise XrslError(text, error.at, str(error)) from None
    return node


class _Misplaced(Exception):
    """Something that pyparsing accepts and xRSL does not allow at this position."""

    def __init__(self, at: int, problem: str) -> None:
        super().__init__(problem)
        self.at = at


class _Join(NamedTuple):
    """A `#` among values."""

    at: int


class _Word(NamedTuple):
    """A string among values; one that begins at `end` is joined to it."""

    text: Text
    end: int


_Piece = Union[_Join, _Word, Sequence, Variable]


@functools.lru_cache(maxsize=1)
def _grammar() -> ParserElement:
    from pyparsing import Forward, Literal, OneOrMore, Regex, StringEnd, Suppress, ZeroOrMore

    def sign(mark: str, name: str) -> ParserElement:
        return _named(Suppress(_named(Literal(mark), name)), name)

    def name_of(what: str) -> ParserElement:
        return _with_action(_named(Regex(STRING), what), functools.partial(_name, what))

    values = Forward()
    variable = (
        Suppress("$") - sign("(", "'('") - name_of("the name of a variable") - sign(")", "')'")
    )
    sequence = Suppress("(") + values - sign(")", "a value or ')'")
    pieces = ZeroOrMore(
        _with_action(Regex(STRING), _word)
        | _with_action(sequence, _sequence)
        | _with_action(Literal("#"), _join)
        | _with_action(variable, _variable)
    )
    values <<= _with_action(pieces, _values)

    relation = _named(Regex("!=|<=|>=|=|<|>"), "one of the relations = != < <= > >=")
    condition = name_of("the name of an attribute") - relation - values
    node = Forward()
    member = sign("(", "'('") - node - sign(")", "a value or ')'")
    group = Regex("[+&|]") - OneOrMore(member)
    either = _with_action(group, _group) | _with_action(condition, _condition)
    node <<= _named(either, "&, |, + or the name of an attribute")
    end = _named(StringEnd(), "'(' or the end of the job description")
    whole = node - end
    return whole.parse_with_tabs() if _has_new_names(whole) else whole.parseWithTabs()


# pyparsing 2.4.7, which Enterprise Linux 9 and Debian 11 have, has only the old names of methods;
# versions after 3.2 warn of them.
def _has_new_names(element: ParserElement) -> bool:
    return hasattr(element, "parse_string")


def _named(element: ParserElement, name: str) -> ParserElement:
    """Set what an error says was expected."""
    return element.set_name(name) if _has_new_names(element) else element.setName(name)


def _with_action(element: ParserElement, action: Callable[..., Any]) -> ParserElement:
    """Set the function that makes a value of what was found."""
    if _has_new_names(element):
        return element.set_parse_action(action)
    return element.setParseAction(action)


def _parsed(grammar: ParserElement, text: str) -> Node:
    parse = grammar.parse_string if _has_new_names(grammar) else grammar.parseString
    node: Node = parse(text)[0]
    return node


def _unquoted(raw: str) -> str:
    if raw[0] in "'\"":
        return raw[1:-1].replace(raw[0] * 2, raw[0])
    if raw[0] == "^":
        return raw[2:-1].replace(raw[1] * 2, raw[1])
    return raw


def _name(what: str, source: str, at: int, found: ParseResults) -> Text:
    name = _unquoted(found[0])
    wrong = _NOT_IN_NAMES.search(name)
    if wrong:
        raise _Misplaced(at, f"found {wrong[0]} in {found_text(name)}, expected {what}")
    return Text(name, at)


def _word(source: str, at: int, found: ParseResults) -> _Word:
    return _Word(Text(_unquoted(found[0]), at), at + len(found[0]))


def _join(source: str, at: int, found: ParseResults) -> _Join:
    return _Join(at)


def _variable(source: str, at: int, found: ParseResults) -> Variable:
    return Variable(found[0].value, at)


def _sequence(source: str, at: int, found: ParseResults) -> Sequence:
    return Sequence(found[0], at)


def _condition(source: str, at: int, found: ParseResults) -> Condition:
    name, relation, values = found
    attribute = name.value.translate(_CANONICAL).replace("_", "")
    return Condition(attribute, relation, values, at)


def _group(source: str, at: int, found: ParseResults) -> Group:
    return Group(found[0], tuple(found[1:]), at)


def _values(source: str, at: int, found: ParseResults) -> tuple[Value, ...]:
    """Join values with `#` between them, or without a blank between them.

    A list in parentheses is joined only by `#`.
    """
    values: list[list[Value]] = []
    joinable = False
    asked: _Join | None = None
    end = -1
    for piece in found:
        if isinstance(piece, _Join):
            if asked or not values:
                raise _Misplaced(piece.at, "found '#', expected a value before it")
            asked, end = piece, -1
            continue
        value = piece.text if isinstance(piece, _Word) else piece
        close = value.at == end or source[value.at - 1] not in BLANKS
        if asked or (joinable and close):
            values[-1].append(value)
        else:
            values.append([value])
        joinable, asked = not isinstance(value, Sequence), None
        end = piece.end if isinstance(piece, _Word) else -1
    if asked:
        raise _Misplaced(asked.at, "found '#' at the end of a list, expected a value after it")
    return tuple(_value(parts) for parts in values)


def _value(parts: list[Value]) -> Value:
    return parts[0] if len(parts) == 1 else Concat(tuple(parts), parts[0].at)
