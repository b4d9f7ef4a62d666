"""Start, repair and stop the namespaces and daemons of a testbed.

`Bed` has the public methods and holds the lock while it calls these.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from . import arcconf, build, cluster, cpusets, package, services
from .layout import CHECKOUT, CHECKOUT_INSIDE, State
from .messages import Progress
from .namespace import Bind, Namespace
from .suites import GRIDUSER, Suite

PROXY_VALIDITY = "168h"


@dataclass
class Machine:
    """The testbed of one suite; `directory` has its state and files on the host."""

    suite: Suite
    directory: Path
    inside: Namespace
    progress: Progress

    def cgroups(self) -> dict[str, str]:
        """Return the paths of the cgroup v1 subtrees, {} (and a progress line) without cpusets."""
        reason = cpusets.reason_unavailable(self.suite)
        if reason:
            self.progress(f"without cpusets: {reason}")
            return {}
        digest = hashlib.sha256(str(self.directory).encode()).hexdigest()[:8]
        return cpusets.subtrees_of(f"arc-oar-testbed-{self.suite.name}-{digest}")

    def boot(self, wanted: State) -> None:
        """Start everything and store the state."""
        self.directory.mkdir(parents=True, exist_ok=True)
        replace(wanted, phase="starting").save(self.directory)
        self.progress("namespaces, overlay" + (", cgroups" if wanted.cgroups else ""))
        cpusets.create(wanted.cgroups)
        self.inside.boot(
            Path(wanted.root),
            build.HOSTNAME,
            overlay=True,
            own_net=True,
            binds=[
                Bind(wanted.checkout, CHECKOUT_INSIDE),
                *(Bind.parse(text) for text in wanted.volumes),
            ],
            cgroups=wanted.cgroups,
        )
        if wanted.cgroups:
            cpusets.configure(self.inside)
        package.install(self.inside, Path(wanted.checkout), wanted.package, self.progress)
        self.write_conf(Path(wanted.conf))
        self.start_all([cluster.NodeSet(**values) for values in wanted.nodes])
        wanted.save(self.directory)

    def start_all(self, nodes: cluster.Cluster = ()) -> None:
        """Start independent daemons in parallel: each start script takes seconds of CPU time.

        `nodes`: OAR's nodes, in place of those of the root.
        """

        def chain(*kinds: type[services.Service]) -> None:
            for service in services.members(self.inside, self.suite, kinds):
                service.start()
                self.progress(f"{service.name} answers")

        def start_oar() -> None:
            chain(services.Postgres)
            if nodes:
                cluster.apply(self.inside, nodes)
            chain(services.Sshd, services.Oar)

        with ThreadPoolExecutor() as pool:
            started = [
                pool.submit(chain, services.Arex),
                pool.submit(chain, services.ArexWs),
                pool.submit(start_oar),
                pool.submit(self._make_proxy),
            ]
        for future in started:
            future.result()

    def repair(self, state: State, conf: Path | None) -> None:
        """Install the package again and restart what does not answer."""
        package.install(self.inside, CHECKOUT, state.package, self.progress)
        if conf is not None:
            self.write_conf(conf)
            replace(state, conf=str(conf.absolute())).save(self.directory)
            self.control("arex", "stop")
        all_answer = True
        for service in services.members(self.inside, self.suite):
            problem = service.problem()
            if problem:
                all_answer = False
                self.progress(f"{service.name} {problem}: restarting it")
                service.stop()
                service.start()
        self._make_proxy()
        self.progress("already up" + (", everything answers" if all_answer else ""))

    def write_conf(self, template: Path) -> None:
        """Write arc.conf from a template."""
        text = arcconf.render(arcconf.read_template(template))
        self.inside.path("/etc/arc.conf").write_text(text)

    def _make_proxy(self) -> None:
        make = ["arcproxy", "-c", f"validityPeriod={PROXY_VALIDITY}"]
        self.inside.run_checked(make, f"arcproxy as {GRIDUSER} failed", user=GRIDUSER, timeout=60)

    def stop(self) -> None:
        """End everything and delete its files and cgroups."""
        state = State.load(self.directory)
        subtrees = state.cgroups if state is not None else {}
        cpusets.thaw(subtrees)
        self.inside.kill()
        cpusets.remove(subtrees)
        self.inside.delete_files()
        (self.directory / "state.json").unlink(missing_ok=True)

    def control(self, name: str, action: str) -> None:
        """Apply one of services.ACTIONS to one of services.GROUPS."""
        kinds = services.GROUPS[name]
        if action != "start":
            # Stop also a daemon that the present configuration does not want.
            for kind in reversed(kinds):
                service = kind(self.inside, self.suite)
                if service.pid() is not None:
                    end = service.kill if action == "kill" else service.stop
                    end()
                    self.progress(
                        f"{service.name} is {'killed' if action == 'kill' else 'stopped'}"
                    )
        if action in ("start", "restart"):
            members = services.members(self.inside, self.suite, kinds)
            with ThreadPoolExecutor() as pool:
                started = [pool.submit(service.start) for service in members]
            for service, future in zip(members, started):
                future.result()
                self.progress(f"{service.name} answers")
