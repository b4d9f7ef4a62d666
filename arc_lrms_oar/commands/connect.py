"""From a configuration file to its settings, and from those to a client of OAR."""

from __future__ import annotations

from arc_lrms_oar.arex.config import find_config, load
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.oar.local import LocalTransport
from arc_lrms_oar.oar.transport import Transport
from arc_lrms_oar.settings import Settings


def settings_of(config: str | None) -> Settings:
    """The settings in the file `config`, None: in the file of this CE. Raises ConfigError."""
    return load(find_config(config))


def client_of(settings: Settings) -> OarClient:
    """A client for OAR, local or on `remote_host`."""
    return OarClient(transport_of(settings), settings.dialect)


def transport_of(settings: Settings) -> Transport:
    """The transport for OAR's commands: this machine, or ssh to `remote_host`."""
    if not settings.remote_host:
        return LocalTransport(settings.bin_path, settings.command_timeout)
    from arc_lrms_oar.oar.ssh import Frontend, SshTransport

    frontend = Frontend(
        settings.remote_host, settings.remote_user, settings.private_key, settings.ssh_timeout
    )
    return SshTransport(frontend, settings.bin_path, settings.command_timeout)
