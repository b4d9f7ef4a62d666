"""The attributes inputfiles and outputfiles: ARC's checks on them, and the files' names.

Sources and destinations of files are only checked, as ARC does; A-REX uses them.

Source: ARC 6.17 and 7.0 `src/hed/acc/JobDescriptionParser/XRSLParser.cpp`.
"""

from __future__ import annotations

from arc_lrms_oar.job.xrsl.numbers import is_url, scheme
from arc_lrms_oar.job.xrsl.syntax_error import XrslError, found_text, values_text
from arc_lrms_oar.job.xrsl.tree import Condition
from arc_lrms_oar.job.xrsl.value_reader import Source


def input_names(source: Source, condition: Condition) -> list[str]:
    """Return the names of input files; the second value is empty, a path or a URL."""
    names = []
    for values, at in _entries(source, condition):
        if values[1]:
            _check(source, condition, values, at)
        names.append(values[0])
    return names


def output_names(source: Source, condition: Condition) -> list[str]:
    """Return the names of output files; a second value that is a path is ignored."""
    names = []
    for values, at in _entries(source, condition):
        if values[1] and scheme(values[1]) != "file":
            _check(source, condition, values, at)
        names.append(values[0])
    return names


def _entries(source: Source, condition: Condition) -> list[tuple[list[str], int]]:
    entries = source.sequences(condition)
    for values, at in entries:
        if len(values) < 2:
            problem = f"found {values_text(len(values))} in a list, expected a name and a URL or ''"
            raise source.wrong(condition, problem, at)
        if not values[0]:
            raise source.wrong(condition, "found an empty name, expected that of a file", at)
    return entries


def _check(source: Source, condition: Condition, values: list[str], at: int) -> None:
    def wrong(found: str, expected: str) -> XrslError:
        return source.wrong(condition, f"found {found_text(found)}, expected {expected}", at)

    _, url, *options = values
    if not is_url(url):
        raise wrong(url, "a URL")
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise wrong(option, "an option as name=value")
        if name == "location" and not is_url(value):
            raise wrong(value, "a URL after location=")
