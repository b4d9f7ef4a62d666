#!/usr/bin/env python3
"""Plot results as SVG: `bench/plot.py scan RESULTS.json >bench/scan.svg`, `plot.py soak ROWS`.

`scan`: the output of `bench/scan --json`. Both axes are logarithmic: a cost linear in the number of
jobs is a line of slope one. `soak`: the file of `bench/soak`, one panel for each unit.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import soak_rows

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 30, 50
JOBS = (1_000, 100_000)
SECONDS = (0.01, 100.0)
COLOURS = ("#1b6ca8", "#4c9f70", "#d17a22", "#a8323e")
PANEL = 130
# The panels of a soak: unit, and the fields with their names.
PANELS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("memory, MB", {"arex_mb": "A-REX", "scan_mb": "scan"}),
    ("open files", {"arex_files": "A-REX", "scan_files": "scan"}),
    ("files of scan, kB", {"index_kb": "index", "state_kb": "state"}),
    ("OAR → FINISHED, s", {"latency": "median", "latency_95": "95 %"}),
)


def main() -> int:
    kind, *names = sys.argv[1:] or ("",)
    if kind == "scan":
        rows: list[dict[str, Any]] = []
        for name in names:
            rows += json.loads(Path(name).read_text())
        sys.stdout.write(svg(rows))
    elif kind == "soak" and len(names) == 1:
        sys.stdout.write(soak_svg(soak_rows.read(Path(names[0]))))
    else:
        print("usage: bench/plot.py scan RESULTS.json… | soak ROWS", file=sys.stderr)
        return 2
    return 0


def svg(rows: Iterable[dict[str, Any]]) -> str:
    """Return the plot, with one line per kind and share of ended jobs."""
    lines: dict[str, dict[int, float]] = {}
    for row in rows:
        percent = round(100 * row["ended"] / row["jobs"])
        who = "ARC's slurm.py" if row["kind"] == "peer" else "this package"
        lines.setdefault(f"{who}, {percent} % ended", {})[row["jobs"]] = row["seconds"]
    parts = [*_head(HEIGHT), *_grid()]
    for number, (label, points) in enumerate(lines.items()):
        places = [(_x(jobs), _y(seconds)) for jobs, seconds in sorted(points.items())]
        parts += _line(label, places, COLOURS[number % len(COLOURS)], dots=True)
    return "\n".join([*parts, "</svg>"]) + "\n"


def soak_svg(rows: Sequence[soak_rows.Row]) -> str:
    """Return a panel for each unit, over the minutes of the soak, from zero to the maximum."""
    height = len(PANELS) * PANEL + 20
    parts = _head(height)
    last = max(row.minute for row in rows)
    for number, (unit, fields) in enumerate(PANELS):
        top, floor = number * PANEL + TOP, (number + 1) * PANEL
        points = {
            name: [(row.minute, getattr(row, field)) for row in rows]
            for field, name in fields.items()
        }
        most = (
            max((y for line in points.values() for _, y in line if y is not None), default=0) or 1
        )
        parts.append(f'<text x="{LEFT}" y="{top - 8}">{unit}</text>')
        for share in (0.0, 0.5, 1.0):
            y = floor - share * (floor - top)
            parts.append(f'<path d="M{LEFT} {y:.0f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
            text = f"{share * most:.3g}"
            parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{text}</text>')
        for colour, (name, line) in zip(COLOURS, points.items()):
            places = [
                (LEFT + (WIDTH - RIGHT - LEFT) * x / last, floor - (floor - top) * y / most)
                for x, y in line
                if y is not None
            ]
            if places:
                parts += _line(name, places, colour, dots=False)
    parts.append(
        f'<text x="{WIDTH - RIGHT}" y="{height - 4}" text-anchor="end">{last:.0f} min</text>'
    )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _head(height: int) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]


def _grid() -> list[str]:
    right, floor = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for jobs in (1_000, 10_000, 100_000):
        x = _x(jobs)
        parts.append(f'<path d="M{x:.0f} {TOP}V{floor}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.0f}" y="{floor + 18}" text-anchor="middle">{jobs:,}</text>')
    for seconds in (0.01, 0.1, 1, 10, 100):
        y = _y(seconds)
        parts.append(f'<path d="M{LEFT} {y:.0f}H{right}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{seconds:g} s</text>')
    middle = (LEFT + right) / 2
    parts.append(
        f'<text x="{middle:.0f}" y="{HEIGHT - 10}" text-anchor="middle">jobs in the LRMS</text>'
    )
    parts.append(f'<text x="{LEFT}" y="18">one scan, from its start to its exit</text>')
    return parts


def _line(label: str, places: Sequence[tuple[float, float]], colour: str, dots: bool) -> list[str]:
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    x, y = places[-1]
    circles = (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places)
    return [
        f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *(circles if dots else ()),
        f'<text x="{x + 7:.1f}" y="{y + 4:.1f}" fill="{colour}">{label}</text>',
    ]


def _x(jobs: float) -> float:
    return LEFT + (WIDTH - RIGHT - LEFT) * _share(jobs, *JOBS)


def _y(seconds: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * _share(seconds, *SECONDS)


def _share(value: float, least: float, most: float) -> float:
    return math.log(value / least) / math.log(most / least)


if __name__ == "__main__":
    sys.exit(main())
