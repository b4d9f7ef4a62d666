"""The sample dashboard and alert rules use only metrics and labels that scan writes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from arc_lrms_oar.info import site_metrics
from arc_lrms_oar.info.site_metrics import SiteNumbers
from arc_lrms_oar.scan import metrics_text
from arc_lrms_oar.scan.recent_ends import Ends, RecentEnds

PLACE = Path(__file__).parent.parent / "monitoring"
ADDED_BY_PROMETHEUS = {"instance", "job"}
METRIC = re.compile(r"(arc_oar_[a-z_]+)(?:\{([^}]*)\})?")


def written() -> dict[str, dict[str, set[str]]]:
    """The names of the samples with their labels and the values of each label."""
    found: dict[str, dict[str, set[str]]] = {}
    recent = RecentEnds(Ends(1, 1), {"node1": Ends(1, 1)})
    text = metrics_text.text_of(metrics_text.Numbers({}, {}, {}, recent, 1.0, 1e9))
    slots = dict.fromkeys(["free", "used", "down", "closed"], 0)
    text += site_metrics.text_of(SiteNumbers(slots, {}, {}, True, 1.0, 0.0, 1.0, 1e9))
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = found.setdefault(sample.name, {})
            for key, value in sample.labels.items():
                labels.setdefault(key, set()).add(value)
    return found


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PLACE / "grafana.json").read_text())
    return found


def expressions() -> Iterator[str]:
    for panel in dashboard()["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    text = (PLACE / "alerts.yml").read_text()
    yield from re.findall(r"expr: (?:>-)?((?:.|\n)*?)\n +(?:for|labels):", text)


@pytest.mark.parametrize("expression", list(expressions()))
def test_expression_uses_only_metrics_that_scan_writes(expression: str) -> None:
    known = written()
    asked = METRIC.findall(expression)
    assert asked
    for name, labels in asked:
        assert name in known, name
        for key, values in re.findall(r'(\w+)=~?"([^"]*)"', labels):
            if key not in ADDED_BY_PROMETHEUS:
                assert set(values.split("|")) <= known[name][key], (name, key)
    for key in re.findall(r"by \((\w+)\)", expression):
        assert any(key in known[name] for name, _ in asked)


def test_every_metric_is_on_the_dashboard_or_in_an_alert() -> None:
    asked = {name for text in expressions() for name, _ in METRIC.findall(text)}
    assert set(written()) - asked == {"arc_oar_batch_jobs_timestamp_seconds"}


def test_every_alert_has_a_summary_and_a_description() -> None:
    alerts = (PLACE / "alerts.yml").read_text().split("- alert: ")[1:]
    assert len(alerts) == len(set(alerts)) >= 5
    for alert in alerts:
        for word in ("expr:", "severity:", "summary:", "description:"):
            assert word in alert


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
