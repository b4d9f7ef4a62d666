"""doctor's checks of what A-REX publishes."""

from __future__ import annotations

from typing import Any

import pytest
from support.oar_site import Site

from arc_lrms_oar.admin.check_published import check_published
from arc_lrms_oar.admin.check_resources import matching_resources
from arc_lrms_oar.admin.findings import OK, Finding
from arc_lrms_oar.arex.config import read_blocks


def findings(site: Site) -> dict[str, Finding]:
    client = site.client()
    rows = list(client.resources())
    matching = matching_resources(site.settings(), client)
    found = check_published(site.settings(), read_blocks(str(site.ce.conf)), rows, matching)
    return {one.check: one for one in found}


def test_one_queue(site: Site) -> None:
    found = findings(site)
    assert {name: one.level for name, one in found.items()} == {
        "published totals": OK,
        "published VOs": OK,
    }
    assert "DIRAC" in found["published VOs"].message


def test_queues_that_share_nodes(site: Site) -> None:
    """A-REX adds up the nodes of all queues unless the total is set."""
    site.configure("", **{"queue:admin": ""})
    total = findings(site)["published totals"]
    assert total.level == OK
    assert total.message.startswith("the queues admin, default share nodes, ")
    assert total.cure == ""
    assert total.message.endswith(
        "; with totalcpus = 8 in [infosys/cluster] it would count them once"
    )
    site.configure("", **{"queue:admin": "", "infosys/cluster": "totalcpus=8"})
    assert "totalcpus" not in findings(site)["published totals"].message


def test_queues_with_nodes_of_their_own(site: Site) -> None:
    site.configure(
        "",
        queue="[custom:oar/default]\nproperties=host='node2'",
        **{"queue:admin": "", "custom:oar/admin": "properties=host='node1'"},
    )
    assert "totalcpus" not in findings(site)["published totals"].message


def test_queues_with_different_conditions_on_the_same_nodes(site: Site) -> None:
    """One whose condition OAR refuses has no nodes."""
    site.configure(
        "",
        **{
            **{"queue:cpu": "", "custom:oar/cpu": "properties=host='node1'"},
            **{"queue:gpu": "", "custom:oar/gpu": "properties=card='1'"},
        },
    )
    message = findings(site)["published totals"].message
    assert message.startswith("the queues cpu, default share nodes, ")


@pytest.mark.parametrize("block", ["infosys/cluster", "queue:default"])
def test_advertised_vo(site: Site, block: str) -> None:
    options: dict[str, Any] = {"queue" if block == "queue:default" else block: "advertisedvo=atlas"}
    site.configure("", **options)
    assert findings(site)["published VOs"].message == "advertisedvo is set"
