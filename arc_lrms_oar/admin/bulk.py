"""The commands `hold`, `resume` and `cancel`: act on all grid jobs that a selection names.

Each goes the way that A-REX or OAR has for it: oarhold, oarresume, and A-REX's gm-jobs, so that
a cancelled job ends as one that its user cancels. The jobs are listed first, and their number has
to be confirmed.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from arc_lrms_oar import process
from arc_lrms_oar.admin.arc_locations import find_arc
from arc_lrms_oar.admin.job_overview import OverviewReader
from arc_lrms_oar.admin.job_row import JobRow
from arc_lrms_oar.admin.job_selection import Selection
from arc_lrms_oar.admin.job_table import table_lines, terminal_width, use_colours
from arc_lrms_oar.arex.controldir import CANCELING
from arc_lrms_oar.errors import OarLrmsError, OarRefused, OarUnavailable, SiteError
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.states import State, state_of
from arc_lrms_oar.settings import Settings

# So many jobs are listed before the question.
_LISTED = 20
# Jobs in one command.
_IN_ONE_COMMAND = 500
_TIMEOUT = 600.0


class Request(NamedTuple):
    """What the caller wants.

    `everything` permits a selection without a condition. `running` lets `hold` suspend running jobs
    as well. `confirmed` is the number of jobs that the caller expects; None: it is asked for.
    """

    selection: Selection
    everything: bool = False
    running: bool = False
    dry_run: bool = False
    confirmed: int | None = None


class Action(NamedTuple):
    """One of the commands: its name, the jobs that it can act on, and how it does."""

    name: str
    past: str
    applies: Callable[[JobRow, Request], bool]
    left_alone: str
    run: Callable[[Settings, OarClient, Sequence[JobRow]], None]
    needs_oar: bool = True


def act(settings: Settings, client: OarClient, name: str, request: Request) -> int:
    """List the selected jobs, ask for confirmation and act on them.

    Args:
        settings: the options of arc.conf.
        client: the connection to OAR.
        name: the name of an action: hold, resume or cancel.
        request: the jobs that are meant.

    Returns:
        The exit status: 1 if OAR or A-REX refused some of the jobs.

    Raises:
        OarLrmsError: there is no condition, the number of jobs was not confirmed, or running jobs
            are to be held and OAR cannot suspend them.
        OarUnavailable: OAR does not answer.
    """
    action = ACTIONS[name]
    if request.selection.is_empty and not request.everything:
        raise OarLrmsError(f"{name}: give job IDs or a filter, or --all for all jobs")
    if request.running and not client.dialect.suspends:
        generation = client.dialect.generation
        raise OarLrmsError(f"hold --running: OAR {generation} does not suspend running jobs")
    now = time.time()
    overview = OverviewReader(settings, client).read(now, request.selection, newest=0)
    if overview.oar_error and action.needs_oar:
        raise OarUnavailable(overview.oar_error)
    in_progress = [row for row in overview.rows if not row.finished]
    rows = [row for row in in_progress if action.applies(row, request)]
    _print_jobs(rows, now)
    others = len(in_progress) - len(rows)
    if others:
        print(f"{others} more selected jobs are left alone: they {action.left_alone}")
    if not rows:
        print(f"No selected job can be {action.past}.")
        if request.confirmed and not request.dry_run:
            _confirm(action, 0, request.confirmed)
        return 0
    if request.dry_run:
        print(f"{len(rows)} jobs would be {action.past}")
        return 0
    _confirm(action, len(rows), request.confirmed)
    return _run(settings, client, action, rows)


def _print_jobs(rows: Sequence[JobRow], now: float) -> None:
    if not rows:
        return
    colours = use_colours(sys.stdout, os.environ)
    width = terminal_width(sys.stdout)
    print("\n".join(table_lines(rows[:_LISTED], now, width, colours)))
    if len(rows) > _LISTED:
        print(f"and {len(rows) - _LISTED} more")


def _confirm(action: Action, number: int, confirmed: int | None) -> None:
    """Have the number of jobs confirmed; raises OarLrmsError if it is not."""
    if confirmed is None and sys.stdin.isatty():
        print(f"Type the number of jobs, {number}, to {action.name} them: ", end="", flush=True)
        typed = sys.stdin.readline().strip()
        confirmed = int(typed) if typed.isdecimal() else None
    elif confirmed is None:
        raise OarLrmsError(f"{action.name}: not confirmed; to do it, add --confirm {number}")
    if confirmed != number:
        raise OarLrmsError(f"{action.name}: not confirmed, nothing was done; {number} jobs match")


def _run(settings: Settings, client: OarClient, action: Action, rows: Sequence[JobRow]) -> int:
    refused = False
    for start in range(0, len(rows), _IN_ONE_COMMAND):
        try:
            action.run(settings, client, rows[start : start + _IN_ONE_COMMAND])
        except OarRefused as error:
            print(f"{action.name}: {error}", file=sys.stderr)
            refused = True
    some = "of the jobs could not be" if refused else "jobs are being"
    print(f"{'some' if refused else len(rows)} {some} {action.past}; `jobs` shows their states")
    return int(refused)


def _ids(rows: Sequence[JobRow]) -> Iterator[int]:
    return (row.job_id for row in rows if row.job_id is not None)


def _can_hold(row: JobRow, request: Request) -> bool:
    states = {State.WAITING, State.RUNNING} if request.running else {State.WAITING}
    return row.job_id is not None and state_of(row.state) in states


def _hold(settings: Settings, client: OarClient, rows: Sequence[JobRow]) -> None:
    waiting = [row for row in rows if state_of(row.state) is State.WAITING]
    running = [row for row in rows if state_of(row.state) is State.RUNNING]
    if waiting:
        client.hold(_ids(waiting))
    if running:
        client.hold(_ids(running), running=True)


def _can_resume(row: JobRow, request: Request) -> bool:
    return row.job_id is not None and state_of(row.state) in (State.HOLD, State.SUSPENDED)


def _resume(settings: Settings, client: OarClient, rows: Sequence[JobRow]) -> None:
    client.resume(_ids(rows))


def _can_cancel(row: JobRow, request: Request) -> bool:
    return row.arex_state != CANCELING


def _cancel(settings: Settings, client: OarClient, rows: Sequence[JobRow]) -> None:
    """Give A-REX the request to cancel that a user's client gives it.

    `arcctl job killall` runs the same command; `arcctl job kill` cancels only the first of several
    jobs (seen on 6.17).
    """
    gm_jobs = os.path.join(find_arc().tools_dir, "gm-jobs")
    words = [gm_jobs, "-d", settings.control_dir, "-J", "-S", "-x", "ERROR"]
    words += [word for row in rows for word in ("-k", row.grid_job_id)]
    try:
        done = process.run(words, _TIMEOUT, process.clean_environment())
    except OSError as error:
        raise SiteError(f"{gm_jobs}: {error.strerror}") from None
    if done.status != 0:
        message = done.stderr.decode("utf-8", "replace").strip() or f"exit code {done.status}"
        raise OarRefused(f"gm-jobs: {message}")


ACTIONS = {
    "hold": Action("hold", "held", _can_hold, "do not wait in OAR", _hold),
    "resume": Action("resume", "resumed", _can_resume, "are neither held nor suspended", _resume),
    "cancel": Action(
        "cancel", "cancelled", _can_cancel, "are being cancelled already", _cancel, needs_oar=False
    ),
}
