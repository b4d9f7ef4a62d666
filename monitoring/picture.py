"""Draw the dashboard from a running Prometheus: `picture.py URL MINUTES >picture.svg`.

The picture is for the documentation. It has the panels, queries, units, texts, colours and places
of grafana.json, but it is not drawn by Grafana, which Debian does not have. Only what this
dashboard uses is drawn: numbers, time series (stacked or not) and bars.
"""

from __future__ import annotations

import json
import math
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Any, NamedTuple

from dashboard import PATH

COLUMN, ROW, GAP = 60, 30, 6
# A legend shows so many series; those that are always 0 are not drawn.
MOST_SERIES = 9
POINTS = 120
PALETTE = (
    *("#73BF69", "#F2CC0C", "#5794F2", "#FF9830", "#F2495C", "#B877D9", "#8AB8FF", "#FFA6B0"),
    "#96D98D",
)
COLORS = {"green": "#73BF69", "yellow": "#F2CC0C", "red": "#F2495C", "text": "#CCCCDC"}
BACKGROUND, CARD, TEXT, FAINT = "#111217", "#181B1F", "#CCCCDC", "#3A3D44"

Panel = dict[str, Any]


class Series(NamedTuple):
    """A series by its name; the values are at equal distances, NaN where there is none."""

    name: str
    values: list[float]


class Prometheus:
    """Answers queries for the last `minutes`."""

    def __init__(self, url: str, minutes: float) -> None:
        self._url = url
        self._end = math.floor(time.time())
        self._step = minutes * 60 / POINTS

    def series(self, panel: Panel) -> list[Series]:
        """The series of all queries of a panel."""
        return [one for target in panel["targets"] for one in self._ask(target)]

    def _ask(self, target: Panel) -> Iterator[Series]:
        start = self._end - self._step * POINTS
        query = {
            "query": target["expr"].replace("$instance", ".*"),
            "start": f"{start:.3f}",
            "end": f"{self._end:.3f}",
            "step": f"{self._step:.3f}",
        }
        address = f"{self._url}/api/v1/query_range?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(address, timeout=30) as answer:
            result = json.load(answer)["data"]["result"]
        for row in result:
            name = target["legendFormat"]
            for key, value in row["metric"].items():
                name = name.replace("{{" + key + "}}", value)
            values = [math.nan] * (POINTS + 1)
            for moment, value in row["values"]:
                values[round((moment - start) / self._step)] = float(value)
            yield Series(name, values)


def main() -> int:
    url, minutes = sys.argv[1], float(sys.argv[2])
    source = Prometheus(url, minutes)
    panels = json.loads(PATH.read_text())["panels"]
    sys.stdout.write(svg(panels, source, minutes))
    return 0


def svg(panels: Sequence[Panel], source: Prometheus, minutes: float) -> str:
    """The picture."""
    height = ROW * max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {24 * COLUMN} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="100%" height="100%" fill="{BACKGROUND}"/>',
    ]
    for panel in panels:
        place = panel["gridPos"]
        x, y = place["x"] * COLUMN + GAP / 2, place["y"] * ROW + GAP / 2
        width, tall = place["w"] * COLUMN - GAP, place["h"] * ROW - GAP
        parts += [
            f'<svg x="{x}" y="{y}" width="{width}" height="{tall}">',
            f'<rect width="{width}" height="{tall}" rx="3" fill="{CARD}"/>',
            _text(8, 18, panel["title"], anchor="start"),
            *DRAW[panel["type"]](panel, source.series(panel), width, tall, minutes),
            "</svg>",
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _tile(
    panel: Panel, series: Sequence[Series], width: float, tall: float, _: float
) -> Iterable[str]:
    name, value = series[0].name, series[0].values[-1]
    text, color = shown(value, panel["fieldConfig"]["defaults"])
    if panel["options"].get("textMode") == "name":
        text = name
    size = min(34, 1.6 * width / max(len(text), 1))
    yield _text(width / 2, tall / 2 + 22, text, color=color, size=size)


def _graph(
    panel: Panel, series: Sequence[Series], width: float, tall: float, minutes: float
) -> Iterable[str]:
    stacked = panel["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"] == "normal"
    unit = panel["fieldConfig"]["defaults"].get("unit", "short")
    drawn = [one for one in series if any(value > 0 for value in one.values)][:MOST_SERIES]
    drawn = drawn or list(series[:1])
    left, right, top, bottom = 66, width - 170, 32, tall - 24
    tops = [list(one.values) for one in drawn]
    if stacked:
        for below, above in zip(tops, tops[1:]):
            for i, value in enumerate(below):
                above[i] = (above[i] if above[i] == above[i] else 0) + (
                    value if value == value else 0
                )
    most = _rounded(max((v for values in tops for v in values if v == v), default=0))
    for part in range(5):
        y = bottom - part * (bottom - top) / 4
        yield f'<path d="M{left} {y:.1f}H{right}" stroke="{FAINT}"/>'
        yield _text(left - 6, y + 4, number(most * part / 4, unit), anchor="end")
    for part in range(3):
        x = left + part * (right - left) / 2
        yield _text(x, tall - 8, f"{minutes * (part / 2 - 1):.0f} min" if part < 2 else "now")
    for index, values in reversed(list(enumerate(tops))):
        color = PALETTE[index % len(PALETTE)]
        points = [
            (left + i * (right - left) / POINTS, bottom - value * (bottom - top) / most)
            for i, value in enumerate(values)
            if value == value
        ]
        if not points:
            continue
        line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        if stacked:
            area = f"M{points[0][0]:.1f} {bottom}L{line}L{points[-1][0]:.1f} {bottom}Z"
            yield f'<path d="{area}" fill="{CARD}"/><path d="{area}" fill="{color}" opacity="0.5"/>'
        yield f'<path d="M{line}" fill="none" stroke="{color}" stroke-width="1.5"/>'
    for index, one in enumerate(drawn):
        y = top + 8 + index * 20
        color = PALETTE[index % len(PALETTE)]
        yield f'<rect x="{right + 12}" y="{y - 8}" width="12" height="4" fill="{color}"/>'
        yield _text(right + 30, y - 2, one.name, anchor="start")


def _bars(
    panel: Panel, series: Sequence[Series], width: float, tall: float, _: float
) -> Iterable[str]:
    rows = [(one.name, one.values[-1]) for one in series if one.values[-1] == one.values[-1]]
    most = max([1.0, *(value for _, value in rows)])
    for index, (name, value) in enumerate(rows[:8]):
        y = 34 + index * 24
        text, color = shown(value, panel["fieldConfig"]["defaults"])
        yield _text(110, y + 12, name, anchor="end")
        wide = (width - 190) * value / most
        yield f'<rect x="120" y="{y}" width="{wide:.1f}" height="16" fill="{color}"/>'
        yield _text(128 + wide, y + 13, text, anchor="start")


DRAW = {"stat": _tile, "timeseries": _graph, "bargauge": _bars}


def shown(value: float, defaults: Panel) -> tuple[str, str]:
    """The text and the colour of a value, by mappings and thresholds."""
    for mapping in defaults.get("mappings", []):
        found = mapping["options"].get(f"{value:g}")
        if found:
            return found["text"], COLORS[found["color"]]
    color = "text"
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            color = step["color"]
    return number(value, defaults.get("unit", "short")), COLORS[color]


def number(value: float, unit: str) -> str:
    """A value with its unit, as Grafana shows it."""
    if unit == "percentunit":
        return f"{100 * value:.0f} %"
    if unit == "s":
        if value >= 60:
            return f"{value / 60:.2g} min"
        return f"{1000 * value:.0f} ms" if 0 < value < 1 else f"{value:.3g} s"
    return f"{value:.3g}"


def _rounded(value: float) -> float:
    """The next of 1, 2, 4 or 8 times a power of ten, the upper end of an axis."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 8, 10) if value <= step * power * 1.0001)


def _text(
    x: float, y: float, text: str, anchor: str = "middle", color: str = TEXT, size: float = 12
) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{color}" font-size="{size:.0f}">{escape(text)}</text>'


if __name__ == "__main__":
    sys.exit(main())
