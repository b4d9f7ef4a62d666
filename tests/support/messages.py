"""The messages that the code can give, for the manual's pages on troubleshooting.

A message is read from the syntax tree of the call that gives it; what varies in it is "…".
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from arc_lrms_oar.oar.outcome import Cause

PACKAGE = Path(__file__).resolve().parents[2] / "arc_lrms_oar"
VARIES = "…"
_LEVELS = ("WARNING", "ERROR", "FATAL")
_FAILURES = ("JobError", "GramiError", "OarRefused", "OarUnavailable")
# Where a failure is one of a submission, whose reason the grid user reads.
_SUBMISSION = ("job/*.py", "commands/[!t]*.py", "oar/ssh.py")
_MOST_FORMS = 20


def doctor_findings() -> set[str]:
    """Each problem that doctor can find, as "check: message"."""
    return {
        text
        for source in _sources("admin/*.py")
        for call in source.calls(lambda name: name in ("fail", "warn"))
        for text in source.forms(_joined(call.args[0], ast.Constant(": "), call.args[1]))
    }


def log_lines() -> set[str]:
    """Each line of level WARNING and above, without time, name of the script and level."""
    return {
        text
        for source in _sources("**/*.py")
        for call in source.calls(lambda name: name == "say")
        if call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value in _LEVELS
        for text in source.forms(_joined(*call.args[1:3]))
        if re.search("[a-z]{3}", text)
    }


def failure_sentences() -> set[str]:
    """Each reason for which a grid job fails, except those that OAR itself words."""
    found = {
        text
        for pattern in _SUBMISSION
        for source in _sources(pattern)
        for call in source.calls(lambda name: name in _FAILURES)
        for text in source.forms(call.args[0])
    }
    found |= {_plain(re.sub(r"\{\w+\}", VARIES, cause.sentence)) for cause in Cause}
    return found - {VARIES}


class _Source:
    """The syntax tree of one module."""

    def __init__(self, path: Path) -> None:
        self._tree = ast.parse(path.read_text())
        self._functions = {
            node.name: node for node in ast.walk(self._tree) if isinstance(node, ast.FunctionDef)
        }
        self._scope: ast.AST = self._tree

    def calls(self, wanted: Callable[[str], bool]) -> Iterator[ast.Call]:
        """The calls of functions and methods with these names; `forms` then knows their scope."""
        for function in self._functions.values():
            self._scope = function
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and wanted(_name(node.func)):
                    yield node

    def forms(self, node: ast.expr) -> list[str]:
        """The texts that an expression can have."""
        return [_plain(text) for text in dict.fromkeys(self._texts(node, 0))]

    def _texts(self, node: ast.expr, depth: int) -> list[str]:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return [node.value]
        if isinstance(node, ast.JoinedStr):
            parts = [
                self._texts(part, depth) if isinstance(part, ast.Constant) else [VARIES]
                for part in node.values
            ]
            return _products(parts)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return _products([self._texts(node.left, depth), self._texts(node.right, depth)])
        if isinstance(node, ast.IfExp):
            both = [*self._texts(node.body, depth), *self._texts(node.orelse, depth)]
            return both if all(both) else [VARIES]
        if isinstance(node, ast.Name) and depth < 3:
            values = self._assigned(node) or _constant(node.id)
            return [text for value in values for text in self._texts(value, depth + 1)] or [VARIES]
        if isinstance(node, ast.Call) and _name(node.func) in self._functions and depth < 3:
            function = self._functions[_name(node.func)]
            returns = [one for one in ast.walk(function) if isinstance(one, ast.Return)]
            values = [one.value for one in returns if one.value is not None]
            return [text for value in values for text in self._texts(value, depth + 1)]
        return [VARIES]

    def _assigned(self, name: ast.Name) -> list[ast.expr]:
        """The value of the last assignment above."""
        found = [
            node
            for node in ast.walk(self._scope)
            if isinstance(node, ast.Assign)
            and [_name(one) for one in node.targets] == [name.id]
            and node.lineno < name.lineno
        ]
        return [node.value for node in sorted(found, key=lambda node: node.lineno)[-1:]]


def _sources(pattern: str) -> Iterator[_Source]:
    for path in sorted(PACKAGE.glob(pattern)):
        yield _Source(path)


def _constant(name: str) -> list[ast.expr]:
    """The value of a constant of any module, where one module imports it from another."""
    if not name.isupper():
        return []
    return [
        node.value
        for path in PACKAGE.rglob("*.py")
        if f"\n{name} = " in path.read_text()
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign) and [_name(one) for one in node.targets] == [name]
    ]


def _joined(*nodes: ast.expr) -> ast.expr:
    first, *others = nodes
    for node in others:
        first = ast.BinOp(first, ast.Add(), node)
    return first


def _products(parts: list[list[str]]) -> list[str]:
    return ["".join(text) for text in itertools.islice(itertools.product(*parts), _MOST_FORMS)]


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _plain(text: str) -> str:
    """The text with one "…" in place of several."""
    return re.sub(rf"{VARIES}(?:\s*{VARIES})+", VARIES, text).strip()
