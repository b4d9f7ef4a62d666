"""A second A-REX in a bed, run by one ordinary user: no web service, no host certificate, no root.

Jobs come in through ARC's internal interface, as from an aCT on the same host. OAR is the bed's.
Must not touch the bed's own A-REX.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import ClassVar

from .bed import Bed
from .grid import USER, Grid, Job
from .report import BedError, tail_of
from .services import Arex
from .suites import HOST, OTHERUSER

PLACE = f"/home/{OTHERUSER}/arex"
CONF = f"{PLACE}/arc.conf"

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
controldir = {PLACE}/control
sessiondir = {PLACE}/session
pidfile = {PLACE}/run/arched-arex.pid
logfile = {PLACE}/log/arex.log
joblog = {PLACE}/log/arex-jobs.log
helperlog = {PLACE}/log/job.helper.errors
wakeupperiod = 5

[infosys]
logfile = {PLACE}/log/infoprovider.log

[infosys/glue2]
admindomain_name = testbed

[infosys/cluster]
alias = testbed

[queue:default]

[custom:oar]
"""


class UserArex(Arex):
    """The ordinary user's A-REX."""

    name = "the user's arex"
    pidfile = f"{PLACE}/run/arched-arex.pid"
    log = f"{PLACE}/log/arex.log"
    user = OTHERUSER
    environment: ClassVar[Mapping[str, str]] = {"ARC_CONFIG": CONF}

    def configuration(self) -> str:
        return TEMPLATE


class InternalGrid(Grid):
    """The bed as a user sees it who runs A-REX himself."""

    owner = OTHERUSER
    control = f"{PLACE}/control"
    sessions = f"{PLACE}/session"
    helper_log = f"{PLACE}/log/job.helper.errors"

    def __init__(self, bed: Bed) -> None:
        super().__init__(bed)
        self.arex = UserArex(bed.inside, bed.suite)

    def start(self) -> None:
        """Starts A-REX; raises BedError where it does not come up."""
        for folder in ("control", "session", "run", "log"):
            self.user("mkdir", "-p", f"{PLACE}/{folder}")
        self.bed.run(["tee", CONF], user=self.owner, input=TEMPLATE)
        if self.bed.suite.client_wants_proxy:
            self._borrow_proxy()
        self.arex.start()

    def _borrow_proxy(self) -> None:
        """ARC 6's client does not start without a proxy, though nobody here looks at it."""
        proxies = [f"/tmp/x509up_u{self.bed.inside.account(n).uid}" for n in (USER, self.owner)]
        group = self.bed.inside.account(self.owner).gid
        self.root("install", "-m600", f"-o{self.owner}", f"-g{group}", *proxies)

    def stop(self) -> None:
        self.arex.stop()

    def submit_all(self, jobs: Iterable[tuple[str, Mapping[str, str]]]) -> list[Job]:
        """All descriptions in one arcsub, as one aCT feeds them; gives the jobs in order."""
        folder = self.user("mktemp", "-d").strip()
        names = []
        for number, (description, files) in enumerate(jobs):
            names.append(f"{number:04}.xrsl")
            for name, text in {names[-1]: description, **files}.items():
                self.bed.path(f"{folder}/{name}").write_text(text)
        arcsub = ["arcsub", "-T", "internal", "-C", "file://localhost", "-Q", "NONE", *names]
        said = self.client(*arcsub, cwd=folder)
        urls = re.findall(r"Job submitted with jobid: (\S+)", said)
        if len(urls) != len(names):
            raise BedError(f"arcsub took {len(urls)} of {len(names)} jobs", tail_of(said))
        return [Job(self, url, folder) for url in urls]

    def submit(self, description: str, files: Mapping[str, str] | None = None) -> Job:
        (job,) = self.submit_all([(description, files or {})])
        return job

    def client(self, *argv: str, cwd: str | None = None) -> str:
        """Runs one of ARC's commands as the user; gives all that it says."""
        done = self.bed.run(
            list(argv), user=self.owner, env={"ARC_CONFIG": CONF}, cwd=cwd, check=False, timeout=300
        )
        return done.stdout + done.stderr
