"""The index of the jobs in the LRMS: few files are opened, and a wrong cache does no harm."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from support.ce import Ce, JobFiles

from arc_lrms_oar.arex import controldir
from arc_lrms_oar.errors import ControlDirError
from arc_lrms_oar.scan import job_index as module
from arc_lrms_oar.scan.job_cache import JobCache
from arc_lrms_oar.scan.job_index import IndexedJob, JobIndex

CACHE = "arc_lrms_oar.jobs"


def look(ce: Ce, turn: int = 0) -> dict[int, IndexedJob]:
    return JobIndex(JobCache(str(ce.control))).refresh(turn)


def status(files: JobFiles, text: str, when: int) -> None:
    """Replace a status file as A-REX does."""
    aside = files.status.with_name("new")
    aside.write_text(text + "\n")
    os.utime(aside, (when, when))
    aside.replace(files.status)


def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the status files that are read from now on."""
    names: list[str] = []
    real = controldir.read_job

    def read_job(control_dir: str, name: str) -> object:
        names.append(name)
        return real(control_dir, name)

    monkeypatch.setattr(module, "read_job", read_job)
    return names


@pytest.fixture
def _one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is read again only because of the number of the cycle."""
    monkeypatch.setattr(module, "_REREAD_CYCLES", 1 << 62)


def test_jobs_of_both_states(any_ce: Ce) -> None:
    first, second = any_ce.in_lrms("a" * 12, 5), any_ce.in_lrms("b" * 12, 2**33, "CANCELING")
    any_ce.job("c" * 12)
    os.utime(first.status, (1000, 1000))
    os.utime(second.status, (2000, 2000))
    for _ in range(3):
        assert look(any_ce) == {
            5: IndexedJob(first.status.name, 1000.0, False),
            2**33: IndexedJob(second.status.name, 2000.0, True),
        }


@pytest.mark.usefixtures("_one_round")
def test_unchanged_files_are_not_read_again(any_ce: Ce, monkeypatch: pytest.MonkeyPatch) -> None:
    job = any_ce.in_lrms("a" * 12, 5)
    other = any_ce.job("b" * 12)
    names = opened(monkeypatch)
    first = look(any_ce)
    assert sorted(names) == sorted([job.status.name, other.status.name])
    names.clear()
    assert look(any_ce) == first
    assert names == []


@pytest.mark.usefixtures("_one_round")
def test_changed_status_is_seen_at_once(any_ce: Ce) -> None:
    files = any_ce.in_lrms("a" * 12, 5)
    status(files, "INLRMS", 1000)
    assert look(any_ce) == {5: IndexedJob(files.status.name, 1000.0, False)}
    status(files, "CANCELING", 1000)
    assert look(any_ce) == {5: IndexedJob(files.status.name, 1000.0, True)}
    status(files, "FINISHING", 2000)
    assert look(any_ce) == {}
    status(files, "INLRMS", 3000)
    assert list(look(any_ce)) == [5]


@pytest.mark.usefixtures("_one_round")
def test_status_file_that_is_written_in_place(any_ce: Ce) -> None:
    files = any_ce.in_lrms("a" * 12, 5)
    os.utime(files.status, (1000, 1000))
    assert list(look(any_ce)) == [5]
    files.status.write_text("FINISHING\n")
    os.utime(files.status, (1000, 1001))
    assert look(any_ce) == {}


@pytest.mark.usefixtures("_one_round")
def test_job_that_gets_its_id_later(any_ce: Ce) -> None:
    files = any_ce.in_lrms("a" * 12, "")
    status(files, "INLRMS", 1000)
    index = JobIndex(JobCache(str(any_ce.control)))
    assert index.refresh(0) == {}
    assert index.without_id == {"a" * 12: str(files.file("local"))}
    local = files.file("local")
    local.write_text(local.read_text() + "localid=5\n")
    assert list(look(any_ce)) == [5]


def test_cached_files_are_read_again_now_and_then(any_ce: Ce) -> None:
    files = any_ce.in_lrms("a" * 12, 5)
    look(any_ce)
    local = files.file("local")
    local.write_text(local.read_text() + "localid=6\n")
    cycles = next(n for n in range(1, 70) if list(look(any_ce, n)) == [6])
    assert cycles <= module._REREAD_CYCLES


def test_cached_files_are_not_all_read_again_in_the_same_cycle(
    ce: Ce, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        ce.in_lrms(f"{number:012}", number + 1)
    look(ce)
    names = opened(monkeypatch)
    counts = []
    for turn in range(module._REREAD_CYCLES):
        names.clear()
        look(ce, turn)
        counts.append(len(names))
    assert sum(counts) == 50
    assert max(counts) < 10


def test_finished_job_leaves_the_cache(any_ce: Ce) -> None:
    files = any_ce.in_lrms("a" * 12, 5)
    look(any_ce)
    files.status.unlink()
    assert look(any_ce) == {}
    assert (any_ce.control / CACHE).read_text() == "\n{}"


def test_id_that_two_jobs_have(any_ce: Ce) -> None:
    names = {any_ce.in_lrms(letter * 12, 5).status.name for letter in "ab"}
    index = JobIndex(JobCache(str(any_ce.control)))
    (sighting,) = index.refresh(0).values()
    assert {name for name, _, _ in index.shared[5]} == names
    assert index.shared[5][0] == sighting


def test_other_files_are_left_out(any_ce: Ce) -> None:
    processing = any_ce.control / "processing"
    (processing / "directory.status").mkdir()
    (processing / "job.link.status").symlink_to("/nowhere")
    os.mkfifo(processing / "something")
    files = any_ce.in_lrms("a" * 12, 1)
    assert [s.status_name for s in look(any_ce).values()] == [files.status.name]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"rows": {}, "cycle": 1}',
        b"5-5\n[]",
        b'5-5\n{"STATUS": [1]}',
        b'5-5\n{"STATUS": [1, 2, "5", 0]}',
        b'5-5\n{"STATUS": [1, 2, null, 0]}',
        b'5-5\n{"STATUS": 7}',
        b'5-5\n{"STATUS": [1, 2, 3, 4, 5]}',
        b"[" * 100_000,
        b"\xff" * 10,
    ],
)
def test_invalid_cache_is_ignored(any_ce: Ce, content: bytes) -> None:
    files = any_ce.in_lrms("a" * 12, 5)
    cache = any_ce.control / CACHE
    cache.write_bytes(content.replace(b"STATUS", files.status.name.encode()))
    assert list(look(any_ce)) == [5]
    assert list(look(any_ce)) == [5]


def test_cache_with_wrong_rows(any_ce: Ce) -> None:
    files = any_ce.in_lrms("a" * 12, 5)
    rows = {files.status.name: [1, 1, 99, 1], "job.none.status": [1, 1, 98, 0]}
    (any_ce.control / CACHE).write_text("98-99\n" + json.dumps(rows))
    assert list(look(any_ce)) == [5]


def test_cache_is_private_and_never_a_link(any_ce: Ce) -> None:
    any_ce.in_lrms("a" * 12, 5)
    target = any_ce.place / "target"
    (any_ce.control / f".{CACHE}.arc_oar").symlink_to(target)
    assert list(look(any_ce)) == [5]
    assert not target.exists()
    assert (any_ce.control / CACHE).stat().st_mode & 0o777 == 0o600


def before(ce: Ce) -> list[tuple[int, int]]:
    return JobCache(str(ce.control)).id_ranges


@pytest.mark.usefixtures("_one_round")
def test_ids_of_the_last_cycle_are_cached(any_ce: Ce) -> None:
    assert before(any_ce) == []
    for number in (5, 6, 2**33):
        any_ce.in_lrms(f"{number:012}", number)
    any_ce.in_lrms("a" * 12, "")
    look(any_ce)
    assert before(any_ce) == [(5, 6), (2**33, 2**33)]
    cache = any_ce.control / CACHE
    cache.write_text("\n" + cache.read_text().partition("\n")[2])
    look(any_ce)
    assert before(any_ce) == [(5, 6), (2**33, 2**33)]


@pytest.mark.parametrize(
    "line",
    [
        *("", "{}", "7", "7-", "-7", "7-8-9", "0-7", "-3-7", "8-7", "7-8 5-6", "7-8.0", "7-x"),
        *("[[7, 8]]", "7-8 9", "7 - 8", "-", "7-" + "9" * 5000, "[" * 100_000, "\udcff-8"),
    ],
)
def test_invalid_id_ranges_are_ignored(any_ce: Ce, line: str) -> None:
    (any_ce.control / CACHE).write_bytes(os.fsencode(line + "\n{}"))
    assert before(any_ce) == []


@pytest.mark.usefixtures("_one_round")
def test_cache_is_written_only_after_a_change(any_ce: Ce) -> None:
    any_ce.in_lrms("a" * 12, 5)
    look(any_ce)
    first = (any_ce.control / CACHE).stat().st_ino
    look(any_ce)
    assert (any_ce.control / CACHE).stat().st_ino == first
    any_ce.in_lrms("b" * 12, 6)
    look(any_ce)
    assert (any_ce.control / CACHE).stat().st_ino != first


@pytest.mark.parametrize("what", ["missing", "file"])
def test_error_for_another_directory(tmp_path: Path, what: str) -> None:
    if what == "file":
        (tmp_path / "processing").touch()
    with pytest.raises(ControlDirError) as caught:
        JobIndex(JobCache(str(tmp_path))).refresh(0)
    assert str(caught.value).startswith(
        f"{tmp_path}/processing: not the processing directory of a control directory: "
    )


def test_invalidated_job_is_read_again(any_ce: Ce) -> None:
    files = any_ce.in_lrms("a" * 12, 5)
    index = JobIndex(JobCache(str(any_ce.control)))
    index.refresh(0)
    local = files.file("local")
    local.write_text(local.read_text().replace("localid=5\n", "localid=6\n"))
    index.invalidate([files.status.name, "never heard of"])
    assert list(look(any_ce)) == [6]


def kept(ce: Ce) -> JobIndex:
    """An index that has been refreshed twice, as in a process that stays."""
    index = JobIndex(JobCache(str(ce.control)))
    index.refresh(0)
    index.refresh_quickly()
    return index


def test_changes_that_a_kept_index_notices(any_ce: Ce) -> None:
    names = [f"{number:012}" for number in range(1, 6)]
    jobs = {name: any_ce.in_lrms(name, int(name)) for name in names}
    early = any_ce.in_lrms("e" * 12, 77, "PREPARING")
    index = kept(any_ce)
    assert sorted(index.jobs) == [1, 2, 3, 4, 5]
    jobs[names[0]].status.unlink()
    status(jobs[names[1]], "CANCELING", 1000)
    status(jobs[names[2]], "FINISHING", 1000)
    status(early, "INLRMS", 1000)
    any_ce.in_lrms("f" * 12, 6)
    found = index.refresh_quickly()
    assert found == look(any_ce)
    assert sorted(found) == [2, 4, 5, 6, 77]
    assert [job_id for job_id, job in found.items() if job.canceling] == [2]
    assert index.new_jobs == 2
    assert index.refresh_quickly() == found
    assert index.new_jobs == 0


def test_kept_index_notices_a_job_whose_status_file_has_its_first_inode_again(any_ce: Ce) -> None:
    """PREPARING, SUBMIT, INLRMS: the inode of the first file is free when the third is made."""
    files = any_ce.in_lrms("a" * 12, 5, "PREPARING")
    index = kept(any_ce)
    assert index.jobs == {}
    files.status.write_text("INLRMS\n")
    any_ce.in_lrms("b" * 12, 6)
    assert sorted(index.refresh_quickly()) == [5, 6]


def test_kept_index_notices_a_job_that_gets_its_id_later(any_ce: Ce) -> None:
    files = any_ce.in_lrms("a" * 12, "")
    index = kept(any_ce)
    index.refresh_quickly()
    assert index.without_id == {"a" * 12: str(files.file("local"))}
    files.file("local").write_text("localid=5\n")
    assert list(index.refresh_quickly()) == [5]
    assert index.without_id == {}


def test_kept_index_lists_nothing_while_nothing_changes(
    any_ce: Ce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each new modification time of the directory is listed twice: its clock may be coarse."""
    any_ce.in_lrms("a" * 12, 5)
    os.utime(any_ce.control / "processing", (1000, 1000))
    index = JobIndex(JobCache(str(any_ce.control)))
    index.refresh(0)
    listed: list[str] = []
    scandir = os.scandir

    def counted(path: str) -> object:
        listed.append(path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", counted)
    for _ in range(5):
        assert list(index.refresh_quickly()) == [5]
    assert len(listed) == 2
    names = opened(monkeypatch)
    any_ce.in_lrms("b" * 12, 6)
    assert sorted(index.refresh_quickly()) == [5, 6]
    assert [name for name in names if "a" * 12 in name] == []


def test_kept_index_is_written_when_it_is_saved(any_ce: Ce) -> None:
    any_ce.in_lrms("a" * 12, 5)
    index = kept(any_ce)
    any_ce.in_lrms("b" * 12, 6)
    index.refresh_quickly()
    assert before(any_ce) == [(5, 5)]
    index.save()
    assert before(any_ce) == [(5, 6)]
    first = (any_ce.control / CACHE).stat().st_ino
    index.save()
    assert (any_ce.control / CACHE).stat().st_ino == first


def test_kept_index_of_a_job_with_another_id(any_ce: Ce) -> None:
    files = any_ce.in_lrms("a" * 12, 5)
    index = kept(any_ce)
    local = files.file("local")
    local.write_text(local.read_text().replace("localid=5\n", "localid=6\n"))
    index.invalidate([files.status.name])
    assert list(index.refresh_quickly()) == [6]


def test_kept_index_of_a_directory_that_is_gone(any_ce: Ce) -> None:
    index = kept(any_ce)
    (any_ce.control / "processing").rename(any_ce.control / "gone")
    with pytest.raises(ControlDirError):
        index.refresh_quickly()
