"""Info: any output of OAR about resources, jobs and queues gives a document or OarUnavailable."""

from __future__ import annotations

import json

from fuzzing.fuzzed import fuzzed
from fuzzing.inputs import spoiled, wrong_json
from fuzzing.recordings import NOISE, Says, documents
from hypothesis import strategies as st
from oar.recorded import calls

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.info.provider import lrms_info
from arc_lrms_oar.info.render import as_text
from arc_lrms_oar.oar.client import OarClient
from arc_lrms_oar.settings import QueueSettings, Settings

_RESOURCES = {dialect: documents("oarnodes", "-J", dialect=dialect) for dialect in "23"}
_JOBS = {
    dialect: [
        text
        for text in documents("oarstat", "-J", dialect=dialect)
        if '"state"' in text or '"Job_Id"' in text
    ]
    for dialect in "23"
}
_ASSIGNED = documents("oarstat", "-p", "-J")
_QUEUES = sorted({asked.stdout for asked in calls() if "queue" in asked.step or "-l" in asked.step})
_COMMON = QueueSettings(memory_property="mem", default_walltime=60)
_SETTINGS = Settings(
    common=_COMMON, queues={"default": _COMMON, "grid": QueueSettings(memory_property="host")}
)


def _document(dialect: str, resources: str, jobs: str, assigned: str, queues: str) -> None:
    version = {"2": "OAR version : 2.5.9\n", "3": "OAR version : 3.0.2\n"}[dialect]
    transport = Says(
        0, jobs, V=version, oarnodes=resources, p=assigned, oarnotify=queues, oarqueue=queues
    )
    options = {"queues": {"default": {"users": ["u"]}, "grid": {}}, "jobs": ["1", "17", "x"]}
    try:
        info = lrms_info(_SETTINGS, OarClient(transport, dialect), options)
    except OarUnavailable:
        return
    json.dumps(info)
    as_text(info).encode()
    assert set(info["queues"]) == {"default", "grid"}
    assert set(info["jobs"]) == {"1", "17"}
    assert all(row["freeslots"] >= 0 for row in info["queues"].values())


@fuzzed(
    resources=wrong_json(_RESOURCES["2"], NOISE),
    jobs=wrong_json(_JOBS["2"], NOISE),
    queues=spoiled(_QUEUES, 1),
)
def test_what_oar_2_has_to_give(resources: str, jobs: str, queues: str) -> None:
    _document("2", resources, jobs, "", queues)


@fuzzed(
    resources=wrong_json(_RESOURCES["3"], NOISE),
    jobs=wrong_json(_JOBS["3"], NOISE),
    assigned=wrong_json(_ASSIGNED) if _ASSIGNED else st.just("{}"),
    queues=spoiled(_QUEUES, 1),
)
def test_what_oar_3_has_to_give(resources: str, jobs: str, assigned: str, queues: str) -> None:
    _document("3", resources, jobs, assigned, queues)
