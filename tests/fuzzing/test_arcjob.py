"""ARC's job object, imitated without ARC: any values in it give a job description."""

from __future__ import annotations

from typing import Any

from fuzzing.fuzzed import fuzzed
from fuzzing.inputs import raw
from hypothesis import strategies as st
from job.readers import arc_object

from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job import arcjob
from arc_lrms_oar.job.ignored_attributes import ignored_by_oar
from arc_lrms_oar.job.request import make_request
from arc_lrms_oar.settings import QueueSettings

# Times and sizes in ARC's object are of the C++ types int and int64_t, and texts are finite.
_INT = st.integers(-(1 << 31), (1 << 31) - 1)
_INT64 = st.integers(-(1 << 63), (1 << 63) - 1)
_WORDS = st.lists(raw, max_size=3)
_ANSWER = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("executable", "name", "stdin", "stdout", "stderr", "queue"), raw),
        **dict.fromkeys(("arguments", "input_files", "output_files"), _WORDS),
        **dict.fromkeys(("count", "count_per_node", "priority", "code"), _INT),
        **dict.fromkeys(("cpu_time", "wall_time", "individual_wall_time", "memory"), _INT),
        **dict.fromkeys(("virtual_memory", "disk", "start_time"), _INT64),
        "exclusive": st.sampled_from(("yes", "no", "")),
        "environment": st.lists(st.tuples(raw, raw), max_size=3),
        "runtime_environments": st.lists(st.tuples(st.just("="), raw, _WORDS), max_size=3),
    },
)


@fuzzed(answer=_ANSWER)
def test_any_object_is_a_description(answer: dict[str, Any]) -> None:
    job = arcjob.from_arc(arc_object(answer, directory="/grid/session/1", gridid="1"))
    assert job.count >= 1
    assert job.session_dir == "/grid/session/1"
    ignored_by_oar(job, QueueSettings(), 0.0)
    try:
        make_request(job, QueueSettings(), "/grid/session/1/.arc_oar/job.sh", 0.0).argv()
    except JobError:
        return
