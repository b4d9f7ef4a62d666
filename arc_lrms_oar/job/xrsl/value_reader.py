"""Read the values of an attribute as strings, or raise an error with the position.

Source: ARC 6.17 and 7.0 `src/hed/acc/JobDescriptionParser/XRSLParser.cpp` (`SingleValue`,
`ListValue`, `SeqListValue`).
"""

from __future__ import annotations

from arc_lrms_oar.job.xrsl.draft import Drafts, note
from arc_lrms_oar.job.xrsl.syntax_error import XrslError, found_text, values_text
from arc_lrms_oar.job.xrsl.times import LONGEST, span
from arc_lrms_oar.job.xrsl.tree import Condition, Sequence, Text, Value


class Source:
    """The text of a job description, for the errors of its conditions."""

    def __init__(self, text: str) -> None:
        self.text = text

    def wrong(self, condition: Condition, problem: str, at: int | None = None) -> XrslError:
        """Return the error of a condition, or of its part at position `at`."""
        position = condition.at if at is None else at
        return XrslError(self.text, position, f"{condition.attribute}: {problem}")

    def unfit(self, condition: Condition, found: str, expected: str) -> XrslError:
        """Return the error of the value `found` of a condition, or of its first value."""
        values = condition.values
        same = [value.at for value in values if isinstance(value, Text) and value.value == found]
        problem = f"found {found_text(found)}, expected {expected}"
        return self.wrong(condition, problem, same[0] if same else values[0].at)

    def repeated(self, condition: Condition) -> XrslError:
        """Return the error of an attribute that a job may have only once."""
        return self.wrong(condition, "found a second time, expected only once")

    def single(self, condition: Condition) -> str:
        """Return the only value of a condition."""
        if len(condition.values) != 1:
            problem = f"found {values_text(len(condition.values))}, expected a single one"
            raise self.wrong(condition, problem)
        return self._string(condition, condition.values[0])

    def strings(self, condition: Condition) -> list[str]:
        """Return all values of a condition."""
        return [self._string(condition, value) for value in condition.values]

    def sequences(
        self, condition: Condition, length: int | None = None
    ) -> list[tuple[list[str], int]]:
        """Return lists in parentheses with their positions; checks their `length` if given."""
        found = []
        for value in condition.values:
            if not isinstance(value, Sequence):
                shown = found_text(value.value) if isinstance(value, Text) else "a value"
                problem = f"found {shown}, expected a list in parentheses"
                raise self.wrong(condition, problem, value.at)
            if length is not None and len(value.items) != length:
                problem = f"found {values_text(len(value.items))} in a list, expected {length}"
                raise self.wrong(condition, problem, value.at)
            found.append(([self._string(condition, item) for item in value.items], value.at))
        return found

    def seconds(
        self, drafts: Drafts, condition: Condition, text: str, at: int | None = None, slots: int = 1
    ) -> int:
        """Return a duration in seconds; 0, and a note in the drafts, if ARC cannot read it."""
        found = span(text)
        if found is None:
            reason = f"ARC cannot read the time {found_text(text)} and uses 0"
            note(drafts, condition.attribute, reason)
            return 0
        if found * slots > LONGEST:
            problem = f"found {found_text(text)}, expected a time under 68 years"
            raise self.wrong(condition, problem, condition.values[0].at if at is None else at)
        return found

    def _string(self, condition: Condition, value: Value) -> str:
        if not isinstance(value, Text):
            raise self.wrong(condition, "found a list, expected a string", value.at)
        return value.value
