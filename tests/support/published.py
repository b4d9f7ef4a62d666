"""What the information provider publishes for a stand-in OAR, checked against ARC's schema."""

from __future__ import annotations

import json
from typing import Any

from arc_lrms_oar.info.provider import lrms_info
from support.oar_site import Site

# Without these InfoChecker.pm refuses the result ("" in ARC 6.17 infoproviders/LRMSInfo.pm).
REQUIRED = {
    "cluster": {
        *("lrms_type", "lrms_version", "totalcpus", "queuedcpus", "usedcpus", "queuedjobs"),
        *("runningjobs", "cpudistribution"),
    },
    "queues": {"status", "maxrunning", "running", "queued", "totalcpus", "users", "nodes"},
    "jobs": {"status", "nodes", "comment"},
    "nodes": {"isavailable", "isfree"},
}
KNOWN = {
    "cluster": REQUIRED["cluster"] | {"lrms_glue_type", "schedpolicy"},
    "queues": REQUIRED["queues"]
    | {"maxqueuable", "maxuserrun", "maxcputime", "maxtotalcputime", "mincputime", "defaultcput"}
    | {"maxwalltime", "minwalltime", "defaultwallt", "suspended", "total", "preemption"}
    | {"acl_users", "freeslots", "Preemption", "MaxSlotsPerJob"},
    "jobs": REQUIRED["jobs"]
    | {"cpus", "rank", "mem", "walltime", "cputime", "reqwalltime", "reqcputime"},
    "nodes": REQUIRED["nodes"]
    | {"tags", "vmem", "pmem", "slots", "lcpus", "pcpus", "sysname", "release", "machine"},
}


def check_schema(info: dict[str, Any]) -> None:
    """Fail if InfoChecker.pm would report an error."""
    assert set(info) - {"schedpolicy"} == set(REQUIRED)
    json.dumps(info, allow_nan=False)
    for part, rows in info.items():
        if part == "schedpolicy":
            continue
        for row in [rows] if part == "cluster" else rows.values():
            assert REQUIRED[part] <= set(row) <= KNOWN[part]
            for name, value in row.items():
                if name in ("nodes", "comment", "tags", "acl_users"):
                    assert isinstance(value, list), name
                    assert all(isinstance(word, str) for word in value), name
                elif name == "users":
                    assert all(set(user) == {"freecpus", "queuelength"} for user in value.values())
                else:
                    assert isinstance(value, (str, int)), name


def published(site: Site, *jobs: object, **queues: list[str]) -> dict[str, Any]:
    """The result of info for these jobs, and for these queues with their users."""
    options = {
        "queues": {name: {"users": users} for name, users in queues.items()},
        "jobs": list(jobs),
    }
    info = lrms_info(site.settings(), site.client(), options)
    check_schema(info)
    return info
