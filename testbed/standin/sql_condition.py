"""Translate the condition of `--sql "WHERE"` from PostgreSQL to SQLite.

PostgreSQL refuses what SQLite accepts (unknown columns, a word compared with a number). Therefore
the condition is parsed and written anew, and whatever cannot be parsed is an SQL error. No part of
the text reaches SQLite unparsed.
"""

from __future__ import annotations

import re

from .database import Database
from .schema import JOB_COLUMNS

TYPE_CHECKING = False  # importing typing would cost each command 3 ms
if TYPE_CHECKING:
    from .database import Row

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>\d+)(?![\w.])
      | (?P<text>'(?:[^']|'')*')
      | (?P<word>[A-Za-z_][\w.]*)
      | (?P<symbol><=|>=|<>|!=|[=<>(),-])
    )""",
    re.VERBOSE,
)
_NUMBERS = frozenset(n for n, kind in JOB_COLUMNS.items() if kind.startswith(("INTEGER", "REAL")))


class SqlError(Exception):
    """A condition that PostgreSQL would refuse."""


def select_rows(db: Database, where: str, columns: str = "*") -> list[Row]:
    """Return the matching rows, in a meaningless order, as PostgreSQL does."""
    return db.rows(
        f"SELECT {columns} FROM jobs WHERE {translate(where)}"
        " ORDER BY (job_id * 2654435761) & 65535, job_id"
    )


def select_ids(db: Database, where: str) -> list[int]:
    return [i for i, _ in db.pairs(f"SELECT job_id, 0 FROM jobs WHERE {translate(where)}")]


def translate(where: str) -> str:
    """Return the condition for SQLite; raises SqlError."""
    reader = _Reader(where)
    condition = reader.either()
    if reader.at < len(reader.tokens):
        raise SqlError(f"syntax error at or near {reader.tokens[reader.at][1]!r}")
    return condition


class _Reader:
    def __init__(self, text: str) -> None:
        self.at = 0
        self.tokens: list[tuple[str, str]] = []
        position = 0
        end = len(text.rstrip())
        while position < end:
            match = _TOKEN.match(text, position)
            if match is None:
                raise SqlError(f"syntax error at or near {text[position : position + 20]!r}")
            kind = match.lastgroup or ""
            self.tokens.append((kind, match.group(kind)))
            position = match.end()

    def _next(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise SqlError("syntax error at end of input")
        self.at += 1
        return self.tokens[self.at - 1]

    def _is(self, *words: str) -> bool:
        """Consume the next token if it is one of these words."""
        if self.at < len(self.tokens) and self.tokens[self.at][1].lower() in words:
            self.at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._is(word):
            raise SqlError(f"{word} expected")

    def either(self) -> str:
        parts = [self._both()]
        while self._is("or"):
            parts.append(self._both())
        return " OR ".join(parts) if len(parts) == 1 else "(" + " OR ".join(parts) + ")"

    def _both(self) -> str:
        parts = [self._one()]
        while self._is("and"):
            parts.append(self._one())
        return " AND ".join(parts)

    def _one(self) -> str:
        if self._is("not"):
            return f"NOT {self._one()}"
        if self._is("("):
            inner = self.either()
            self._expect(")")
            return f"({inner})"
        if self._is("true"):
            return "1"
        if self._is("false"):
            return "0"
        return self._comparison()

    def _comparison(self) -> str:
        kind, name = self._next()
        if kind != "word":
            raise SqlError(f"syntax error at or near {name!r}")
        column = name.lower()[len("jobs.") :] if name.lower().startswith("jobs.") else name.lower()
        if column not in JOB_COLUMNS:
            raise SqlError(f'column "{name}" does not exist')
        negated = "NOT " if self._is("not") else ""
        if self._is("in"):
            return f"{column} {negated}IN ({self._list(column)})"
        if self._is("between"):
            low = self._literal(column)
            self._expect("and")
            return f"{column} {negated}BETWEEN {low} AND {self._literal(column)}"
        if self._is("like"):
            if column in _NUMBERS:
                raise SqlError("operator does not exist: bigint ~~ unknown")
            return f"{column} {negated}LIKE {self._literal(column)}"
        if self._is("is"):
            return f"{column} IS {'NOT ' if self._is('not') else ''}{self._null()}"
        operator = self._next()[1]
        if negated or operator not in ("=", "<", ">", "<=", ">=", "<>", "!="):
            raise SqlError(f"syntax error at or near {operator!r}")
        return f"{column} {operator} {self._literal(column)}"

    def _list(self, column: str) -> str:
        self._expect("(")
        values = [self._literal(column)]
        while self._is(","):
            values.append(self._literal(column))
        self._expect(")")
        return ",".join(values)

    def _null(self) -> str:
        self._expect("null")
        return "NULL"

    def _literal(self, column: str) -> str:
        minus = "-" if self._is("-") else ""
        kind, value = self._next()
        if kind == "number":
            if column not in _NUMBERS:
                raise SqlError("operator does not exist: character varying = integer")
            return minus + value
        if kind != "text" or minus:
            raise SqlError(f"syntax error at or near {value!r}")
        if column in _NUMBERS:
            if not re.fullmatch(r"'\s*-?\d+\s*'", value):
                raise SqlError(f"invalid input syntax for type integer: {value}")
            return value.strip("' ")
        return value
