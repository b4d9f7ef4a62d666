"""The process of one command: the scripts that A-REX starts, exit status, signals and stderr.

A-REX starts submit-OAR-job and cancel-OAR-job for each job and scan-OAR-job again and again, so
this module imports nothing that they do not need (docs/performance.md). The command line for people
is `arc_lrms_oar.cli`.

Source of the arguments: ARC 6.17 and 7.0 `src/services/a-rex/grid-manager`, `jobs/JobsList.cpp` for
submit and cancel (`--config FILE GRAMI`), `conf/CoreConfig.cpp` for scan (`--config FILE
CONTROLDIR`).
"""

from __future__ import annotations

import atexit
import errno
import gc
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from arc_lrms_oar import replacement
from arc_lrms_oar.errors import GramiError, OarLrmsError, OarUnavailable
from arc_lrms_oar.log import Log, complain
from arc_lrms_oar.version import __version__

_UMASK = 0o077
_ARGUMENTS = {"submit": "GRAMI", "cancel": "GRAMI|ID", "scan": "CONTROLDIR [CONTROLDIR ...]"}
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def call(command: str) -> NoReturn:
    """Run the script of `command` (submit, cancel or scan) with this process's arguments and exit.

    Exits with status 2 on invalid arguments.
    """
    # See docs/performance.md.
    gc.disable()
    words = sys.argv[1:]
    usage = f"usage: {command}-OAR-job --config FILE {_ARGUMENTS[command]}"
    if "--help" in words or "-h" in words:
        print(usage, flush=True)
        leave(0)
    targets = words[2:]
    expected = words[:1] == ["--config"] and not any(word.startswith("-") for word in targets)
    if not (expected and targets and (len(targets) == 1 or command == "scan")):
        _say(command, usage)
        leave(2)
    leave(run(command, words[1], *targets))


def run(command: str, config: str, *targets: str) -> int:
    """Run submit, cancel or scan. Returns its exit status; every error becomes a line on stderr.

    Does not return if the package was replaced meanwhile: then the script starts again.
    """
    commands = {"submit": submit, "cancel": cancel, "scan": scan}

    def run_watched() -> int:
        try:
            return commands[command](config, *targets)
        except Exception as error:
            replacement.start_again_if_replaced(error)
            raise

    replacement.watch()
    return guarded(command, run_watched)


def submit(config: str | None, grami: str) -> int:
    """Submit the job of a GRAMi file.

    A job whose submission fails is handed over to scan, which reports the reason to the grid user:
    for A-REX, the script has then succeeded. With a wrong configuration scan could not do that.
    """
    from arc_lrms_oar.commands.connect import client_of, settings_of
    from arc_lrms_oar.commands.submit import submit

    settings = settings_of(config)
    try:
        result = submit(settings, client_of(settings), grami)
    except Exception as failure:
        replacement.check(failure)
        from arc_lrms_oar.commands.give_up import give_up

        error = _as_error(failure)
        _report("submit", error)
        try:
            give_up(grami, error)
        except GramiError:
            # A-REX itself then reports the failure, without the reason.
            return 1
        return 0
    line = f"{_prefix(result.grid_id)}OAR job {result.job_id} submitted"
    Log("submit-OAR-job", settings.log_level).say("INFO", line)
    return 0


def cancel(config: str | None, target: str) -> int:
    """Cancel the OAR job of a GRAMi file, or one given by its OAR job ID."""
    from arc_lrms_oar.commands.cancel import cancel
    from arc_lrms_oar.commands.connect import client_of, settings_of

    settings = settings_of(config)
    result = cancel(settings, client_of(settings), target)
    line = f"{_prefix(result.grid_id)}{result}"
    Log("cancel-OAR-job", settings.log_level).say("INFO", line)
    return 0


def scan(config: str | None, *control_dirs: str) -> int:
    """Report the ended jobs of the control directories to A-REX.

    Started by A-REX, it stays and repeats that (`scan_interval`); otherwise it runs one cycle.
    """
    from arc_lrms_oar.commands.connect import client_of, settings_of
    from arc_lrms_oar.scan.reconcile import scan
    from arc_lrms_oar.scan.watch import ArexClock, Watch, started_by_arex

    settings = settings_of(config)
    log = Log("scan-OAR-job", settings.log_level)
    client = client_of(settings)
    try:
        if settings.scan_interval and started_by_arex():
            Watch(settings, client.transport, control_dirs, log, ArexClock()).run()
        else:
            scan(settings, client, control_dirs, log)
    except OarUnavailable:
        # scan has logged it.
        return 1
    return 0


def guarded(command: str, run: Callable[[], int], only_prints: bool = False) -> int:
    """Run a command and return its exit status; no exception leaves it as a traceback.

    `only_prints` marks a command that writes nothing but its output: a disk error is then reported
    as output that was lost. The only line that a failed submission prints on stdout is its reason,
    for the grid user.
    """
    os.umask(_UMASK)
    # If the parent process ignores SIGCHLD, the exit status of OAR's commands would be lost.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        code = run()
        sys.stdout.flush()
        return code
    except OarLrmsError as error:
        _report(command, error)
    except BrokenPipeError:
        _discard_output()
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if only_prints and isinstance(error, OSError) and error.errno in _DISK_ERRORS:
            _discard_output()
            _say(command, f"cannot write the output: {error.strerror}")
        else:
            _report(command, _as_error(error))
    return 1


def leave(code: int) -> NoReturn:
    """Exit with status `code` without freeing memory (see docs/performance.md).

    Functions registered with atexit run. All output must have been flushed.
    """
    atexit._run_exitfuncs()
    os._exit(code)


def _prefix(grid_id: str) -> str:
    return f"{grid_id}: " if grid_id else ""


def _discard_output() -> None:
    """Drop buffered output, which Python would try to write again when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _report(command: str, error: OarLrmsError) -> None:
    line = str(error)
    _say(command, line)
    if command == "submit":
        with suppress(OSError):
            print(line, flush=True)
    if error.details:
        _say(command, error.details.rstrip())


def _say(command: str, text: str) -> None:
    """Print an error on stderr.

    That of scan is A-REX's job.helper.errors, where each line has its time and level. That of
    submit and cancel is the job's `errors` file, which its user reads.
    """
    if command == "scan":
        log = Log("scan-OAR-job")
        for line in text.splitlines():
            log.say("ERROR", line)
    else:
        complain(text)


def _as_error(error: Exception) -> OarLrmsError:
    """The error itself, or an unexpected exception as one line with file and line number."""
    if isinstance(error, OarLrmsError):
        return error
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_filename}, line {place.tb_lineno}" if place else "?"
    return OarLrmsError(
        f"internal error of arc_lrms_oar {__version__}: {type(error).__name__}: {error} ({where})"
    )
