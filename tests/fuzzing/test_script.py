"""The job script: bash parses it for any job, and arguments and environment stay unchanged."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from fuzzing.fuzzed import fuzzed, in_memory
from fuzzing.inputs import as_bytes, raw
from hypothesis import strategies as st

from arc_lrms_oar.errors import JobError
from arc_lrms_oar.job.description import JobDescription
from arc_lrms_oar.job.rte_scripts import RteScript
from arc_lrms_oar.job.script import NodePlan, build, write

_BASH = "/bin/bash"
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
words = raw.filter(lambda word: "\0" not in word)
names = (
    st.from_regex("[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True)
    | words
    | st.sampled_from(
        (
            "PATH",
            "IFS",
            "HOME",
            "UID",
            "PS4",
            "BASH_ENV",
            "SHELLOPTS",
            "LC_ALL",
            "arc_oar_path",
            "_",
        )
    )
)
pairs = st.lists(st.tuples(names, words), max_size=3)


@fuzzed(
    30,
    executable=words | st.sampled_from(("$A", "${B}/c", "run", "/bin/true", "$(id)", "$1")),
    arguments=st.lists(words, max_size=3),
    environment=pairs,
    files=st.lists(words, min_size=4, max_size=6),
    paths=st.lists(words | st.sampled_from(("$TMPDIR/x", "/scratch")), min_size=3, max_size=3),
    rte=words,
)
def test_bash_understands_the_script_of_any_job(
    executable: str,
    arguments: list[str],
    environment: list[tuple[str, str]],
    files: list[str],
    paths: list[str],
    rte: str,
) -> None:
    stdin, stdout, grid_id, session, *outputs = files
    time, nodename, scratch = paths
    job = JobDescription(
        executable=executable,
        arguments=tuple(arguments),
        environment=tuple((name, value) for name, value in environment),
        stdin=stdin,
        stdout=stdout,
        grid_id=grid_id,
        session_dir=session,
        output_files=tuple(outputs),
    )
    plan = NodePlan(
        gnu_time=time,
        nodename_command=nodename,
        scratch_dir=scratch,
        shared_scratch=session,
        move_tool=grid_id,
        benchmark=stdin,
    )
    try:
        text = build(job, [RteScript(rte, tuple(arguments), "true\n")], plan)
    except JobError:
        return
    done = subprocess.run(
        [_BASH, "-n"], input=as_bytes(text), capture_output=True, env=_ENVIRONMENT, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def _ran(session: Path, job: JobDescription) -> bytes:
    """Run a job as on a node, and return what its program printed."""
    path = session / ".arc_oar" / "job-1.sh"
    path.parent.mkdir()
    write(str(path), build(job, [], NodePlan(gnu_time="")))
    subprocess.run(
        [_BASH, str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_ENVIRONMENT,
        check=True,
    )
    return (session / "out").read_bytes()


@fuzzed(20, arguments=st.lists(words, min_size=1, max_size=20))
def test_arguments_come_out_as_they_went_in(arguments: list[str]) -> None:
    with in_memory() as session:
        job = JobDescription(
            executable="/usr/bin/printf",
            arguments=("%s\\0", *arguments),
            stdout="out",
            session_dir=str(session),
            grid_id="1",
        )
        printed = _ran(session, job)
    assert printed.split(b"\0")[:-1] == [as_bytes(word) for word in arguments]


@fuzzed(20, environment=st.dictionaries(names, words, min_size=1, max_size=8))
def test_the_environment_comes_out_as_it_went_in(environment: dict[str, str]) -> None:
    given = {name: value for name, value in environment.items() if _can_be_given(name)}
    with in_memory() as session:
        job = JobDescription(
            executable="/usr/bin/env",
            arguments=("-0",),
            environment=tuple(given.items()),
            stdout="out",
            session_dir=str(session),
            grid_id="1",
        )
        printed = _ran(session, job)
    found = dict(entry.partition(b"=")[::2] for entry in printed.split(b"\0") if entry)
    for name, value in given.items():
        assert found[os.fsencode(as_bytes(name))] == as_bytes(value)


def _can_be_given(name: str) -> bool:
    """Return whether a job can set the variable `name`.

    The job script itself sets some variables, and a name cannot contain `=`.
    """
    kept = ("HOME", "PWD", "OLDPWD", "SHLVL", "_")
    return bool(name) and "=" not in name and name not in kept and not re.match("RUNTIME_", name)
