"""Check the values of oarsub's options: text in, value out, or ValueError with the right form.

The settings of arc.conf and the `joboption_oar_*` of runtime environments both pass through here,
so that only values of the expected form reach OAR's command line and its SQL. Pure; the caller adds
where the text came from.
"""

from __future__ import annotations

import re

# OAR never runs the command of such a job (2.5 `sources/core/qfunctions/oarsub`).
_NOT_RUN = ("noop", "desktop_computing")
# Compiled on first use, by `re`: most submissions need none of them.
_MAIL = (
    r"(\[[A-Z_]+(,[A-Z_]+)*\])?mail:[A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+"
    r"(,[A-Za-z0-9_.+-]+@[A-Za-z0-9.-]+)*"
)
# The alphabet is OAR's own (2.5 `sources/core/qfunctions/oarsub`).
_EXEC = r"(\[[A-Z_]+(,[A-Z_]+)*\])?exec:/[A-Za-z0-9_./ -]+"
# SIGINT and SIGQUIT do not reach a program in the background; the C library uses 32 and 33.
_SIGNALS = set(range(1, 65)) - {2, 3, 9, 17, 19, 32, 33}


def job_types(value: str) -> tuple[str, ...]:
    """Job types (oarsub -t) as in "besteffort inner=4711 deadline=2037-01-01 12:00:00"."""
    if not value.strip():
        return ()
    # Most sites and jobs do without it.
    from arc_lrms_oar.oarsub_grammar import types

    found = types(value)
    for kind in found:
        if kind.partition("=")[0] in _NOT_RUN:
            raise ValueError(f"other types than {kind}, for which OAR does not run the command")
    return found


def resources(value: str) -> tuple[str, ...]:
    """Alternatives (oarsub -l); OAR uses the one that can start first."""
    if not value.strip():
        return ()
    from arc_lrms_oar.oarsub_grammar import alternatives

    return tuple(map(str, alternatives(value)))


def condition(value: str) -> str:
    """A condition on resources (oarsub -p), which OAR puts into a WHERE clause."""
    if not value.strip():
        return ""
    from arc_lrms_oar import oarsub_grammar

    return oarsub_grammar.condition(value)


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
