"""Check the values of oarsub's options: text in, value out, or ValueError with the right form.

The settings of arc.conf and the `joboption_oar_*` of runtime environments both pass through here,
so that only values of the expected form reach OAR's command line and its SQL. Pure; the caller adds
where the text came from.
"""

from __future__ import annotations

import re

# Compiled on first use, by `re`: most submissions need none of them.
_TYPE = r"[A-Za-z0-9_]+(:[A-Za-z0-9_]+)?(=[A-Za-z0-9_.:*,-]+)?"
# OAR never runs the command of such a job (2.5 `sources/core/qfunctions/oarsub`).
_NOT_RUN = ("noop", "desktop_computing")
_ALTERNATIVE = (
    r"(/[A-Za-z_][A-Za-z0-9_]{0,62}=([1-9][0-9]{0,8}|ALL|BEST|BESTHALF|\{count\}))+"
    r"(,walltime=[0-9]{1,6}:[0-5]?[0-9]:[0-5]?[0-9])?"
)
_MAIL = (
    r"(\[[A-Z_]+(,[A-Z_]+)*\])?mail:[A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+"
    r"(,[A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+)*"
)
# The alphabet is OAR's own (2.5 `sources/core/qfunctions/oarsub`).
_EXEC = r"(\[[A-Z_]+(,[A-Z_]+)*\])?exec:/[A-Za-z0-9_./ -]+"
# SIGINT and SIGQUIT do not reach a program in the background; the C library uses 32 and 33.
_SIGNALS = set(range(1, 65)) - {2, 3, 9, 17, 19, 32, 33}
_TOKEN = (
    r"[ \t]*(?:(?P<word>[A-Za-z_][A-Za-z0-9_.]*)|(?P<open>\()|(?P<close>\))"
    r"|(?P<value>[0-9]+(?:\.[0-9]+)?|'(?:[^'\\\x00-\x1f]|'')*'|\"[A-Za-z0-9_ .:-]*\")"
    r"|(?P<compares><>|!=|<=|>=|!~\*?|~\*?|[=<>])|,|\+|%|\*(?!/)|/(?!\*)|-(?!-))"
)
# Far below the 128 KiB of one argument, so that other conditions can be added.
_LONGEST_CONDITION = 10_000
_COMPARE = ("in", "is", "like", "between")
_BETWEEN = (*_COMPARE, "and", "or", "not", "null")
# The words that may precede a bracket. Any other word would call a function of the database.
_BEFORE_BRACKET = ("and", "or", "not", "in")
_STATEMENTS = ("select", "insert", "update", "delete", "drop", "union", "into", "from", "exec")


def job_types(value: str) -> tuple[str, ...]:
    """Job types (oarsub -t) as in "besteffort inner=4711"."""
    words = tuple(value.replace(", ", " ").split())
    printable = value.isprintable() and value.isascii()
    for word in words:
        if not re.fullmatch(_TYPE, word) or not printable:
            raise ValueError("OAR job types separated by spaces, such as besteffort")
        if word.partition("=")[0] in _NOT_RUN:
            raise ValueError(f"other types than {word}, for which OAR does not run the command")
    return words


def resources(value: str) -> tuple[str, ...]:
    """Alternatives (oarsub -l); OAR uses the one that can start first."""
    if not value.strip():
        return ()
    alternatives = tuple("".join(part.split()) for part in value.split("|"))
    for text in alternatives:
        if not re.fullmatch(_ALTERNATIVE, text):
            raise ValueError(
                "levels as in /switch=1/core={count}, with ,walltime=h:m:s after them or not, "
                "and a | between alternatives"
            )
    return alternatives


def condition(value: str) -> str:
    """A condition on resources (oarsub -p), which OAR puts into a WHERE clause.

    It may compare properties with numbers and texts. Functions, statements and unbalanced brackets
    are refused.
    """
    right = "an SQL condition on properties such as gpu='NO' AND mem>=4096, in balanced brackets"
    text = value.strip()
    if not text:
        return ""
    if len(text) > _LONGEST_CONDITION:
        raise ValueError(f"{right}, of at most {_LONGEST_CONDITION} characters")
    token_at = re.compile(_TOKEN).match
    position = depth = 0
    compares = operand = False
    before = "("
    while position < len(text):
        token = token_at(text, position)
        if not token:
            raise ValueError(right)
        word = (token["word"] or "").lower()
        if word in _STATEMENTS:
            raise ValueError(f"{right}; it may not contain {word.upper()}")
        if token["open"] and before.isidentifier() and before not in _BEFORE_BRACKET:
            raise ValueError(f"{right}; it may not call {before}()")
        is_operand = bool(token["value"]) or (bool(word) and word not in _BETWEEN)
        depth += bool(token["open"]) - bool(token["close"])
        if depth < 0 or (is_operand and operand):
            raise ValueError(right)
        compares = compares or bool(token["compares"]) or word in _COMPARE
        before, operand, position = word or token[0].strip(), is_operand, token.end()
    if depth or text.startswith("-") or not compares:
        raise ValueError(right)
    return text


def mail(value: str) -> str:
    """A notification by mail (oarsub --notify)."""
    if value and not re.fullmatch(_MAIL, value):
        raise ValueError("mail:ADDRESS, or [END,ERROR]mail:ADDRESS for these events only")
    return value


def notification(value: str) -> str:
    """A notification by mail, or by a program that OAR runs on its server as the job's user."""
    if value and not re.fullmatch(_MAIL, value) and not re.fullmatch(_EXEC, value):
        raise ValueError(
            "mail:ADDRESS or exec:/PROGRAM, with [END,ERROR] before it for these events only"
        )
    return value


def signal_number(value: str) -> int:
    """The number of a signal that a job script can catch and pass on, 0 for OAR's default."""
    if value != "0" and not (re.fullmatch("[0-9]{1,2}", value) and int(value) in _SIGNALS):
        raise ValueError(
            "the number of a signal that a program can catch, such as 10 (SIGUSR1), or 0"
        )
    return int(value)
