"""Doctor: looks at everything that makes sites fail, and says what cures it.

Each thing looked at gives at least one line. Trouble with one never keeps another from being looked
at, unless it makes no sense without. Changes nothing; only a probe, when it is asked for, submits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from arc_lrms_oar.admin import (
    arc_locations,
    check_arc,
    check_config,
    check_oar,
    check_users,
    findings,
)
from arc_lrms_oar.admin.findings import Finding, fail, ok
from arc_lrms_oar.admin.mapped_users import Account
from arc_lrms_oar.arex.config import Blocks, settings_from
from arc_lrms_oar.commands.connect import client_of
from arc_lrms_oar.errors import ConfigError, SiteError
from arc_lrms_oar.settings import Settings

# Nobody wants to wait for ten commands that hang as long as A-REX would.
_PATIENCE = 20
_UNPROBED = "session directories on the nodes, GNU time and clocks are looked at by --probe only"


def doctor(config: str | None, users: Sequence[str], probe: bool, as_json: bool) -> int:
    """Looks, prints what it has found, and gives the exit code: 0 ok, 1 warnings, 2 failures."""
    found = []
    for finding in examine(config, list(users), probe):
        found.append(finding)
        if not as_json:
            print(findings.as_lines(finding), flush=True)
    if as_json:
        print(findings.as_json(found))
    return findings.worst(found)


def examine(config: str | None, chosen: list[str], probe: bool) -> Iterator[Finding]:
    """All findings, in the order in which a site is set up."""
    yield from check_arc.look_at_python()
    arc, trouble = None, ""
    try:
        arc = arc_locations.find_arc()
    except SiteError as error:
        trouble = str(error)
    path = config or check_config.default_config()
    blocks: Blocks = {}
    unreadable = ""
    try:
        blocks = check_config.read(path, arc)
    except ConfigError as error:
        unreadable = str(error)
    lrms = check_config.lrms_of(blocks)
    yield from check_arc.look_at_arc(arc, trouble, lrms if lrms in ("oar", "SLURMPY") else "OAR")
    if unreadable:
        yield fail("configuration", unreadable, "name the right file with --config")
        return
    yield from check_config.look(path, blocks, arc, compare=config is None)
    try:
        settings = settings_from(blocks, path)
    except ConfigError:
        return
    yield from check_arc.look_at_kick()
    yield from check_arc.look_at_places(settings)
    found, accounts = check_users.users(blocks, chosen)
    yield from found
    queues = {name: one for name, one in settings.queues.items() if f"queue:{name}" in blocks}
    timeout = min(settings.command_timeout, _PATIENCE)
    settings = settings._replace(queues=queues, command_timeout=timeout)
    yield from _oar(settings, blocks, accounts, probe)


def _oar(
    settings: Settings, blocks: Blocks, accounts: list[Account], probe: bool
) -> Iterator[Finding]:
    for user in accounts:
        yield from check_users.look_at_commands(settings, user)
        yield from check_users.look_at_sessions(blocks, user)
    yield from check_oar.look_at_server(settings)
    client = client_of(settings)
    found, rows = check_oar.look_at_database(client)
    yield from found
    if found[0].level == findings.FAIL:
        return
    found, unknown = check_oar.look_at_queues(settings, client)
    yield from found
    yield from check_oar.look_at_resources(settings, rows)
    if not probe:
        yield ok("nodes", _UNPROBED)
        return
    # Submitting comes last and is all that needs the code for it.
    from arc_lrms_oar.admin.probe import probe as send

    places_for_jobs = [place for place in check_users.session_dirs(blocks) if place != "*"]
    queues = [name for name in settings.queues if name not in unknown]
    if places_for_jobs:
        yield from send(settings, queues, accounts, places_for_jobs[0])
