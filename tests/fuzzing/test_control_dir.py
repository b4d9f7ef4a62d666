"""Control directory: any content of A-REX's, our or a user's files is read or ignored."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from fuzzing.fuzzed import fuzzed, in_memory
from fuzzing.inputs import as_bytes, glued, raw, settings_of, spoiled, wrong_json
from hypothesis import strategies as st

from arc_lrms_oar import identity
from arc_lrms_oar.arex import control_files, controldir
from arc_lrms_oar.arex.controldir import GridJob
from arc_lrms_oar.arex.diag import LIMIT, Diag, utc
from arc_lrms_oar.arex.job_listing import JobListing, failure_of
from arc_lrms_oar.errors import ControlDirError, JobError
from arc_lrms_oar.job.submit_journal import open_journal
from arc_lrms_oar.scan.job_cache import JobCache
from arc_lrms_oar.scan.job_index import JobIndex
from arc_lrms_oar.scan.state import ScanState

_KEYS = ("localid", "sessiondir", "jobname", "subject", "voms", "localvo", "tokenclaim.sub", "args")
_LOCAL = "globalid=1\nlocalid=17\nsessiondir=/grid/session/1\njobname=some name\nsubject=/CN=x\n"
_DIAG = "nodename=a\nProcessors=2\nWallTime=5s\nLRMSStartTime=20260101000000Z\nexitcode=0\n"
_DIAG_KEYS = ("nodename", "exitcode", "ExitCode", "WallTime", "UserTime", "LRMSMessage", "nosuch")
_HEAD = "2 5.0"
_MEMORY = '{"1": {"cycles": 2, "since": 1.5, "deleted": 3}, " turns": {"number": 5}}'
_RUNS = "17-17 19-20"
_ROWS = '{"job.1.status": [1, 2, 17, 0]}'
_MARK = '{"script": "job-0123456789ab.sh", "pid": 17, "tries": 2}'
locals_ = settings_of(_KEYS, ("17", "/grid/session/1", "/vo/Role=x"), "{}={}\n") | spoiled([_LOCAL])
diags = settings_of(_DIAG_KEYS, ("0", "5s", "1.5", "a"), "{}={}\n") | spoiled([_DIAG], 5)


@contextlib.contextmanager
def control_dir() -> Iterator[Path]:
    with in_memory() as place:
        (place / "processing").mkdir()
        yield place


@fuzzed(30, local=locals_, status=glued(("INLRMS", "PENDING:", "CANCELING", "\n", "SUBMIT"), 4))
def test_any_files_are_a_job_or_none(local: str, status: str) -> None:
    with control_dir() as place:
        (place / "processing" / "job.1.status").write_bytes(as_bytes(status))
        (place / "job.1.local").write_bytes(as_bytes(local))
        (place / "job.1.failed").write_bytes(as_bytes(local))
        index = JobIndex(JobCache(str(place)))
        found = index.refresh(0)
        for job in JobListing(str(place)).all_jobs():
            assert job.local_id is None or job.local_id > 0
            failure_of(job)
            identity.from_local(controldir.read_local_lines(job.file("local")))
            if job.state in (controldir.IN_LRMS, controldir.CANCELING):
                assert list(found) == ([] if job.local_id is None else [job.local_id])
            else:
                assert found == {}


@fuzzed(30, local=locals_, job_id=st.integers(1, 10**18 - 1))
def test_a_new_id_changes_nothing_else(local: str, job_id: int) -> None:
    with control_dir() as place:
        job = GridJob("1", "INLRMS", 6, str(place), 0.0)
        path = Path(job.file("local"))
        path.write_bytes(as_bytes(local))
        before = controldir.read_local_lines(str(path))
        control_files.set_local_id(job, job_id)
        after = controldir.read_local_lines(str(path))
    assert after.pop("localid") == [str(job_id)]
    before.pop("localid", None)
    assert after == before


@fuzzed(30, diag=diags, code=st.integers(0, 512))
def test_a_diag_is_read_as_it_was_written(diag: str, code: int) -> None:
    content = as_bytes(diag)
    read = Diag.parse(content)
    for name in read.values:
        assert (read.seconds(name) or 0.0) >= 0.0
    again = Diag.parse(read.format())
    assert (again.values, again.nodes) == (read.values, read.nodes)
    assert len(read.format()) <= 4 * LIMIT


@fuzzed(30, moment=st.integers(0, (1 << 40) - 1))
def test_every_time_of_oars_can_be_written(moment: int) -> None:
    assert utc(moment).endswith("Z")


@fuzzed(30, head=spoiled([_HEAD], 5) | raw, content=wrong_json([_MEMORY]) | raw)
def test_a_spoiled_memory_costs_time_alone(head: str, content: str) -> None:
    with control_dir() as place:
        (place / "arc_lrms_oar.scan").write_bytes(as_bytes(f"{head}\n{content}"))
        with ScanState.locked(str(place)) as state:
            assert state is not None
            state.count_missing("1", 10.0)
            state.deletion_due("1", 10.0, 60.0)
            state.first_time("1", "x")
            state.audit_due(10.0, 300.0)
            state.next_cycle_number()
            generation = state.generation = state.generation or 3
            state.keep_only(["1"])
        with ScanState.locked(str(place)) as state:
            assert state is not None
            assert state.generation == generation
            assert state.missing_jobs() == {"1"}


@fuzzed(30, runs=spoiled([_RUNS], 5) | raw, rows=wrong_json([_ROWS]) | raw)
def test_a_spoiled_list_of_jobs_costs_time_alone(runs: str, rows: str) -> None:
    with control_dir() as place:
        (place / "arc_lrms_oar.jobs").write_bytes(as_bytes(f"{runs}\n{rows}"))
        (place / "processing" / "job.1.status").write_text("INLRMS\n")
        (place / "job.1.local").write_text(_LOCAL)
        assert list(JobIndex(JobCache(str(place))).refresh(0)) == [17]
        last = JobCache(str(place))
        assert last.id_ranges == [(17, 17)]
        assert list(JobIndex(last).refresh(1)) == [17]


@fuzzed(30, content=wrong_json([_MARK]) | raw)
def test_any_mark_is_one_or_none(content: str) -> None:
    with in_memory() as place:
        folder = place / ".arc_oar"
        folder.mkdir()
        (folder / "submitting").write_bytes(as_bytes(content)[:4096])
        (folder / "kept").touch()
        try:
            journal = open_journal(str(place), 0.0, lambda _: None)
        except (JobError, ControlDirError):
            return
        assert Path(journal.script).parent == folder
        assert journal.earlier or not journal.pid
        journal.record(0)
        journal.discard()
        assert (folder / "kept").exists()
