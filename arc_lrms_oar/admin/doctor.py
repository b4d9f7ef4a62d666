"""The command `doctor`: checks everything that makes jobs fail at a site, and names the cure.

Each check gives at least one line, and a failed check does not stop the others, except those that
depend on it. Nothing is changed; only `--probe` submits jobs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from arc_lrms_oar.admin import (
    arc_locations,
    check_arc,
    check_arex,
    check_config,
    check_jobs,
    check_oar,
    check_package,
    check_published,
    check_remote,
    check_resources,
    check_sessions,
    check_users,
    findings,
)
from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.admin.mapped_users import ROOT, Account, own_account
from arc_lrms_oar.arex.config import RUNTIME_CONFIG, Blocks, edited_config, settings_from
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.commands.connect import client_of
from arc_lrms_oar.errors import ConfigError, SiteError
from arc_lrms_oar.settings import Settings

# Seconds; A-REX's own timeout would make ten hanging commands take too long.
_COMMAND_TIMEOUT = 20
_AS_ROOT = "run doctor as root"
_UNPROBED = "not checked: session directories on the nodes, GNU time and clocks (use --probe)"


def doctor(config: str | None, users: Sequence[str], probe: bool, as_json: bool) -> int:
    """Run all checks and print their findings.

    Args:
        config: the path of arc.conf; None for this CE's.
        users: the local users to check as; empty for the mapped users.
        probe: also run a short job in each queue.
        as_json: print JSON.

    Returns:
        The exit status: 0 no problem, 1 warnings, 2 failures.
    """
    found = []
    for finding in examine(config, list(users), probe):
        found.append(finding)
        if not as_json:
            print(findings.as_lines(finding), flush=True)
    if as_json:
        print(findings.as_json(found))
    return findings.exit_status(found)


def examine(config: str | None, chosen: list[str], probe: bool) -> Iterator[Finding]:
    """All findings, in the order in which a site is set up."""
    yield from check_package.check_python()
    arc, arc_error = None, ""
    try:
        arc = arc_locations.find_arc()
    except SiteError as error:
        arc_error = str(error)
    path = edited_config(config)
    blocks: Blocks = {}
    unreadable = ""
    try:
        blocks = check_config.read(path, arc)
    except ConfigError as error:
        unreadable = str(error)
    lrms = check_config.lrms_of(blocks)
    lrms = lrms if lrms in ("oar", "SLURMPY") else "OAR"
    yield from check_arc.check_scripts(arc, arc_error, lrms)
    if unreadable:
        if os.path.exists(path) and not os.access(path, os.R_OK):
            yield warn("configuration", unreadable, _AS_ROOT)
        else:
            yield fail("configuration", unreadable, "give the right file with --config")
        return
    yield from check_config.check_config(path, blocks)
    foreign = _is_foreign(blocks)
    yield from check_config.check_validator(path, arc, foreign)
    try:
        settings = settings_from(blocks, path)
    except ConfigError:
        return
    if config is None:
        yield from check_arex.check_running(path, blocks, settings)
    yield from check_arc.check_kick()
    jobs: list[GridJob] = []
    if foreign:
        text = (
            "control directory, session directories, metrics file, runtime environments, jobs and "
            "mapped users"
        )
        message = f"A-REX does not run as {own_account().name}; not checked: {text}"
        yield warn("doctor", message, _AS_ROOT)
        accounts = [own_account()]
    else:
        yield from check_arex.check_control_dir(settings)
        yield from check_arex.check_metrics_file(settings)
        jobs = check_jobs.jobs_of(settings)
        yield from check_jobs.check_proxies(settings, jobs)
        yield from check_jobs.check_scripts_of_jobs(jobs)
        found, accounts = check_users.choose_users(blocks, chosen)
        yield from found
        yield from check_arex.check_runtime_environments(settings)
    yield from check_package.check_permissions(arc, ROOT if foreign else own_account())
    if arc is not None and lrms != "SLURMPY":
        given = RUNTIME_CONFIG if config is None and os.path.exists(RUNTIME_CONFIG) else path
        for user in accounts:
            yield from check_package.check_submit_script(arc, lrms, given, user)
    queues = {name: one for name, one in settings.queues.items() if f"queue:{name}" in blocks}
    timeout = min(settings.command_timeout, _COMMAND_TIMEOUT)
    settings = settings._replace(queues=queues, command_timeout=timeout)
    yield from _oar(settings, blocks, accounts, jobs, foreign, probe)


def _is_foreign(blocks: Blocks) -> bool:
    """Whether doctor runs as an ordinary user, and A-REX as another user."""
    (*_, control_dir) = blocks.get("arex", {}).get("controldir", [Settings().control_dir])
    try:
        return os.geteuid() not in (0, os.stat(control_dir).st_uid)
    except OSError:
        return False


def _oar(
    settings: Settings,
    blocks: Blocks,
    accounts: list[Account],
    jobs: list[GridJob],
    foreign: bool,
    probe: bool,
) -> Iterator[Finding]:
    own = own_account()
    reached = accounts
    if settings.remote_host:
        callers = accounts if own in accounts else [*accounts, own]
        found, reached = check_remote.check_ssh(settings, callers, foreign)
        yield from found
    for user in accounts:
        yield from check_users.check_shell(settings, user)
        if user in reached:
            yield from check_users.check_commands(settings, user)
        if not foreign:
            yield from check_sessions.check_sessions(blocks, user)
    yield from check_oar.check_server(settings)
    if settings.remote_host and own not in reached:
        return
    client = client_of(settings)
    found, rows = check_oar.check_database(client)
    yield from found
    if found[0].level == findings.FAIL:
        return
    if not foreign:
        yield from check_jobs.check_left_jobs(client, jobs)
    found, unknown = check_oar.check_queues(settings, client)
    yield from found
    matching = check_resources.matching_resources(settings, client)
    resources, unfit = check_resources.check_resources(settings, client, rows, matching)
    yield from resources
    yield from check_published.check_published(settings, blocks, rows, matching)
    if not probe:
        yield ok("nodes", _UNPROBED)
        return
    from arc_lrms_oar.admin.probe import probe as probe_queues

    session_dirs = [place for place in check_sessions.session_dirs(blocks) if place != "*"]
    failed = unknown | unfit
    for name in sorted(failed):
        text = "skipped: OAR refuses its jobs; see the FAIL about its queue, level or properties"
        yield ok(f"probe of queue {name}", text)
    queues = [name for name in settings.queues if name not in failed]
    if session_dirs:
        yield from probe_queues(settings, queues, accounts, session_dirs[0])
