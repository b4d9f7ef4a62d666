"""Attributes of xRSL that ARC accepts and that have no effect on OAR, each with the reason.

Source: ARC 6.17 and 7.0 `src/hed/acc/JobDescriptionParser/XRSLParser.cpp`, and the code of the
clients and of A-REX that uses them.
"""

from __future__ import annotations

_CLIENT = "only the client uses it, to choose a CE"
_STAGING = "only A-REX uses it, to stage files"
_KEPT = "ARC accepts it and does not use it"
_GLOBUS = "an attribute of Globus RSL, which ARC ignores"

# These have one value.
SINGLE = {
    "cache": _STAGING,
    "clientsoftware": _KEPT,
    "clientxrsl": _KEPT,
    "credentialserver": "only A-REX uses it, to renew credentials",
    "ftpthreads": _STAGING,
    "hostname": _KEPT,
    "jobid": _KEPT,
    "jobreport": "only A-REX uses it, for accounting",
    "lifetime": "only A-REX uses it: how long it keeps the session directory",
    "middleware": _CLIENT,
    "opsys": _CLIENT,
    "replicacollection": _KEPT,
    "savestate": _KEPT,
    "acl": "only A-REX uses it: who else may see the job",
}
# These have one value, and a job may have them only once.
ONCE = {
    "architecture": _CLIENT,
    "gmlog": "only A-REX uses it: where it puts its records of the job",
}
# These accept any values.
ANY = {
    "cluster": "ARC no longer supports it and ignores it",
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
EXECUTABLES = "only A-REX uses it: it makes these files executable"
NODE_ACCESS = _CLIENT
NOTIFY = "A-REX sends the mails itself"
RERUN = "only A-REX uses it: how often the job may be run again"
DRY_RUN = "A-REX checks such a job and runs nothing, so OAR gets no job at all"
BENCHMARK = "the time counts as CPU time, whatever the benchmark is"
REJECTED_QUEUE = "only the client uses it, to avoid this queue"
RELATION = "ARC treats every relation of this attribute as '='"
