"""Everything that can go wrong and be said in one line.

Each error's text is one clear line for a person. Whether a verb should try again, give up, or
leave everything as it is follows from the class alone; nothing here knows how that is done.
"""

from __future__ import annotations


class OarLrmsError(Exception):
    """Base of all errors of this package: `str()` is one line for a person."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


class ConfigError(OarLrmsError):
    """arc.conf holds something that cannot be used; names file, block, option and the cure."""


class GramiError(OarLrmsError):
    """A GRAMi file is missing, unreadable or malformed."""


class JobError(OarLrmsError):
    """The job as described cannot be run here; the text is written for the grid user.

    `details` are further lines that others have printed meanwhile; they go below the sentence.
    """

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


class ControlDirError(OarLrmsError):
    """A control directory, or a file of A-REX in it, is not as A-REX leaves it."""


class SiteError(OarLrmsError):
    """This machine is not as an installation needs it; says what is missing and the cure."""


class OarUnavailable(OarLrmsError):
    """OAR could not be asked. Nothing is known, so nothing may be concluded from it."""


class OarRefused(OarLrmsError):
    """OAR was asked and said no; the text carries its reason."""


class OarAnswerError(OarUnavailable):
    """OAR's command ended well but what it printed is no answer; as good as not asked."""
