"""Each alert fires for the metrics that it is made for, and not shortly before; by promtool."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "monitoring/alerts.yml"
CE = 'instance="ce",job="node"'


class Case(NamedTuple):
    """Series by name and labels, one value per minute, and when the alert fires because of them.

    `series` is in promtool's notation; promtool's clock begins at 0. The alert fires at `minute`
    with the additional `labels` and the summary, after it did not in the `quiet` minute before.
    """

    series: dict[str, str]
    quiet: int
    minute: int
    summary: str
    labels: Mapping[str, str] = MappingProxyType({})


def one(name: str, values: str, labels: str = "") -> dict[str, str]:
    return {f"arc_oar_{name}{{{CE}{',' + labels if labels else ''}}}": values}


def verdicts(**counts: str) -> dict[str, str]:
    return {
        key: value
        for reason, values in counts.items()
        for key, value in one("verdicts_total", values, f'reason="{reason}"').items()
    }


def nodes(bad: int, bad_ended: int, failed: int, ended: int) -> dict[str, str]:
    """Jobs that failed and ended on one node, and on all nodes together."""
    return {
        **one("node_failed_jobs", f"{bad}x30", 'node="node7"'),
        **one("node_ended_jobs", f"{bad_ended}x30", 'node="node7"'),
        **one("recent_failed_jobs", f"{failed}x30"),
        **one("recent_ended_jobs", f"{ended}x30"),
    }


CASES: dict[str, Case] = {
    "ArcOarMetricsMissing": Case(
        one("up", "1x5 _x30"), 14, 22, "Prometheus has no metrics of any CE with OAR"
    ),
    "ArcOarTextfileStale": Case(
        {f'node_textfile_mtime_seconds{{{CE},file="/var/lib/x/arc_oar_site.prom"}}': "0x60"},
        34,
        36,
        "ce: /var/lib/x/arc_oar_site.prom is 36m 0s old",
        {"file": "/var/lib/x/arc_oar_site.prom"},
    ),
    "ArcOarScanStopped": Case(
        one("scan_last_timestamp_seconds", "0x30"), 10, 11, "ce: scan has not run for 11m 0s"
    ),
    "ArcOarScanFails": Case(
        one("scan_cycles_total", "0x10 1+1x20", 'result="failed"'),
        11,
        15,
        "ce: scan fails, and OAR is not the reason",
        {"result": "failed"},
    ),
    "ArcOarInfoStopped": Case(
        one("info_last_timestamp_seconds", "0x90"), 65, 66, "ce: nothing was published for 1h 6m 0s"
    ),
    "ArcOarUnavailable": Case(
        one("up", "1x5 0x30"), 20, 21, "ce: OAR has been unavailable for 15 minutes"
    ),
    "ArcOarServerDown": Case(
        one("server_up", "1x5 0x30"), 15, 16, "ce: OAR's server accepts no connections"
    ),
    "ArcOarSchedulerStalled": Case(
        one("scheduler_lag_seconds", "0+60x30"),
        20,
        21,
        "ce: OAR's scheduler has not looked at a job for 21m 0s",
    ),
    "ArcOarNothingStarts": Case(
        {
            **one("site_jobs", "7x100", 'state="waiting"'),
            **one("slots", "3x100", 'state="free"'),
            **one("last_activity_timestamp_seconds", "0x100"),
        },
        75,
        76,
        "ce: 7 jobs wait, slots are free, and no job has started for an hour",
        {"state": "waiting"},
    ),
    "ArcOarSlotsDown": Case(
        {
            **one("slots", "10x5 4x40", 'state="used"'),
            **one("slots", "0x5 6x40", 'state="down"'),
        },
        35,
        36,
        "ce: 60% of OAR's slots are down",
    ),
    "ArcOarJobsUnknown": Case(
        one("batch_jobs", "0x5 2x30", 'state="unknown"'),
        20,
        21,
        "ce: OAR does not know 2 of A-REX's jobs",
        {"state": "unknown"},
    ),
    "ArcOarJobsLostToNodes": Case(
        verdicts(node="0x10 1+1x30"),
        20,
        22,
        "ce: many jobs ended with the reason node",
        {"reason": "node"},
    ),
    "ArcOarBlackHoleNode": Case(
        nodes(48, 50, 50, 60),
        4,
        5,
        "ce: 48 jobs failed on node7 within an hour, almost all that ran there",
        {"node": "node7"},
    ),
    "ArcOarJobsFail": Case(
        verdicts(exit_code="0x10 1+1x60", success="5x70"),
        44,
        50,
        "ce: most of the jobs that ended in the last hour have failed",
    ),
    "ArcOarSubmissionsFail": Case(
        one("failed_submissions_total", "0x10 1+1x30", 'reason="unavailable"'),
        20,
        22,
        "ce: many submissions failed with the reason unavailable",
        {"reason": "unavailable"},
    ),
    "ArcOarEndNotReported": Case(
        one("oldest_unreported_end_seconds", "0+60x30"),
        20,
        21,
        "ce: a job that ended 21m 0s ago is not reported",
    ),
    "ArcOarReportsSlow": Case(
        {
            **one("end_to_end_delay_seconds_sum", "0+600x60"),
            **one("end_to_end_delay_seconds_count", "0+2x60"),
        },
        15,
        20,
        "ce: A-REX goes on with ended jobs after 5m 0s",
    ),
    "ArcOarAccountingLags": Case(
        {
            **one("last_report_timestamp_seconds", "0+60x300"),
            **one("accounting_last_end_timestamp_seconds", "0x300"),
        },
        180,
        181,
        "ce: A-REX's accounting is 3h 1m 0s behind",
    ),
    "ArcOarScanSlow": Case(
        {
            **one("scan_duration_seconds_sum", "0+45x60"),
            **one("scan_duration_seconds_count", "0+1x60"),
        },
        15,
        20,
        "ce: a scan cycle takes 45s",
    ),
    "ArcOarCommandsFail": Case(
        {
            **one("command_failures_total", "0+1x60", 'command="oarstat"'),
            **one("command_duration_seconds_count", "0+4x60", 'command="oarstat"'),
        },
        15,
        20,
        "ce: oarstat fails often",
        {"command": "oarstat"},
    ),
}

# What looks alike, and must fire nothing.
QUIET: dict[str, tuple[str, dict[str, str]]] = {
    "a user's broken jobs on all nodes": ("ArcOarBlackHoleNode", nodes(48, 50, 180, 200)),
    "few failed jobs": ("ArcOarBlackHoleNode", nodes(9, 9, 9, 60)),
    "no job at all": ("ArcOarBlackHoleNode", nodes(0, 0, 0, 0)),
    "busy site": (
        "ArcOarNothingStarts",
        {
            **one("site_jobs", "7x100", 'state="waiting"'),
            **one("slots", "0x100", 'state="free"'),
            **one("last_activity_timestamp_seconds", "0x100"),
        },
    ),
    "site without slots": ("ArcOarSlotsDown", one("slots", "0x100", 'state="down"')),
    "jobs that their users delete": ("ArcOarJobsFail", verdicts(deleted="0+5x100")),
    "accounting that is up to date": (
        "ArcOarAccountingLags",
        {
            **one("last_report_timestamp_seconds", "0+60x300"),
            **one("accounting_last_end_timestamp_seconds", "0+60x300"),
        },
    ),
}


def rules() -> dict[str, dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def run(promtool: Path, folder: Path, series: dict[str, str], tests: list[dict[str, Any]]) -> str:
    """What promtool prints of a failed test, "" if it passes."""
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    case = {"interval": "1m", "input_series": inputs, "alert_rule_test": tests}
    path = folder / "test.yml"
    path.write_text(
        json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [case]})
    )
    command = [str(promtool), "test", "rules", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def at(minute: int, name: str, *alerts: dict[str, Any]) -> dict[str, Any]:
    return {"eval_time": f"{minute}m", "alertname": name, "exp_alerts": list(alerts)}


def test_each_alert_has_a_case() -> None:
    assert set(CASES) == set(rules())


def test_rules_are_valid(promtool: Path) -> None:
    subprocess.run([promtool, "check", "rules", RULES], check=True, capture_output=True)


@pytest.mark.parametrize("name", CASES)
def test_fires(name: str, promtool: Path, tmp_path: Path) -> None:
    case, rule = CASES[name], rules()[name]
    labels = {**rule["labels"], **case.labels}
    if "absent(" not in rule["expr"]:
        labels |= {"instance": "ce", "job": "node"}
    annotations = {**rule["annotations"], "summary": case.summary}
    fired = {"exp_labels": labels, "exp_annotations": annotations}
    tests = [at(case.quiet, name), at(case.minute, name, fired)]
    assert run(promtool, tmp_path, case.series, tests) == ""


@pytest.mark.parametrize("kind", QUIET)
def test_does_not_fire(kind: str, promtool: Path, tmp_path: Path) -> None:
    name, series = QUIET[kind]
    tests = [at(minute, name) for minute in (30, 70, 99, 250)]
    assert run(promtool, tmp_path, series, tests) == ""


def test_each_alert_has_a_section_in_the_runbook() -> None:
    text = (ROOT / "docs/runbook.md").read_text()
    sections = re.findall(r"(?m)^## (.+)$", text)
    assert sections == list(rules())
    for name, rule in rules().items():
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{name.lower()}"
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    for section in text.split("\n## ")[1:]:
        assert len(section.split()) > 20, section
