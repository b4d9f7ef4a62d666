"""A second A-REX in a testbed, run by an ordinary user without web service or host certificate.

Jobs come in through ARC's internal interface, as from an aCT on the same host. OAR is the one of
the testbed; the testbed's own A-REX is not touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import ClassVar

from .bed import Bed
from .grid import USER, Grid, Job
from .messages import BedError, tail_of
from .services import Arex
from .suites import HOST, OTHERUSER

AREX_DIR = f"/home/{OTHERUSER}/arex"
CONF = f"{AREX_DIR}/arc.conf"

TEMPLATE = f"""\
[common]
hostname = {HOST}

[authgroup:all]
all = yes

[mapping]
map_to_user = all {OTHERUSER}:{OTHERUSER}

[lrms]
lrms = OAR

[arex]
controldir = {AREX_DIR}/control
sessiondir = {AREX_DIR}/session
pidfile = {AREX_DIR}/run/arched-arex.pid
logfile = {AREX_DIR}/log/arex.log
joblog = {AREX_DIR}/log/arex-jobs.log
helperlog = {AREX_DIR}/log/job.helper.errors
wakeupperiod = 5

[infosys]
logfile = {AREX_DIR}/log/infoprovider.log

[infosys/glue2]
admindomain_name = testbed

[infosys/cluster]
alias = testbed

[queue:default]

[custom:oar]
"""


class UserArex(Arex):
    """The A-REX of the ordinary user."""

    name = "the user's arex"
    pidfile = f"{AREX_DIR}/run/arched-arex.pid"
    log = f"{AREX_DIR}/log/arex.log"
    user = OTHERUSER
    environment: ClassVar[Mapping[str, str]] = {"ARC_CONFIG": CONF}

    def configuration(self) -> str:
        return TEMPLATE


class InternalGrid(Grid):
    """The testbed as used by the user who runs their own A-REX."""

    owner = OTHERUSER
    control = f"{AREX_DIR}/control"
    sessions = f"{AREX_DIR}/session"
    helper_log = f"{AREX_DIR}/log/job.helper.errors"

    def __init__(self, bed: Bed) -> None:
        super().__init__(bed)
        self.arex = UserArex(bed.inside, bed.suite)

    def start(self) -> None:
        """Start A-REX; raises BedError if it does not answer."""
        for folder in ("control", "session", "run", "log"):
            self.user("mkdir", "-p", f"{AREX_DIR}/{folder}")
        self.bed.run(["tee", CONF], user=self.owner, input=TEMPLATE)
        if self.bed.suite.client_wants_proxy:
            self._copy_proxy()
        self.arex.start()

    def _copy_proxy(self) -> None:
        """ARC 6's client requires a proxy, although nothing here checks it."""
        proxies = [f"/tmp/x509up_u{self.bed.inside.account(n).uid}" for n in (USER, self.owner)]
        group = self.bed.inside.account(self.owner).gid
        self.root("install", "-m600", f"-o{self.owner}", f"-g{group}", *proxies)

    def stop(self) -> None:
        self.arex.stop()

    def submit_all(self, jobs: Iterable[tuple[str, Mapping[str, str]]]) -> list[Job]:
        """Submit all descriptions with one arcsub, as aCT does; returns the jobs in order."""
        folder = self.user("mktemp", "-d").strip()
        names = []
        for number, (description, files) in enumerate(jobs):
            names.append(f"{number:04}.xrsl")
            for name, text in {names[-1]: description, **files}.items():
                self.bed.path(f"{folder}/{name}").write_text(text)
        arcsub = ["arcsub", "-T", "internal", "-C", "file://localhost", "-Q", "NONE", *names]
        output = self.client(*arcsub, cwd=folder)
        urls = re.findall(r"Job submitted with jobid: (\S+)", output)
        if len(urls) != len(names):
            raise BedError(f"arcsub submitted {len(urls)} of {len(names)} jobs", tail_of(output))
        return [Job(self, url, folder) for url in urls]

    def submit(self, description: str, files: Mapping[str, str] | None = None) -> Job:
        (job,) = self.submit_all([(description, files or {})])
        return job

    def client(self, *argv: str, cwd: str | None = None) -> str:
        """Run a command of ARC as the user; returns its standard output and standard error."""
        done = self.bed.run(
            list(argv), user=self.owner, env={"ARC_CONFIG": CONF}, cwd=cwd, check=False, timeout=300
        )
        return done.stdout + done.stderr
