"""GRAMi: any text gives a job or a GramiError, and what A-REX and we wrote is read back."""

from __future__ import annotations

from pathlib import Path

from fuzzing.fuzzed import fuzzed, in_memory
from fuzzing.inputs import as_bytes, glued, raw, settings_of, spoiled
from hypothesis import strategies as st
from support.ce import grami_text, shell_value

from arc_lrms_oar.errors import GramiError, JobError
from arc_lrms_oar.job import grami, ignored_attributes
from arc_lrms_oar.job.request import make_request
from arc_lrms_oar.settings import QueueSettings

_KEYS = (
    *("arg_0", "arg_1", "arg_code", "env_0", "count", "countpernode", "numnodes", "exclusivenode"),
    *("cputime", "walltime", "memory", "virtualmemory", "disk", "starttime", "priority", "jobname"),
    *("runtime_0", "runtime_0_1", "runtime_1", "nodeproperty_0", "inputfile_0", "outputfile_0"),
    *("queue", "gridid", "directory", "rsl_project", "jobid", "stdin", "oar_types"),
)
_WORDS = (
    *(f"\njoboption_{key}=" for key in _KEYS),
    *(
        "'/bin/true'\n",
        "'a\nb'",
        '"x y"',
        "'\\''",
        "\n",
        "#",
        "60\n",
        "20260101000000Z\n",
        "true\n",
    ),
    *("99999999999999Z\n", "00000000000000Z\n", "mem>=4096\n", "export "),
)
_WRITTEN = grami_text(
    Path("/grid/session/1"),
    Path("/grid/control"),
    "1",
    executable="run.sh",
    arguments=["it's", "two\nlines"],
    environment={"A": "b"},
    rtes=[("ENV/PROXY", "x y"), ("APPS/R",)],
    outputs=["/out"],
    walltime=60,
    starttime="20260101000000Z",
)
_VALUES = ("'x'", "60", "true", "'a=b'", "20260101000000Z", "mem>=1", "''", "a\\\n", '"$x"')
_PROGRAM = "joboption_arg_0='/bin/true'\njoboption_directory='/grid/session/1'\n"
gramis = (
    glued(_WORDS)
    | spoiled([_WRITTEN])
    | settings_of(_KEYS, _VALUES, "joboption_{}={}\n").map(lambda text: _PROGRAM + text)
)
names = st.from_regex("[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)


@fuzzed(text=gramis)
def test_any_text_is_a_job_or_an_error(text: str) -> None:
    try:
        values = grami.parse(text, "job.1.grami")
        job = grami.describe(values, "job.1.grami")
    except GramiError:
        return
    finally:
        grami.local_id({"joboption_jobid": text})
    ignored_attributes.ignored_by_oar(job, QueueSettings(), 0.0)
    ignored_attributes.ignored_keys(values)
    try:
        line = make_request(job, QueueSettings(), "/grid/session/1/.arc_oar/job.sh", 0.0).argv()
    except JobError:
        return
    assert not any("\0" in word for word in line)


@fuzzed(values=st.dictionaries(names, raw, max_size=8))
def test_what_a_rex_has_written_is_read_back(values: dict[str, str]) -> None:
    values = {name: value.replace("\0", "") for name, value in values.items()}
    text = "".join(f"{name}={shell_value(value)}\n" for name, value in values.items())
    assert grami.parse(text, "job.1.grami") == values


@fuzzed(text=gramis, job_id=st.integers(1, 10**18 - 1))
def test_an_id_that_we_have_added_is_found(text: str, job_id: int) -> None:
    content = as_bytes(text)
    with in_memory() as place:
        path = place / "job.1.grami"
        path.write_bytes(content)
        try:
            before = grami.read_values(str(path))
        except GramiError:
            return
        grami.append_local_id(str(path), job_id)
        after = grami.read_values(str(path))
        assert path.read_bytes().startswith(content)
    assert grami.local_id(after) == job_id
    before.pop("joboption_jobid", None)
    after.pop("joboption_jobid")
    assert after == before
