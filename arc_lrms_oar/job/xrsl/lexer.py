"""Check the text of a job description in xRSL before the grammar is applied.

Refuses text that is too large or nested too deeply, NUL bytes, and quotes and comments without an
end. Comments are replaced by blanks of the same length, so that all positions remain valid.

ARC's parser first marks all comments of the text, wherever they stand, and then passes over those
that begin where a word could begin (ARC 6.17 and 7.0, `RSLParser.cpp`). So a `(*` in quotes is no
comment, but it hides a comment that begins before the next `*)`, and it must have one.
"""

from __future__ import annotations

import re

from arc_lrms_oar.job.xrsl.syntax_error import XrslError, found_text

MAX_TEXT = 512 * 1024
MAX_DEPTH = 24
MAX_WORDS = 8_000

# The first is what ARC skips between words, the last what cannot be part of a word without quotes.
BLANKS = " \t\n\v\f\r"
STRING = (
    r"'[^']*(?:''[^']*)*'"
    r'|"[^"]*(?:""[^"]*)*"'
    r"|(?s:\^(?P<mark>.)(?:(?!(?P=mark)).)*(?:(?P=mark){2}(?:(?!(?P=mark)).)*)*(?P=mark))"
    r"|[^+&|()=<>!\"'^#$ \t\n\v\f\r]+"
)
_WORD = re.compile(rf"(?P<blank>[{BLANKS}]+)|{STRING}|[<>!]=|[+&|()=<>!#$]")
_BLANK = re.compile(r"[^\n]")


def look_over(text: str) -> str:
    """Return `text` with blanks for its comments; raises XrslError for a text that is refused."""
    if len(text) > MAX_TEXT:
        problem = f"found {len(text)} characters, expected at most {MAX_TEXT} in a job description"
        raise XrslError(text[: MAX_TEXT + 1], MAX_TEXT, problem)
    if "\0" in text:
        raise XrslError(text, text.index("\0"), "found a NUL byte, expected text")
    if not text.strip(BLANKS):
        raise XrslError(
            text, 0, "found nothing, expected a job description such as &(executable=/bin/date)"
        )
    return _without_comments(text, _comments(text))


def word_at(text: str, at: int) -> str:
    """Return the text at a position, for an error."""
    match = _WORD.match(text, at)
    if at >= len(text):
        return "the end of the job description"
    return found_text(match[0] if match else text[at])


def _comments(text: str) -> dict[int, int]:
    found = {}
    start = text.find("(*")
    while start >= 0:
        end = text.find("*)", start)
        if end < 0:
            raise XrslError(text, start, "found '(*', expected a '*)' that ends this comment")
        found[start] = end + 2
        start = text.find("(*", end + 2)
    return found


def _without_comments(text: str, comments: dict[int, int]) -> str:
    parts = []
    at = depth = words = 0
    while at < len(text):
        if at in comments:
            parts.append(_BLANK.sub(" ", text[at : comments[at]]))
            at = comments[at]
            continue
        match = _WORD.match(text, at)
        if not match:
            raise XrslError(text, at, _never_closed(text[at]))
        word = match[0]
        at = match.end()
        if match["blank"]:
            parts.append(word.replace("\v", " ").replace("\f", " "))
            continue
        parts.append(word)
        words += 1
        depth += (word == "(") - (word == ")")
        if depth > MAX_DEPTH:
            problem = f"found '(', expected at most {MAX_DEPTH} of them inside one another"
            raise XrslError(text, match.start(), problem)
        if words > MAX_WORDS:
            problem = f"found {found_text(word)}, expected at most {MAX_WORDS} words and signs"
            raise XrslError(text, match.start(), problem)
    return "".join(parts)


def _never_closed(mark: str) -> str:
    if mark == "^":
        return "found '^', expected a sign of your choice after it, and that sign again at the end"
    return f"found {mark} that opens a string, expected another {mark} that closes it"
