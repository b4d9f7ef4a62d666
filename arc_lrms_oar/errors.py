"""The errors of this package.

The text of each is one line for a person. The class says what the caller can do: try again, give
up, or leave everything as it is.
"""

from __future__ import annotations

from arc_lrms_oar.console import printable


class OarLrmsError(Exception):
    """Base class of all errors of this package; `str()` is one printable line.

    `details` are further lines, such as the output of a runtime environment, printed below it.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(printable(message))
        self.details = details


class ConfigError(OarLrmsError):
    """arc.conf holds a wrong value; names file, block, option and what would be right."""


class GramiError(OarLrmsError):
    """A GRAMi file is missing, unreadable or malformed."""


class JobError(OarLrmsError):
    """The job as described cannot be run here; the text is written for the grid user."""


class ControlDirError(OarLrmsError):
    """A control directory, or one of A-REX's files in it, does not have the form A-REX gives it."""


class SiteError(OarLrmsError):
    """This machine lacks something that an installation needs; names it and what to do."""


class OarUnavailable(OarLrmsError):
    """OAR does not answer: nothing is known about its jobs, and nothing may be concluded."""


class OarRefused(OarLrmsError):
    """OAR answered and refused the request; the text carries its reason."""


class OarAnswerError(OarUnavailable):
    """An OAR command succeeded but its output cannot be read; to be treated as no answer."""
