"""The tables of `info`."""

from __future__ import annotations

from support.oar_site import Site
from support.published import published

from arc_lrms_oar.info.render import as_text


def test_tables_for_an_admin(site: Site) -> None:
    site.oar.set_nodes(
        [
            {"network_address": "a", "cores": 4},
            {"network_address": "b", "cores": 4, "state": "Dead"},
            {"network_address": "c", "cores": 1},
        ]
    )
    site.configure("memory_property=mem")
    site.oar.add_jobs(1, resources=[9])
    assert as_text(published(site, default=[], ghost=[])).splitlines() == [
        "OAR              2.5.9",
        "slots            5",
        "slots used       1",
        "slots requested  0",
        "jobs running     1",
        "jobs waiting     0",
        "scheduling       fairshare",
        "nodes by slots   1cpu:1 4cpu:1",
        "",
        "queue    state     running  waiting  suspended  slots  free  nodes",
        "default  active    1        0        0          5      4     3",
        "ghost    inactive  0        0        0          0      0     0",
        "",
        "nodes  state        slots  memory",
        "1      busy         1      4096 MB",
        "1      free         4      4096 MB",
        "1      unavailable  4      4096 MB",
    ]
