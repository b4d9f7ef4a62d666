"""How a verb ends: its exit code, and one line on stderr in the place of any traceback."""

from __future__ import annotations

import atexit
import errno
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from arc_lrms_oar.errors import JobError, OarLrmsError
from arc_lrms_oar.log import complain
from arc_lrms_oar.version import __version__

_UMASK = 0o077
# These write nothing but their output.
_TELLERS = ("query", "info", "jobs", "explain", "translate", "doctor")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def guarded(verb: str, run: Callable[[], int]) -> int:
    """Runs the verb and gives its exit code; no error gets out of it as a traceback.

    The first line that a failed submission prints, on stderr and on stdout, is the sentence that
    the grid user reads in arcstat.
    """
    os.umask(_UMASK)
    # Where who has started us ignores it, nobody would learn how OAR's commands end.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        code = run()
        sys.stdout.flush()
        return code
    except OarLrmsError as error:
        _complain(verb, error)
    except BrokenPipeError:
        _print_no_more()
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if verb in _TELLERS and isinstance(error, OSError) and error.errno in _FULL:
            _print_no_more()
            complain(f"what there is to tell cannot be written: {error.strerror}")
        else:
            _complain(verb, _unexpected(error))
    return 1


def leave(code: int) -> NoReturn:
    """Ends the process of a verb whose exit code is `code`, all of whose output is written.

    What is to happen at the end does, but memory is left to the system: Python would take 6 ms to
    free it piece by piece, for each job and each scan.
    """
    atexit._run_exitfuncs()
    os._exit(code)


def _print_no_more() -> None:
    """Lets go of what is printed and not written, which Python would try to write at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(verb: str, error: OarLrmsError) -> None:
    line = str(error).encode("utf-8", "replace").decode()
    complain(line)
    if verb == "submit":
        with suppress(OSError):
            print(line, flush=True)
    if isinstance(error, JobError) and error.details:
        complain(error.details.rstrip())


def _unexpected(error: Exception) -> OarLrmsError:
    """An error that nobody has foreseen, with the place where it came up, in one line."""
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}, line {place.tb_lineno}" if place else "?"
    return OarLrmsError(
        f"internal error of arc_lrms_oar {__version__}: {type(error).__name__}: {error} ({where})"
    )
