"""The dashboard and the alert rules use what is written, and no panel is without a value.

The queries are evaluated by promtool, which has Prometheus' own engine.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dashboard as generator
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from arc_lrms_oar.info import site_metrics
from arc_lrms_oar.info.site_metrics import SiteNumbers
from arc_lrms_oar.scan import metrics_text
from arc_lrms_oar.scan.recent_ends import Ends, RecentEnds

PLACE = Path(__file__).parents[2] / "monitoring"
ADDED_BY_PROMETHEUS = {"instance", "job"}
METRIC = re.compile(r"((?:arc_oar|node)_[a-z_]+)(?:\{([^}]*)\})?")
# Of node_exporter itself.
OTHER = "node_textfile_mtime_seconds"
# What people need to understand other metrics; arc_oar_up says what they show.
FOR_PEOPLE = {"arc_oar_batch_jobs_timestamp_seconds", "arc_oar_last_asked_timestamp_seconds"}

_NOBODY = RecentEnds(Ends(0, 0), {})
_SLOTS = dict.fromkeys(["free", "used", "down", "closed"], 0)
IDLE = (
    metrics_text.Numbers({}, {}, {}, _NOBODY, 1.0, 1e9),
    SiteNumbers(_SLOTS, {}, {}, None, 0.0, 0.0, None, 1e9),
)
BUSY = (
    metrics_text.Numbers({}, {}, {}, RecentEnds(Ends(9, 9), {"node1": Ends(9, 9)}), 1.0, 1e9),
    SiteNumbers({**_SLOTS, "free": 4}, {"Alive": 4}, {"waiting": 2}, True, 1e9, 5.0, 1e9, 1e9),
)


def samples(numbers: tuple[metrics_text.Numbers, SiteNumbers]) -> Iterator[Sample]:
    text = metrics_text.text_of(numbers[0]) + site_metrics.text_of(numbers[1])
    for family in text_string_to_metric_families(text):
        yield from family.samples


def written() -> dict[str, dict[str, set[str]]]:
    """The names of the samples with their labels and the values of each label."""
    found: dict[str, dict[str, set[str]]] = {OTHER: {"file": set()}}
    for sample in samples(BUSY):
        labels = found.setdefault(sample.name, {})
        for key, value in sample.labels.items():
            labels.setdefault(key, set()).add(value)
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((PLACE / "grafana.json").read_text())["panels"]
    return found


def expressions() -> list[str]:
    (group,) = yaml.safe_load((PLACE / "alerts.yml").read_text())["groups"]
    queries = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [*queries, *(rule["expr"] for rule in group["rules"])]


@pytest.mark.parametrize("expression", expressions())
def test_expression_uses_only_metrics_that_are_written(expression: str) -> None:
    known = written()
    asked = METRIC.findall(expression)
    assert asked
    for name, labels in asked:
        assert name in known, name
        for key, values in re.findall(r'(\w+)[=!]~?"([^"]*)"', labels):
            if key not in ADDED_BY_PROMETHEUS and name != OTHER:
                assert set(values.split("|")) <= known[name][key], (name, key)
    for key in re.findall(r"by \((\w+)\)", expression):
        assert key in ADDED_BY_PROMETHEUS or any(key in known[name] for name, _ in asked)


def test_every_metric_is_on_the_dashboard_or_in_an_alert() -> None:
    asked = {name for text in expressions() for name, _ in METRIC.findall(text)}
    summed = {f"{name[: -len('_bucket')]}{end}" for name in asked for end in ("_sum", "_count")}
    assert set(written()) - asked - summed == FOR_PEOPLE


def test_file_is_what_the_generator_writes() -> None:
    assert generator.PATH.read_text() == generator.text()


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


@pytest.mark.parametrize(
    "numbers",
    [pytest.param(IDLE, id="idle"), pytest.param(BUSY, id="busy")],
)
def test_no_panel_is_empty_or_nan(
    numbers: tuple[metrics_text.Numbers, SiteNumbers], promtool: Path, tmp_path: Path
) -> None:
    growing = 1 if numbers is BUSY else 0
    inputs = []
    for sample in samples(numbers):
        labels = {**sample.labels, "instance": "ce", "job": "node"}
        inside = ",".join(f'{key}="{value}"' for key, value in labels.items())
        counted = sample.name.endswith(("_total", "_sum", "_count", "_bucket"))
        values = f"0+{growing}x90" if counted else f"{sample.value:.0f}x90"
        inputs.append({"series": f"{sample.name}{{{inside}}}", "values": values})
    checks: list[dict[str, Any]] = []
    for panel in panels():
        parts = [f"({target['expr']})" for target in panel["targets"]]
        expression = " or ".join(parts).replace("$instance", ".*")
        there = {"labels": "{}", "value": 1}
        for check, expected in (
            (f"group({expression})", [there]),
            (f"({expression}) != ({expression})", []),
        ):
            checks.append({"expr": check, "eval_time": "80m", "exp_samples": expected})
    case = {"interval": "1m", "input_series": inputs, "promql_expr_test": checks}
    path = tmp_path / "test.yml"
    path.write_text(json.dumps({"evaluation_interval": "1m", "tests": [case]}))
    command = [str(promtool), "test", "rules", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
