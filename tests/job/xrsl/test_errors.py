"""Errors of a description: the position, what was found, what was expected."""

from __future__ import annotations

import pytest

from arc_lrms_oar.job import xrsl

# The description, the line that is shown, the caret below it, and the message.
ERRORS = [
    (
        "&(executable=a)(count=abc)",
        "&(executable=a)(count=abc)",
        "                      ^",
        "line 1, column 23: count: found 'abc', expected a whole number",
    ),
    (
        "&(executable=a)\n (count=\n   x) (* why? *)",
        "   x) (* why? *)",
        "   ^",
        "line 3, column 4: count: found 'x', expected a whole number",
    ),
    (
        "&(executable=a)\n(count=2\n",
        "(count=2",
        "        ^",
        "line 2, column 9: found the end of the job description, expected a value or ')'",
    ),
    (
        "&(executable=a)(stdout='o)",
        "&(executable=a)(stdout='o)",
        "                       ^",
        "line 1, column 24: found ' that opens a string, expected another ' that closes it",
    ),
    (
        '&(executable=a")',
        '&(executable=a")',
        "              ^",
        'line 1, column 15: found " that opens a string, expected another " that closes it',
    ),
    (
        "&(executable=a)(stdout=^",
        "&(executable=a)(stdout=^",
        "                       ^",
        "line 1, column 24: found '^', expected a sign of your choice after it, and that sign again"
        " at the end",
    ),
    (
        "&(executable=a)(* open",
        "&(executable=a)(* open",
        "               ^",
        "line 1, column 16: found '(*', expected a '*)' that ends this comment",
    ),
    (
        "&(executable=a))",
        "&(executable=a))",
        "               ^",
        "line 1, column 16: found ')', expected '(' or the end of the job description",
    ),
    (
        "&(executable a)",
        "&(executable a)",
        "             ^",
        "line 1, column 14: found 'a', expected one of the relations = != < <= > >=",
    ),
    (
        "&(executable=a)\t(stdin=\0)",
        "&(executable=a) (stdin= )",
        "                       ^",
        "line 1, column 24: found a NUL byte, expected text",
    ),
    (
        "&(executable=a)(stdout=o)(join=yes)(stderr=e)",
        "&(executable=a)(stdout=o)(join=yes)(stderr=e)",
        "                          ^",
        "line 1, column 27: join: found with a stderr that is not stdout, expected only one",
    ),
    (
        "&(executable=a)(executable=b)",
        "&(executable=a)(executable=b)",
        "                ^",
        "line 1, column 17: executable: found a second time, expected only once",
    ),
    (
        "&(executable=a)(notify=e a@b.c nobody)",
        "&(executable=a)(notify=e a@b.c nobody)",
        "                       ^",
        "line 1, column 24: notify: found 'e', expected an e-mail address",
    ),
    (
        '&(executable=a)(inputfiles=(f ""))(executables=f g)',
        '&(executable=a)(inputfiles=(f ""))(executables=f g)',
        "                                                 ^",
        "line 1, column 50: executables: found 'g', expected the name of one of the inputfiles",
    ),
    (
        '&(executable=a)(walltime="4000 weeks")',
        '&(executable=a)(walltime="4000 weeks")',
        "                         ^",
        "line 1, column 26: walltime: found '4000 weeks', expected a time under 68 years",
    ),
    (
        "&(executable=a)(exclusiveexecution=maybe)",
        "&(executable=a)(exclusiveexecution=maybe)",
        "                                   ^",
        "line 1, column 36: exclusiveexecution: found 'maybe', expected yes or no",
    ),
    (
        "",
        "",
        "^",
        "line 1, column 1: found nothing, expected a job description such as"
        " &(executable=/bin/date)",
    ),
]


@pytest.mark.parametrize(("text", "line", "caret", "said"), ERRORS)
def test_position_found_and_expected(text: str, line: str, caret: str, said: str) -> None:
    with pytest.raises(xrsl.XrslError) as caught:
        xrsl.parse(text)
    assert str(caught.value) == said
    assert caught.value.shown == f"{said}\n  {line}\n  {caret}"


LARGE = [
    ("&(executable=a)(arguments=" + "(" * 100_000, "expected at most 24 of them inside"),
    ("(" * 1_000_000, "found 1000000 characters, expected at most 524288"),
    ("+" * 500_000, "expected at most 8000 words and signs"),
    ("&(executable=a)" + "(count=1)" * 50_000, "expected at most 8000 words and signs"),
    ("(*" * 250_000, "found '(*', expected a '*)' that ends this comment"),
    ("&(executable=a)(x=" + "'" * 500_001, "expected another ' that closes it"),
    ("&(executable=a)(x=^" + "x" * 500_000, "line 1, column "),
    ("&(executable=a)" + "(|(count=1)(count=2))" * 500, "expected at most 100 alternatives"),
    (
        "&(executable=a)(rsl_substitution=(a 0123456789))"
        + "(rsl_substitution=(a $(a)#$(a)))" * 40,
        "expected variables that make less of a text",
    ),
]


@pytest.mark.parametrize(("text", "said"), LARGE)
def test_limits(text: str, said: str) -> None:
    with pytest.raises(xrsl.XrslError) as caught:
        xrsl.parse(text)
    assert said in str(caught.value)
    assert len(caught.value.shown) < 500
