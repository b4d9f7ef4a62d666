"""The state of OAR as far as it explains why jobs wait: cores, inactive queues, the server."""

from __future__ import annotations

from collections.abc import Mapping

from arc_lrms_oar.info.slots import Slots
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.resources import Queue
from arc_lrms_oar.oar.server import server_address, server_error
from arc_lrms_oar.oar.waiting import SiteState
from arc_lrms_oar.settings import Settings


def read_site_state(settings: Settings, client: OarClient, now: float) -> SiteState:
    """Ask OAR for its resources and queues, and its server for a connection.

    Raises:
        OarUnavailable: OAR did not answer.
    """
    return site_state(settings, Slots(client.resources(), settings, now), client.queues())


def site_state(settings: Settings, slots: Slots, queues: Mapping[str, Queue] | None) -> SiteState:
    """The state of OAR, with these slots and queues (None if they cannot be listed)."""
    return SiteState(
        total=len(slots.until),
        alive=len(slots.up),
        inactive={name for name, queue in (queues or {}).items() if not queue.active},
        server_error=_server_error(settings),
    )


def _server_error(settings: Settings) -> str | None:
    """Why OAR's server does not answer, "" if it does; None if its address is not known here."""
    if settings.remote_host:
        return None
    try:
        address = server_address()
    except OSError:
        return None
    return server_error(address)
