"""Looks at OAR: its server and database, its queues and its resources.

Must not submit anything: `admin.probe` does. What only root may ask and what is not readable here
is left out and said so, never guessed.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterable, Iterator
from typing import Any

from arc_lrms_oar.admin.findings import Finding, fail, ok, warn
from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.settings import QueueSettings, Settings

OAR_CONF = "/etc/oar/oar.conf"

_SERVER = re.compile(r"^\s*SERVER_(HOSTNAME|PORT)\s*=\s*[\"']?([^\"'\s]+)", re.M)
_PORT = 6666
_OPTIONS = ("node_level", "core_level", "memory_property")
_CONNECT_TIMEOUT = 5.0
_SLOW = 5.0


def look_at_server(settings: Settings) -> Iterator[Finding]:
    """Whether OAR's server listens. It takes a connection without a word for nothing.

    Source: OAR 2.5 `sources/core/modules/almighty.pl`, and its log on the testbed.
    """
    if settings.remote_host:
        yield ok("OAR server", f"not looked at, since OAR is on {settings.remote_host}")
        return
    try:
        with open(OAR_CONF, encoding="utf-8", errors="replace") as file:
            told = dict(_SERVER.findall(file.read()))
    except OSError as error:
        yield ok("OAR server", f"not looked at, since {OAR_CONF}: {error.strerror}")
        return
    host, port = told.get("HOSTNAME", "localhost"), told.get("PORT", "")
    place = (host, int(port) if port.isdecimal() else _PORT)
    try:
        socket.create_connection(place, _CONNECT_TIMEOUT).close()
    except OSError as error:
        yield fail(
            "OAR server",
            f"{place[0]} port {place[1]} does not answer: {error.strerror or error}",
            "start oar-server there, or look into its log /var/log/oar.log: until then jobs wait",
        )
    else:
        yield ok("OAR server", f"{place[0]} port {place[1]} answers")


def look_at_database(client: OarClient) -> tuple[list[Finding], list[dict[str, Any]]]:
    """Whether OAR's database answers, and how fast; and the resources that it told."""
    started = time.monotonic()
    try:
        rows = list(client.resources())
        took = time.monotonic() - started
        version = client.version()
    except OarUnavailable as error:
        cure = "start OAR's database and see that oarnodes works by hand"
        return [fail("OAR database", str(error), cure)], []
    text = f"OAR {version} tells its resources in {took:.1f} s"
    if took > _SLOW:
        cure = "each question of A-REX takes that long: look at the database and the machine's load"
        return [warn("OAR database", text, cure)], rows
    return [ok("OAR database", text)], rows


def look_at_queues(settings: Settings, client: OarClient) -> tuple[list[Finding], set[str]]:
    """Whether OAR knows the queue of each `[queue:X]`; and those ARC queues for which it does not.

    Only root may list them on OAR 2; on OAR 3 anybody may.
    """
    if not settings.queues:
        cure = "add a block [queue:NAME] for each of OAR's queues that grid jobs may use"
        return [fail("queues", "ARC has no [queue:X] at all", cure)], set()
    try:
        queues = client.queues()
    except OarUnavailable as error:
        cure = "see that `oarnotify -l` works (OAR 3: oarqueue -l)"
        return [fail("queues", str(error), cure)], set()
    if not queues:
        text = "not looked at: neither oarnotify -l nor oarqueue lists them (--probe tells)"
        return [ok("queues", text)], set()
    found, unknown = [], set()
    for name, queue in settings.queues.items():
        oar_queue = queue.oar_queue or name
        what = f"queue {name}"
        if oar_queue not in queues:
            unknown.add(name)
            known = ", ".join(sorted(queues))
            text = f"OAR has no queue {oar_queue}; it has {known}"
            cure = f"remove [queue:{name}], or set oar_queue in [custom:oar/{name}]"
            found.append(fail(what, text, cure))
        elif not queues[oar_queue].active:
            text = f"{oar_queue} is not active in OAR, so that its jobs wait"
            found.append(warn(what, text, f"oarnotify -e {oar_queue} (OAR 3: oarqueue -e)"))
        else:
            found.append(ok(what, f"{oar_queue} is active in OAR"))
    return found, unknown


def look_at_resources(settings: Settings, rows: list[dict[str, Any]]) -> Iterator[Finding]:
    """Whether OAR's resources have the levels and the memory property that arc.conf names."""
    usable = [row for row in rows if row.get("type", "default") == "default"]
    alive = sum(row.get("state") == "Alive" for row in usable)
    text = f"{alive} of {len(usable)} are alive"
    if alive:
        yield ok("resources", text)
    else:
        yield fail("resources", text, "bring nodes up, and see oarnodes -s: no job can start")
    if not usable:
        return
    wrong = list(_levels("custom:oar", settings.common, _OPTIONS, usable))
    for name, queue in settings.queues.items():
        own = [o for o in _OPTIONS if getattr(queue, o) != getattr(settings.common, o)]
        wrong += _levels(f"custom:oar/{name}", queue, own, usable)
    yield from wrong
    if not wrong:
        yield ok("resource levels", "all that arc.conf names are known to OAR")


def _levels(
    block: str, queue: QueueSettings, options: Iterable[str], rows: list[dict[str, Any]]
) -> Iterator[Finding]:
    """What is wrong with the properties that these options of `block` name."""
    known = {name for row in rows for name in row}
    for option in options:
        name = getattr(queue, option)
        if not name:
            continue
        if name not in known:
            cure = f"correct {option} in [{block}]; oarnodes shows what a resource has"
            yield fail("resource levels", f"OAR's resources have no property {name}", cure)
        elif option == "memory_property" and not all(_positive(row.get(name)) for row in rows):
            yield warn(
                "resource levels",
                f"{name} of some of OAR's resources is no memory, so that no job gets them",
                f"set it with oarnodesetting -p {name}=..., in {queue.memory_unit}",
            )


def _positive(value: Any) -> bool:
    return str(value).isdecimal() and int(value) > 0
