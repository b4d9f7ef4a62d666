"""Attributes of xRSL that ARC knows and that change nothing in OAR, each with the reason.

Source: ARC 6.17 and 7.0 `src/hed/acc/JobDescriptionParser/XRSLParser.cpp`; who uses each of them is
seen in the clients and in A-REX.
"""

from __future__ import annotations

_CLIENT = "the client chooses a CE by it, OAR is not told"
_STAGING = "A-REX's own, for the staging of files"
_KEPT = "ARC takes it and does nothing with it"
_GLOBUS = "an attribute of Globus RSL, which ARC ignores"

# These have one value.
SINGLE = {
    "cache": _STAGING,
    "clientsoftware": _KEPT,
    "clientxrsl": _KEPT,
    "credentialserver": "A-REX's own, for the renewal of credentials",
    "ftpthreads": _STAGING,
    "hostname": _KEPT,
    "jobid": _KEPT,
    "jobreport": "A-REX's own, for accounting",
    "lifetime": "A-REX's own: how long it keeps the session directory",
    "middleware": _CLIENT,
    "opsys": _CLIENT,
    "replicacollection": _KEPT,
    "savestate": _KEPT,
    "acl": "A-REX's own: who else may see the job",
}
# These have one value and may stand in a job only once.
ONCE = {
    "architecture": _CLIENT,
    "gmlog": "A-REX's own: where it puts its records of the job",
}
# Here any values will do.
ANY = {
    "cluster": "ARC supports it no longer and ignores it",
    "directory": _GLOBUS,
    "filecleanup": _GLOBUS,
    "filestagein": _GLOBUS,
    "filestageinshared": _GLOBUS,
    "filestageout": _GLOBUS,
    "gasscache": _GLOBUS,
    "grammyjob": _GLOBUS,
    "hostcount": _GLOBUS,
    "jobtype": _GLOBUS,
    "label": _GLOBUS,
    "librarypath": _GLOBUS,
    "maxcputime": _GLOBUS,
    "maxmemory": _GLOBUS,
    "maxtime": _GLOBUS,
    "maxwalltime": _GLOBUS,
    "minmemory": _GLOBUS,
    "project": _GLOBUS,
    "remoteiourl": _GLOBUS,
    "resourcemanagercontact": _GLOBUS,
    "scratchdir": _GLOBUS,
    "subjobcommstype": _GLOBUS,
    "subjobstarttype": _GLOBUS,
}
DELEGATION = _STAGING
EXECUTABLES = "A-REX's own: it makes these files executable"
NODE_ACCESS = _CLIENT
NOTIFY = "A-REX sends the mails itself"
RERUN = "A-REX's own: how often the job may be run again"
DRY_RUN = "A-REX checks such a job and runs nothing, so OAR gets no job at all"
BENCHMARK = "the time is taken as it stands for CPU time, whatever the benchmark"
REJECTED_QUEUE = "the client keeps away from this queue, OAR is not told"
RELATION = "ARC takes every relation of this attribute for '='"
