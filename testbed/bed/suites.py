"""The Debian suites that a testbed can be built from, with all differences between them.

What is the same for every suite is in `build`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .messages import BedError

DEFAULT_SUITE = "bookworm"

HOST = "testbed.localdomain"
# How the package is installed: copied with its own installer, Debian's package, or not at all.
KINDS = ("copy", "deb", "none")

GRIDUSER = "griduser"
OTHERUSER = "otheruser"

COMMON_PACKAGES = (
    "libjson-perl",  # oarstat -J
    "nordugrid-arc-arcctl",
    "nordugrid-arc-arex",
    "nordugrid-arc-client",
    "nordugrid-arc-plugins-internal",
    "nordugrid-arc-test-utils",
    "oar-node",
    "oar-server",
    "oar-server-pgsql",
    "oar-user",
    "oar-user-pgsql",
    "openssh-server",
    "openssl",
    "postgresql",
    "procps",
    "python3",
    "python3-dateutil",
    "python3-nordugrid-arc",
    "python3-pyparsing",
    "python3-pytest",
    "python3-pytest-mock",
    "sqlite3",
    "time",
)


@dataclass(frozen=True)
class Suite:
    """One Debian release.

    Attributes:
        arc, oar, python: The versions in this release, for people.
        postgres: Major version of PostgreSQL.
        cpusets: OAR's job resource manager works with cgroup v1, which the testbed can provide.
        separate_ws: The web service is a process of its own, not a part of A-REX's.
        client_wants_proxy: ARC's client requires a proxy even for interfaces that need none.
        rest_wants_queue: A-REX refuses jobs through REST that name no queue.
        fork_reports_times: `lrms = fork` reports when a job started and ended in the LRMS.
        client_shows_errors: ARC's client prints why a job failed, also through REST.
        client_checks_delegationid: ARC's xRSL reader refuses a wrong use of `delegationid`.
        arcctl_finds_accounting: `arcctl accounting` needs no `--database-file`.
        records_authgroups: A-REX writes the authgroups of the user to the job's `.local`.
    """

    name: str
    arc: str
    oar: str
    python: str
    postgres: str
    extra_packages: tuple[str, ...] = ()
    separate_ws: bool = True
    cpusets: bool = False
    client_wants_proxy: bool = True
    rest_wants_queue: bool = False
    fork_reports_times: bool = True
    client_shows_errors: bool = True
    client_checks_delegationid: bool = True
    arcctl_finds_accounting: bool = True
    records_authgroups: bool = False

    @property
    def packages(self) -> tuple[str, ...]:
        return tuple(sorted(COMMON_PACKAGES + self.extra_packages))

    @property
    def python_backends(self) -> bool:
        """Whether ARC has LRMS backends in Python, and with them `lrms = SLURMPY` (ARC 6)."""
        return "nordugrid-arc-arex-python-lrms" in self.packages

    @property
    def client_names_interface(self) -> bool:
        """Whether ARC's client needs the interface of an endpoint beside its URL (ARC 6)."""
        return "nordugrid-arc-plugins-arcrest" in self.packages


SUITES = {
    suite.name: suite
    for suite in (
        Suite(
            name="bullseye",
            arc="6.10",
            oar="2.5.9",
            python="3.9",
            postgres="13",
            extra_packages=("nordugrid-arc-arex-python-lrms", "nordugrid-arc-plugins-arcrest"),
            separate_ws=False,
            cpusets=True,
            rest_wants_queue=True,
            fork_reports_times=False,
            client_shows_errors=False,
            client_checks_delegationid=False,
        ),
        Suite(
            name="bookworm",
            arc="6.17",
            oar="2.5.9",
            python="3.11",
            postgres="15",
            extra_packages=("nordugrid-arc-arex-python-lrms", "nordugrid-arc-plugins-arcrest"),
            cpusets=True,
        ),
        Suite(
            name="trixie",
            arc="7.0",
            oar="2.6.1",
            python="3.13",
            postgres="17",
            client_wants_proxy=False,
        ),
        Suite(
            name="sid",
            arc="7.2",
            oar="2.6.1",
            python="3.14",
            postgres="18",
            client_wants_proxy=False,
            # Its `arcctl accounting job info` ends with a TypeError in Accounting.py.
            arcctl_finds_accounting=False,
            records_authgroups=True,
        ),
    )
}


def suite_named(name: str) -> Suite:
    try:
        return SUITES[name]
    except KeyError:
        raise BedError(f"unknown suite {name!r}: choose one of {', '.join(SUITES)}") from None
