"""doctor's checks of OAR: server, database and queues.

They submit no job (`admin.probe` does). What the caller may not read is reported as not checked.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.oar import server
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.settings import Settings

_SLOW = 5.0


def check_server(settings: Settings) -> Iterator[Finding]:
    """Whether OAR's server accepts a connection."""
    if settings.remote_host:
        yield ok("OAR server", f"not checked: OAR is on {settings.remote_host}")
        return
    try:
        address = server.server_address()
    except OSError as error:
        yield ok("OAR server", f"not checked: {server.OAR_CONF}: {error.strerror}")
        return
    error_text = server.server_error(address)
    if error_text:
        cure = f"on {address[0]}, run: systemctl start oar-server; its log is /var/log/oar.log"
        yield fail("OAR server", error_text, cure)
    else:
        yield ok("OAR server", f"{address[0]} port {address[1]} answers")


def check_database(client: OarClient) -> tuple[list[Finding], list[dict[str, Any]]]:
    """Whether OAR's database answers, and how fast.

    Returns:
        The findings, and OAR's resources (empty if OAR is unavailable).
    """
    started = time.monotonic()
    try:
        rows = list(client.resources())
        took = time.monotonic() - started
        version = client.version()
    except OarUnavailable as error:
        cure = "start OAR's database, and check that `oarnodes` works"
        return [fail("OAR database", str(error), cure)], []
    text = f"OAR {version} lists its resources in {took:.1f} s"
    if took > _SLOW:
        cure = "each command takes that long: check the database and the machine's load"
        return [warn("OAR database", text, cure)], rows
    return [ok("OAR database", text)], rows


def check_queues(settings: Settings, client: OarClient) -> tuple[list[Finding], set[str]]:
    """Whether the queue of each `[queue:NAME]` exists in OAR, is active, and has valid job types.

    Only root and oar may list the queues.

    Returns:
        The findings, and the ARC queues whose OAR queue does not exist.
    """
    if not settings.queues:
        cure = "add a block [queue:NAME] for each OAR queue that grid jobs may use"
        return [fail("queues", "arc.conf has no block [queue:NAME]", cure)], set()
    try:
        queues = client.queues()
        found = _refused_types(settings, client)
    except OarUnavailable as error:
        cure = f"check that `{' '.join(client.dialect.ask_queues())}` works"
        return [fail("queues", str(error), cure)], set()
    if not queues:
        return [*found, ok("queues", f"not checked: {_why_unlisted(client)}")], set()
    unknown = set()
    for name, queue in settings.queues.items():
        oar_queue = queue.oar_queue or name
        check = f"queue {name}"
        if oar_queue not in queues:
            unknown.add(name)
            known = ", ".join(sorted(queues))
            text = f"OAR has no queue {oar_queue}; its queues are {known}"
            found.append(fail(check, text, _queue_cure(settings, name)))
        elif not queues[oar_queue].active:
            text = f"{oar_queue} is not active in OAR: its jobs wait"
            command = "oarqueue" if client.dialect.generation == 3 else "oarnotify"
            found.append(warn(check, text, f"run: {command} -e {oar_queue}"))
        else:
            found.append(ok(check, f"{oar_queue} is active in OAR"))
    return found, unknown


def _why_unlisted(client: OarClient) -> str:
    """Why OAR lists no queues, and what helps."""
    command = " ".join(client.dialect.ask_queues())
    if os.geteuid() != 0:
        return f"only root and oar may list them (`{command}`); run doctor as root"
    return f"`{command}` does not list them; use --probe"


def _queue_cure(settings: Settings, name: str) -> str:
    """What to do about the ARC queue `name`, whose OAR queue does not exist."""
    own, common = settings.queues[name].oar_queue, settings.common.oar_queue
    if own:
        block = "custom:oar" if own == common else f"custom:oar/{name}"
        return f"correct the value, or remove oar_queue from [{block}]"
    return f"remove the block [queue:{name}], or set oar_queue in [custom:oar/{name}]"


def _refused_types(settings: Settings, client: OarClient) -> list[Finding]:
    """Warnings about job types that OAR's default admission rules refuse."""
    found = []
    for name, queue in settings.queues.items():
        refused = client.dialect.refused_types(queue.types)
        if refused:
            text = f"OAR {client.dialect.generation} does not know the types {', '.join(refused)}"
            cure = f"remove them from types in [custom:oar/{name}], or extend OAR's admission rules"
            found.append(warn(f"queue {name}", text, cure))
    return found
