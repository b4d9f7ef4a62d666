"""A second A-REX in a testbed, run by an ordinary user without web service or host certificate.

Jobs come in through ARC's internal interface, as from an aCT on the same host. OAR is the one of
the testbed; the testbed's own A-REX is not touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .bed import Bed
from .grid import USER, Grid, Job
from .messages import BedError, tail_of
from .services import Arex
from .suites import HOST, OTHERUSER

TEMPLATE = """\
[common]
hostname = {host}

[authgroup:all]
all = yes

[mapping]
map_to_user = all {owner}:{owner}

[lrms]
lrms = OAR

[arex]
controldir = {place}/control
sessiondir = {place}/session
pidfile = {place}/run/arched-arex.pid
logfile = {place}/log/arex.log
joblog = {place}/log/arex-jobs.log
helperlog = {place}/log/job.helper.errors
wakeupperiod = 5

[infosys]
logfile = {place}/log/infoprovider.log

[infosys/glue2]
admindomain_name = testbed

[infosys/cluster]
alias = testbed

[queue:default]

[custom:oar]
"""


class UserArex(Arex):
    """The A-REX of an ordinary user, in the directory `place` of this user."""

    name = "the user's arex"

    def __init__(self, bed: Bed, owner: str, place: str) -> None:
        super().__init__(bed.inside, bed.suite)
        self.user = owner
        self.pidfile = f"{place}/run/arched-arex.pid"
        self.log = f"{place}/log/arex.log"
        self.environment = {"ARC_CONFIG": f"{place}/arc.conf"}
        self._configuration = TEMPLATE.format(host=HOST, owner=owner, place=place)

    def configuration(self) -> str:
        return self._configuration


class InternalGrid(Grid):
    """The testbed as used by a user who runs their own A-REX."""

    def __init__(self, bed: Bed, owner: str = OTHERUSER) -> None:
        super().__init__(bed)
        self.owner = owner
        self.place = f"/home/{owner}/arex"
        self.control = f"{self.place}/control"
        self.sessions = f"{self.place}/session"
        self.helper_log = f"{self.place}/log/job.helper.errors"
        self.arex = UserArex(bed, owner, self.place)

    def start(self) -> None:
        """Start A-REX; raises BedError if it does not answer."""
        for folder in ("control", "session", "run", "log"):
            self.user("mkdir", "-p", f"{self.place}/{folder}")
        text = self.arex.configuration()
        self.bed.run(["tee", f"{self.place}/arc.conf"], user=self.owner, input=text)
        if self.bed.suite.client_wants_proxy and self.owner != USER:
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
            list(argv),
            user=self.owner,
            env=self.arex.environment,
            cwd=cwd,
            check=False,
            timeout=300,
        )
        return done.stdout + done.stderr
