"""The metrics file, read by Prometheus' own parser."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from support.ce import GRID_ID
from support.oar_site import Site
from support.scan_jobs import OTHER, Hours, ended, noted, said

from arc_lrms_oar.errors import OarUnavailable
from arc_lrms_oar.log import Log
from arc_lrms_oar.oar.outcome import Cause
from arc_lrms_oar.oar.states import State
from arc_lrms_oar.scan.metrics_text import Numbers, text_of
from arc_lrms_oar.scan.recent_ends import Ends, RecentEnds
from arc_lrms_oar.scan.watch import Watch

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def file(site: Site) -> Path:
    """The site's metrics file."""
    path = site.ce.place / "oar.prom"
    site.configure(f"metrics_file={path}")
    return path


def samples(file: Path) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(file.read_text()):
        assert family.documentation
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, key
            found[key] = sample.value
    return found


def value(file: Path, name: str, **labels: str) -> float:
    return samples(file)[(f"arc_oar_{name}", frozenset(labels.items()))]


def test_names_follow_the_conventions(site: Site, file: Path) -> None:
    site.scan()
    families = list(text_string_to_metric_families(file.read_text()))
    assert families
    for family in families:
        assert family.name.startswith("arc_oar_")
        assert family.name == family.name.lower()
        ends = {sample.name[len(family.name) :] for sample in family.samples}
        expected = {
            "counter": {"_total"},
            "gauge": {""},
            "summary": {"_sum", "_count"},
            "histogram": {"_bucket", "_sum", "_count"},
        }
        assert ends <= expected[family.type], family.name
        if any(word in family.name for word in ("duration", "timestamp", "delay", "time")):
            assert family.name.endswith("_seconds")


def test_all_series_are_there_from_the_first_cycle(site: Site, file: Path) -> None:
    site.scan()
    found = samples(file)
    reasons = {dict(labels)["reason"] for name, labels in found if "verdicts" in name}
    assert reasons == {cause.label for cause in Cause}
    states = {dict(labels)["state"] for name, labels in found if name == "arc_oar_batch_jobs"}
    assert states == {*(state.word for state in State), "unknown"}


def test_up_is_what_oar_answered_last(site: Site, hours: Hours, file: Path) -> None:
    site.scan()
    asked = site.argvs("oarstat")
    assert asked[-1] == ["oarstat", "-s", "-J", "-j", "1"]
    assert value(file, "up") == 1
    site.oar.set("db_down")
    hours.ahead += 290
    site.scan()
    assert site.argvs("oarstat") == asked
    assert value(file, "up") == 1
    hours.ahead += 20
    with pytest.raises(OarUnavailable):
        site.scan()
    assert value(file, "up") == 0
    hours.ahead += 10
    site.scan()
    assert value(file, "up") == 0
    site.oar.clear("db_down")
    hours.ahead += 310
    site.scan()
    assert value(file, "up") == 1


def test_time_in_the_queue_and_delay_of_the_report(site: Site, hours: Hours, file: Path) -> None:
    now = int(time.time())
    hours.stop(now)
    ended(site, submission_time=now - 500, start_time=now - 300, stop_time=now - 8)
    site.scan()
    for name, seconds, bounds in (
        ("queue_time_seconds", 200, {"60": 0, "300": 1, "+Inf": 1}),
        ("report_delay_seconds", 8, {"5": 0, "10": 1, "+Inf": 1}),
    ):
        assert value(file, f"{name}_sum") == pytest.approx(seconds, abs=1)
        assert value(file, f"{name}_count") == 1
        for bound, number in bounds.items():
            assert value(file, f"{name}_bucket", le=bound) == number
    assert value(file, "last_report_timestamp_seconds") == pytest.approx(now, abs=1)


def test_delay_until_arex_goes_on(site: Site, hours: Hours, file: Path) -> None:
    now = int(time.time())
    hours.stop(now)
    files = ended(site, start_time=now - 300, stop_time=now - 8)
    for _ in range(2):
        site.scan()
    assert value(file, "end_to_end_delay_seconds_count") == 0
    files.status.write_text("FINISHING\n")
    hours.ahead += 4
    for _ in range(2):
        site.scan()
    assert value(file, "end_to_end_delay_seconds_count") == 1
    assert value(file, "end_to_end_delay_seconds_sum") == pytest.approx(12, abs=1)


def test_age_of_the_oldest_end_that_cannot_be_reported(
    site: Site, hours: Hours, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = int(time.time())
    hours.stop(now)
    ended(site, start_time=now - 300, stop_time=now - 100)
    ended(site, OTHER, start_time=now - 300, stop_time=now - 60)
    with monkeypatch.context() as patched:

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        patched.setattr("arc_lrms_oar.scan.report.JobReport.write", full)
        site.scan()
    assert value(file, "oldest_unreported_end_seconds") == pytest.approx(100, abs=1)
    site.oar.set("db_down")
    hours.ahead += 50
    with pytest.raises(OarUnavailable):
        site.scan()
    assert value(file, "oldest_unreported_end_seconds") == pytest.approx(150, abs=1)
    site.oar.clear("db_down")
    assert sorted(site.scan()) == sorted([GRID_ID, OTHER])
    assert value(file, "oldest_unreported_end_seconds") == 0


def test_nodes_on_which_jobs_failed_lately(site: Site, hours: Hours, file: Path) -> None:
    hours.stop(1e9)
    for number, (code, resources) in enumerate([(0, [1]), (1, [1, 2]), (1, [1]), (0, [3])]):
        ended(site, f"{number}" * 12, code, resources=resources, start_time=1e9 - 9)
    site.scan()
    assert (value(file, "recent_ended_jobs"), value(file, "recent_failed_jobs")) == (4, 2)
    assert value(file, "node_ended_jobs", node="127.0.0.1") == 3
    assert value(file, "node_failed_jobs", node="127.0.0.1") == 2
    nodes = [dict(labels) for name, labels in samples(file) if name == "arc_oar_node_ended_jobs"]
    assert nodes == [{"node": "127.0.0.1"}]
    hours.ahead += 3600
    site.scan()
    assert (value(file, "recent_ended_jobs"), value(file, "recent_failed_jobs")) == (0, 0)
    assert "127.0.0.1" not in file.read_text()
    assert b"127.0.0.1" not in (site.ce.control / "arc_lrms_oar.scan").read_bytes()


def test_jobs_by_state(site: Site, file: Path) -> None:
    site.running()
    site.running(OTHER, "CANCELING")
    site.ce.in_lrms("x" * 12, 4711)
    site.scan()
    assert value(file, "jobs", state="INLRMS") == 2
    assert value(file, "jobs", state="CANCELING") == 1


def test_jobs_by_oars_state_as_of_the_last_audit(site: Site, hours: Hours, file: Path) -> None:
    site.running()
    site.running(OTHER, state="Waiting")
    site.ce.in_lrms("x" * 12, 4711)
    site.scan()
    hours.ahead += 310
    site.scan()
    asked = value(file, "batch_jobs_timestamp_seconds")
    for state, number in {"Running": 1, "Waiting": 1, "unknown": 1, "Error": 0}.items():
        assert value(file, "batch_jobs", state=state) == number
    hours.ahead += 10
    site.scan()
    assert value(file, "batch_jobs_timestamp_seconds") == asked
    assert value(file, "batch_jobs", state="Running") == 1


def test_counters_live_on_from_cycle_to_cycle(site: Site, hours: Hours, file: Path) -> None:
    site.scan()
    assert value(file, "submissions_total") == 0
    first = ended(site)
    site.scan()
    first.status.write_text("FINISHING\n")
    second = ended(site, OTHER, 3)
    site.running("x" * 12)
    site.scan()
    second.status.write_text("FINISHING\n")
    for _ in range(2):
        site.scan()
    assert value(file, "submissions_total") == 3
    assert value(file, "verdicts_total", reason="success") == 1
    assert value(file, "verdicts_total", reason="exit_code") == 1
    assert value(file, "verdicts_total", reason="walltime") == 0
    assert value(file, "scan_cycles_total", result="ok") == 5


def test_jobs_of_the_first_cycle_are_no_submissions(site: Site, file: Path) -> None:
    site.running()
    site.scan()
    assert value(file, "submissions_total") == 0


def test_resubmitted_job_is_no_submission(site: Site, file: Path) -> None:
    site.scan()
    site.running()
    site.scan()
    site.oar.resubmit(1, 1)
    for _ in range(2):
        site.scan()
    assert value(file, "submissions_total") == 1


def test_commands_and_their_failures(site: Site, hours: Hours, file: Path) -> None:
    site.running()
    site.scan()
    calls = len(site.argvs("oarstat"))
    assert value(file, "command_duration_seconds_count", command="oarstat") == calls
    seconds = value(file, "command_duration_seconds_sum", command="oarstat")
    assert seconds > 0
    assert value(file, "command_failures_total", command="oarstat") == 0
    assert value(file, "up") == 1
    success = value(file, "scan_last_success_timestamp_seconds")
    site.oar.set("db_down")
    hours.ahead += 10
    with pytest.raises(OarUnavailable):
        site.scan()
    assert value(file, "command_failures_total", command="oarstat") == 1
    assert value(file, "command_duration_seconds_sum", command="oarstat") > seconds
    assert value(file, "up") == 0
    assert value(file, "scan_cycles_total", result="oar_unavailable") == 1
    assert value(file, "scan_last_success_timestamp_seconds") == success
    assert value(file, "scan_last_timestamp_seconds") >= success + 10
    assert value(file, "scan_duration_seconds_count") == 2


def test_file_is_replaced_and_readable_for_everybody(site: Site, file: Path) -> None:
    os.umask(0o077)
    site.scan()
    before = file.stat()
    assert before.st_mode & 0o777 == 0o644
    site.scan()
    assert file.stat().st_ino != before.st_ino
    assert sorted(path.name for path in file.parent.glob("oar.prom*")) == ["oar.prom"]


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/etc/passwd")])
@pytest.mark.parametrize("name", ["oar.prom", ".oar.prom.arc_oar"])
def test_other_file_in_the_place_of_the_metrics_file_is_replaced_and_never_opened(
    site: Site, file: Path, name: str, make: Callable[[Path], None]
) -> None:
    make(file.with_name(name))
    before = Path("/etc/passwd").read_bytes()
    site.scan()
    assert value(file, "up") == 1
    assert not file.is_symlink()
    assert Path("/etc/passwd").read_bytes() == before


def unwritable_files() -> dict[str, Any]:
    return {
        "no such directory": lambda file: file.with_name("none") / "x.prom",
        "a directory": lambda file: (file.mkdir(), file)[1],
        "a directory aside": lambda file: (file.with_name(".oar.prom.arc_oar").mkdir(), file)[1],
    }


@pytest.mark.parametrize("kind", unwritable_files())
def test_unwritable_file_delays_no_job(
    site: Site, file: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    path = unwritable_files()[kind](file)
    site.configure(f"metrics_file={path}")
    files = ended(site)
    assert site.scan() == [GRID_ID]
    assert files.done() == "0 Job finished with exit code 0\n"
    site.scan()
    lines = [line for line in said(capsys) if "metrics" in line]
    assert len(lines) == 1
    assert lines[0].startswith(f"[WARNING] the metrics cannot be written to {path}: ")


def test_full_disk_delays_no_job_and_keeps_the_old_file(
    site: Site, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.scan()
    before = file.read_bytes()

    def full(*_: object, **_modes: int) -> None:
        raise OSError(28, "No space left on device")

    ended(site)
    with monkeypatch.context() as patched:
        patched.setattr("arc_lrms_oar.scan.metrics.atomic_write", full)
        assert site.scan() == [GRID_ID]
    assert file.read_bytes() == before
    site.scan()
    assert value(file, "verdicts_total", reason="success") == 1


def test_nothing_is_counted_without_the_option(site: Site) -> None:
    ended(site)
    site.scan()
    assert b"verdict" not in (site.ce.control / "arc_lrms_oar.scan").read_bytes()
    assert list(site.ce.place.glob("*.prom*")) == []


def test_unknown_states_are_escaped_labels(tmp_path: Path) -> None:
    odd = 'a"b\\c\nd'
    recent = RecentEnds(Ends(0, 0), {})
    numbers = Numbers({}, {}, {odd: 3, "asked": 5}, recent, 0.25, 1e9)
    (tmp_path / "x").write_text(text_of(numbers))
    assert value(tmp_path / "x", "batch_jobs", state=odd) == 3
    assert value(tmp_path / "x", "scan_last_duration_seconds") == 0.25


def test_cycles_of_one_process(site: Site, file: Path) -> None:
    """Each cycle of a scan that stays counts once, and the next process goes on counting."""
    seen: list[float] = []

    class Waits:
        """A clock that only waiting advances; scan waits four times."""

        time = 0.0

        def now(self) -> float:
            return self.time

        def sleep(self, seconds: float) -> bool:
            self.time += 10
            seen.append(value(file, "scan_cycles_total", result="ok"))
            if len(seen) == 1:
                noted(site.running())
            if len(seen) == 2:
                site.oar.update(1, state="Terminated", exit_code=0, stop_time=int(time.time()))
            return len(seen) % 4 > 0

    def stay() -> None:
        settings, log = site.settings(), Log("Scan", "FATAL")
        transport = site.client().transport
        Watch(settings, transport, [str(site.ce.control)], log, Waits()).run()

    stay()
    assert seen == [1, 2, 3, 4]
    assert value(file, "submissions_total") == 1
    assert value(file, "verdicts_total", reason="success") == 1
    assert value(file, "report_delay_seconds_count") == 1
    asked = len(site.argvs("oarstat"))
    assert value(file, "command_duration_seconds_count", command="oarstat") == asked
    stay()
    assert seen == [1, 2, 3, 4, 5, 6, 7, 8]
    assert value(file, "verdicts_total", reason="success") == 1
    assert value(file, "up") == 1
