"""The grammar of the values of oarsub's -l, -p and -t, as far as they are allowed here.

    resources    = alternative { "|" alternative }
    alternative  = group { "+" group } [ "," "walltime" "=" H ":" M ":" S ]
    group        = [ "{" condition "}" ] [ "/" ] level { "/" level }
    level        = NAME "=" ( NUMBER | "ALL" | "BEST" | "BESTHALF" | "{count}" )
    condition    = comparisons of properties, with AND, OR, NOT and brackets, without functions
    types        = type { ( blank | "," blank ) type }
    type         = NAME [ ":" NAME ] [ "=" ( VALUE | DATE [ TIME ] | quoted VALUE ) ]

oarsub accepts more: OAR puts conditions and types into its SQL, so they are limited to what is safe
there. Source: OAR 2.5 and 2.6 `sources/core/qfunctions/oarsub` (`parse_resource_descriptions`).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from arc_lrms_oar.console import excerpt

_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,62}"
_AMOUNT = r"[1-9][0-9]{0,8}(?![0-9A-Za-z])|ALL\b|BESTHALF\b|BEST\b|\{count\}"
_WALLTIME = r"walltime[ \t]*=[ \t]*([0-9]{1,6}:[0-5]?[0-9]:[0-5]?[0-9])(?![0-9:])"
_TYPE = r"[A-Za-z0-9_]+(?::[A-Za-z0-9_]+)?"
_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ \t]+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)?(?![^ \t,])"
_VALUE = r"[A-Za-z0-9_.:*,-]*[A-Za-z0-9_.:*-]"
_QUOTED = r"\"([A-Za-z0-9_.:*,/+ -]+)\"|'([A-Za-z0-9_.:*,/+ -]+)'"
_TOKEN = (
    r"(?P<word>[A-Za-z_][A-Za-z0-9_.]*)|(?P<open>\()|(?P<close>\))"
    r"|(?P<value>[0-9]+(?:\.[0-9]+)?|'(?:[^'\\\x00-\x1f]|'')*'|\"[A-Za-z0-9_ .:-]*\")"
    r"|(?P<compares><>|!=|<=|>=|!~\*?|~\*?|[=<>])|,|\+|%|\*(?!/)|/(?!\*)|-(?!-)"
)
# Far below the 128 KiB of one argument, so that other conditions can be added.
_LONGEST = 10_000
_COMPARE = ("in", "is", "like", "between")
_BETWEEN = (*_COMPARE, "and", "or", "not", "null")
# The words that may precede a bracket. Any other word would call a function of the database.
_BEFORE_BRACKET = ("and", "or", "not", "in")
_STATEMENTS = ("select", "insert", "update", "delete", "drop", "union", "into", "from", "exec")


class GrammarError(ValueError):
    """`str()` is a phrase that follows "expected"; `details` shows the position with a caret."""

    def __init__(self, text: str, at: int, expected: str) -> None:
        super().__init__(f"{expected} at character {at + 1}")
        self.details = excerpt(text, at)


class Group(NamedTuple):
    """Resources of one kind: `condition` is empty or SQL, `levels` is like /host=1/core=2."""

    condition: str
    levels: str

    def __str__(self) -> str:
        return f"{{{self.condition}}}{self.levels}" if self.condition else self.levels


class Alternative(NamedTuple):
    """One -l: its groups, and its wall time as H:M:S, empty for that of the job."""

    groups: tuple[Group, ...]
    walltime: str

    def __str__(self) -> str:
        walltime = f",walltime={self.walltime}" if self.walltime else ""
        return "+".join(map(str, self.groups)) + walltime


def alternatives(text: str) -> tuple[Alternative, ...]:
    """Parse the alternatives of -l; raises GrammarError."""
    scanner = _Scanner(text)
    found = [_alternative(scanner)]
    while scanner.take(r"\|"):
        found.append(_alternative(scanner))
    scanner.end("+, |, / or ,walltime=H:M:S" if not found[-1].walltime else "| or the end")
    return tuple(found)


def condition(text: str) -> str:
    """Check a condition on resources; returns it without blanks around it. Raises GrammarError."""
    scanner = _Scanner(text)
    checked = _condition(scanner, "")
    scanner.end("an operator")
    return checked


def types(text: str) -> tuple[str, ...]:
    """Parse job types; a value in quotes may have blanks. Raises GrammarError."""
    scanner = _Scanner(text.strip(" \t"))
    found = [_type(scanner)]
    while scanner.at < len(scanner.text):
        scanner.need(r",?[ \t]+", "a blank between job types", blanks=False)
        found.append(_type(scanner))
    return tuple(found)


class _Scanner:
    """The text and the position in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def error(self, expected: str) -> GrammarError:
        return GrammarError(self.text, self.at, expected)

    def take(self, pattern: str, blanks: bool = True) -> re.Match[str] | None:
        """Return the match of `pattern` here, after blanks, and move behind it; None for none."""
        if blanks:
            self.skip()
        match = re.compile(pattern).match(self.text, self.at)
        if match:
            self.at = match.end()
        return match

    def need(self, pattern: str, expected: str, blanks: bool = True) -> re.Match[str]:
        match = self.take(pattern, blanks)
        if not match:
            raise self.error(expected)
        return match

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1

    def at_end(self) -> bool:
        self.skip()
        return self.at == len(self.text)

    def end(self, expected: str) -> None:
        if not self.at_end():
            raise self.error(expected)


def _alternative(scanner: _Scanner) -> Alternative:
    groups = [_group(scanner)]
    while scanner.take(r"\+"):
        groups.append(_group(scanner))
    walltime = ""
    if scanner.take(","):
        walltime = scanner.need(_WALLTIME, "walltime=H:M:S")[1]
    return Alternative(tuple(groups), walltime)


def _group(scanner: _Scanner) -> Group:
    checked = ""
    if scanner.take(r"\{"):
        checked = _condition(scanner, "}")
        scanner.need(r"\}", "an operator or }")
    levels = []
    scanner.take("/")
    while True:
        name = scanner.need(_NAME, "a level such as /core={count}")[0]
        scanner.need("=", "=")
        levels.append(
            f"/{name}={scanner.need(_AMOUNT, 'a number, ALL, BEST, BESTHALF or {count}')[0]}"
        )
        if not scanner.take("/"):
            return Group(checked, "".join(levels))


def _type(scanner: _Scanner) -> str:
    name = scanner.need(_TYPE, "a job type such as besteffort")[0]
    if not scanner.take("=", blanks=False):
        return name
    for pattern in (_MOMENT, _QUOTED):
        value = scanner.take(pattern, blanks=False)
        if value:
            text = next((part for part in value.groups() if part is not None), value[0])
            return f"{name}={' '.join(text.split())}"
    return f"{name}={scanner.need(_VALUE, 'a value, in quotes if it has blanks', blanks=False)[0]}"


def _condition(scanner: _Scanner, closing: str) -> str:
    """Check a condition up to `closing`, which is not consumed, or up to the end."""
    scanner.skip()
    start, token_at = scanner.at, re.compile(_TOKEN).match
    brackets: list[int] = []
    compares = operand = False
    before = "("
    while not scanner.at_end() and scanner.text[scanner.at] != closing:
        if scanner.at - start > _LONGEST:
            raise scanner.error(f"at most {_LONGEST} characters")
        token = token_at(scanner.text, scanner.at)
        if not token:
            raise scanner.error("a property, a number, a text in quotes, an operator or a bracket")
        word = (token["word"] or "").lower()
        if word in _STATEMENTS:
            raise scanner.error(f"a condition without {word.upper()}")
        if token["open"] and before.isidentifier() and before not in _BEFORE_BRACKET:
            raise scanner.error(f"a condition that does not call {before}(),")
        is_operand = bool(token["value"]) or (bool(word) and word not in _BETWEEN)
        if is_operand and operand:
            raise scanner.error("an operator")
        if closing and "}" in token[0]:
            raise scanner.error("a text without }")
        if token["open"]:
            brackets.append(scanner.at)
        elif token["close"]:
            if not brackets:
                raise scanner.error("a ( for this )")
            brackets.pop()
        compares = compares or bool(token["compares"]) or word in _COMPARE
        before, operand, scanner.at = word or token[0], is_operand, token.end()
    if brackets:
        raise GrammarError(scanner.text, brackets[-1], "a ) for the (")
    text = scanner.text[start : scanner.at].rstrip()
    if not compares or text.startswith("-"):
        raise GrammarError(scanner.text, start, "a comparison such as gpu='NO'")
    return text
