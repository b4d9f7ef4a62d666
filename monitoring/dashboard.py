"""The dashboard for Grafana. `python monitoring/dashboard.py` writes grafana.json beside it.

It is built with Grafana's own typed library, `grafana-foundation-sdk` (the extra `monitoring`).
Every query has a value also while nothing runs: a rate of nothing is 0, not NaN, and a number that
a CE does not have is -1, which is shown as "not known".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models

PATH = Path(__file__).with_name("grafana.json")

SELECTED = 'instance=~"$instance"'
# 0 of this CE's, for what has no value.
NOTHING = f"sum(arc_oar_up{{{SELECTED}}}) * 0"
FAILED = 'reason!~"success|deleted|preempted|checkpointed"'
UNKNOWN = 'state="unknown"'
_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")


class Query(NamedTuple):
    """A query in PromQL and the name of its series, in which Grafana replaces {{label}}."""

    expression: str
    legend: str


class Step(NamedTuple):
    """The colour from a value on; None for the lowest one."""

    value: float | None
    color: str


def series(name: str, labels: str = "") -> str:
    """A selector of the series of the selected CEs."""
    return f"arc_oar_{name}{{{SELECTED}{',' + labels if labels else ''}}}"


def by(label: str, name: str, labels: str = "") -> str:
    return f"sum by ({label}) ({series(name, labels)})"


def per_minute(name: str, labels: str = "") -> str:
    return f"60 * sum(rate({series(name, labels)}[5m]))"


def mean(name: str, label: str) -> str:
    """The mean of a summary over five minutes by a label, 0 where nothing was counted."""
    total, count = (
        f"sum by ({label}) (rate({series(name + end)}[5m]))" for end in ("_sum", "_count")
    )
    return f"{total} / ({count} > 0) or {by(label, name + '_count')} * 0"


def quantile(share: float, name: str) -> str:
    """A quantile of a histogram over an hour, 0 where nothing was counted."""
    buckets = f"sum by (le) (rate({series(name + '_bucket')}[1h]))"
    return f"histogram_quantile({share}, {buckets}) >= 0 or {NOTHING}"


class Tile(NamedTuple):
    """A number: its query, unit, colours, and texts in place of values."""

    title: str
    text: str
    query: Query
    steps: Sequence[Step]
    unit: str = "short"
    texts: tuple[tuple[str, str, str], ...] = ()
    name_only: bool = False


class Graph(NamedTuple):
    """A time series: its queries and unit, and whether they are stacked."""

    title: str
    text: str
    queries: Sequence[Query]
    unit: str = "short"
    stacked: bool = False


_GREEN_OR_RED = (Step(None, "red"), Step(1, "green"))
_YES_OR_NO = (("1", "yes", "green"), ("0", "no", "red"), ("-1", "not known", "text"))
_NO_COLOR = (Step(None, "text"),)

TILES = (
    Tile(
        "OAR answers",
        "Whether OAR answered scan's last query. Without jobs it is asked every five minutes.",
        Query(series("up"), "{{instance}}"),
        _GREEN_OR_RED,
        texts=_YES_OR_NO,
    ),
    Tile(
        "OAR's server runs",
        "Whether it accepts connections. Not known with remote_host.",
        Query(f"{series('server_up')} or {series('up')} * 0 - 1", "{{instance}}"),
        _GREEN_OR_RED,
        texts=_YES_OR_NO,
    ),
    Tile(
        "Scheduler is behind by",
        "How long a job has waited that OAR's scheduler has not looked at.",
        Query(series("scheduler_lag_seconds"), "{{instance}}"),
        (Step(None, "green"), Step(300, "yellow"), Step(900, "red")),
        "s",
        (("0", "not at all", "green"),),
    ),
    Tile(
        "Last successful scan",
        "Time since the last cycle began in which OAR answered all queries.",
        Query(f"time() - {series('scan_last_success_timestamp_seconds')}", "{{instance}}"),
        (Step(None, "green"), Step(120, "yellow"), Step(300, "red")),
        "s",
    ),
    Tile(
        "Oldest end not reported",
        "Time since the oldest end of a job in OAR that scan has not reported to A-REX.",
        Query(series("oldest_unreported_end_seconds"), "{{instance}}"),
        (Step(None, "green"), Step(60, "yellow"), Step(900, "red")),
        "s",
        (("0", "none", "green"),),
    ),
    Tile(
        "Accounting is behind by",
        "Time from the last reported job to the last one in A-REX's accounting database.",
        Query(
            f"clamp_min({series('last_report_timestamp_seconds')} - on (instance, job) "
            f"{series('accounting_last_end_timestamp_seconds')}, 0) or {series('up')} * 0 - 1",
            "{{instance}}",
        ),
        (Step(None, "green"), Step(1800, "yellow"), Step(3600, "red")),
        "s",
        (("0", "not at all", "green"), ("-1", "not known", "text")),
    ),
    Tile(
        "Jobs OAR does not know",
        "A-REX has them, OAR does not.",
        Query(f"sum({series('batch_jobs', UNKNOWN)})", "jobs"),
        (Step(None, "green"), Step(1, "red")),
    ),
    Tile(
        "Version",
        "Of arc_lrms_oar.",
        Query(series("build_info"), "{{version}}"),
        _NO_COLOR,
        name_only=True,
    ),
)

GRAPHS = (
    Graph(
        "Grid jobs by OAR's state",
        "As of the last time OAR was asked for all of them, at most five minutes ago.",
        [Query(by("state", "batch_jobs"), "{{state}}")],
        stacked=True,
    ),
    Graph(
        "Slots",
        "Slots are cores. Closed ones work and take no new jobs.",
        [Query(by("state", "slots"), "{{state}}")],
        stacked=True,
    ),
    Graph(
        "Jobs of all users of OAR",
        "Also those that do not come from the grid.",
        [Query(by("state", "site_jobs"), "{{state}}")],
        stacked=True,
    ),
    Graph(
        "Nodes by state",
        "As OAR has them.",
        [Query(by("state", "nodes"), "{{state}}")],
        stacked=True,
    ),
    Graph(
        "Jobs per minute",
        "Jobs that OAR got, jobs reported to A-REX, and submissions that failed.",
        [
            Query(per_minute("submissions_total"), "submitted"),
            Query(per_minute("verdicts_total"), "reported"),
            Query(per_minute("failed_submissions_total"), "not submitted"),
        ],
    ),
    Graph(
        "Ended jobs by reason, last hour",
        "How the jobs ended that were reported.",
        [Query(f"sum by (reason) (increase({series('verdicts_total')}[1h]))", "{{reason}}")],
        stacked=True,
    ),
    Graph(
        "Share of failed jobs by reason, last hour",
        "Without jobs that were deleted or made room for others.",
        [
            Query(
                f"sum by (reason) (increase({series('verdicts_total', FAILED)}[1h]))"
                f" / on () group_left () (sum(increase({series('verdicts_total')}[1h])) > 0)"
                f" or {by('reason', 'verdicts_total', FAILED)} * 0",
                "{{reason}}",
            )
        ],
        "percentunit",
        stacked=True,
    ),
    Graph(
        "Failed submissions by reason, last hour",
        "The jobs that OAR did not get.",
        [
            Query(
                f"sum by (reason) (increase({series('failed_submissions_total')}[1h]))",
                "{{reason}}",
            )
        ],
        stacked=True,
    ),
    Graph(
        "Time in OAR's queue, last hour",
        "From submission to start, of the jobs that ended.",
        [
            Query(quantile(0.5, "queue_time_seconds"), "half of the jobs"),
            Query(quantile(0.9, "queue_time_seconds"), "9 of 10 jobs"),
        ],
        "s",
    ),
    Graph(
        "Delay after the end in OAR, last hour",
        "Until scan has reported the job, and until A-REX has gone on with it; 9 of 10 jobs.",
        [
            Query(quantile(0.9, "report_delay_seconds"), "to the report"),
            Query(quantile(0.9, "end_to_end_delay_seconds"), "until A-REX goes on"),
        ],
        "s",
    ),
    Graph(
        "Grid jobs by A-REX's state",
        "The jobs that A-REX has in OAR.",
        [Query(by("state", "jobs"), "{{state}}")],
        stacked=True,
    ),
)

SCAN_GRAPHS = (
    Graph(
        "Duration of a scan cycle",
        "Mean of five minutes, and the last one.",
        [
            Query(mean("scan_duration_seconds", "instance"), "mean"),
            Query(series("scan_last_duration_seconds"), "last"),
        ],
        "s",
    ),
    Graph(
        "Duration of OAR's commands",
        "Mean of five minutes of the commands that scan runs.",
        [Query(mean("command_duration_seconds", "command"), "{{command}}")],
        "s",
    ),
    Graph(
        "Scan cycles per minute, by result",
        "",
        [
            Query(
                f"60 * sum by (result) (rate({series('scan_cycles_total')}[5m]))",
                "{{result}}",
            )
        ],
    ),
    Graph(
        "Failed OAR commands per minute",
        "",
        [
            Query(
                f"60 * sum by (command) (rate({series('command_failures_total')}[5m]))",
                "{{command}}",
            )
        ],
    ),
)

WORST_NODES = (
    Query(f"topk(10, {series('node_failed_jobs')})", "{{node}}"),
    Query(f"sum({series('recent_failed_jobs')})", "all nodes"),
)


def build() -> models.Dashboard:
    """The dashboard, from the tables above."""
    made = (
        dashboard.Dashboard("ARC jobs on OAR")
        .uid("arc-lrms-oar")
        .tags(["arc", "oar"])
        .timezone("browser")
        .refresh("1m")
        .time("now-6h", "now")
        .readonly()
        .with_variable(
            dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus")
        )
        .with_variable(
            dashboard.QueryVariable("instance")
            .label("CE")
            .datasource(_SOURCE)
            .query("label_values(arc_oar_up, instance)")
            .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .include_all(True)
            .multi(True)
            .current(models.VariableOption(text="All", value="$__all"))
        )
    )
    for number, panel in enumerate(_panels(), 1):
        made = made.with_panel(panel.id(number))
    return made.build()


def _panels() -> Iterator[stat.Panel | timeseries.Panel | bargauge.Panel]:
    for tile in TILES:
        yield _tile(tile)
    for graph in GRAPHS:
        yield _graph(graph)
    yield _worst_nodes()
    for graph in SCAN_GRAPHS:
        yield _graph(graph)


def _tile(tile: Tile) -> stat.Panel:
    texts = {
        value: models.ValueMappingResult(text=text, color=color, index=index)
        for index, (value, text, color) in enumerate(tile.texts)
    }
    panel = (
        stat.Panel()
        .title(tile.title)
        .description(tile.text)
        .datasource(_SOURCE)
        .grid_pos(models.GridPos(h=4, w=3))
        .unit(tile.unit)
        .thresholds(_thresholds(tile.steps))
        .mappings([models.ValueMap(options=texts)] if texts else [])
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(options.BigValueGraphMode.NONE)
        .with_target(_target(tile.query, "A"))
    )
    return panel.text_mode(options.BigValueTextMode.NAME) if tile.name_only else panel


def _graph(graph: Graph) -> timeseries.Panel:
    stacking = options.StackingMode.NORMAL if graph.stacked else options.StackingMode.NONE
    panel = (
        timeseries.Panel()
        .title(graph.title)
        .description(graph.text)
        .datasource(_SOURCE)
        .grid_pos(models.GridPos(h=8, w=12))
        .unit(graph.unit)
        .min(0)
        .fill_opacity(40 if graph.stacked else 10)
        .stacking(common.StackingConfig().mode(stacking))
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .placement(options.LegendPlacement.RIGHT)
            .display_mode(options.LegendDisplayMode.LIST)
        )
    )
    for letter, query in zip("ABC", graph.queries):
        panel = panel.with_target(_target(query, letter))
    return panel


def _worst_nodes() -> bargauge.Panel:
    panel = (
        bargauge.Panel()
        .title("Nodes where most jobs failed lately")
        .description(
            "In the last half hour to hour. A node that ends every job at once gets the next one."
        )
        .datasource(_SOURCE)
        .grid_pos(models.GridPos(h=8, w=12))
        .unit("short")
        .min(0)
        .thresholds(_thresholds((Step(None, "green"), Step(5, "yellow"), Step(11, "red"))))
        .orientation(options.VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )
    for letter, query in zip("AB", WORST_NODES):
        panel = panel.with_target(_target(query, letter).instant())
    return panel


def _target(query: Query, letter: str) -> prometheus.Dataquery:
    return (
        prometheus.Dataquery()
        .datasource(_SOURCE)
        .ref_id(letter)
        .expr(query.expression)
        .legend_format(query.legend)
    )


def _thresholds(steps: Sequence[Step]) -> dashboard.ThresholdsConfig:
    found = [models.Threshold(value=step.value, color=step.color) for step in steps]
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(found)


def text() -> str:
    """The content of grafana.json."""
    encoded: str = JSONEncoder(sort_keys=True, indent=2).encode(build())
    return f"{encoded}\n"


if __name__ == "__main__":
    PATH.write_text(text())
