#!/usr/bin/env python3
"""Plot the results of `bench/scan --json`: `bench/plot.py RESULTS.json >bench/scan.svg`.

Both axes are logarithmic: a cost linear in the number of jobs is a line of slope one.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 640, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 30, 50
JOBS = (1_000, 100_000)
SECONDS = (0.01, 100.0)
COLOURS = ("#1b6ca8", "#4c9f70", "#d17a22", "#a8323e")


def main() -> int:
    rows: list[dict[str, Any]] = []
    for name in sys.argv[1:]:
        rows += json.loads(Path(name).read_text())
    sys.stdout.write(svg(rows))
    return 0


def svg(rows: Iterable[dict[str, Any]]) -> str:
    """Return the plot, with one line per kind and share of ended jobs."""
    lines: dict[str, dict[int, float]] = {}
    for row in rows:
        percent = round(100 * row["ended"] / row["jobs"])
        who = "ARC's slurm.py" if row["kind"] == "peer" else "this package"
        lines.setdefault(f"{who}, {percent} % ended", {})[row["jobs"]] = row["seconds"]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        *_grid(),
    ]
    for number, (label, points) in enumerate(lines.items()):
        parts += _line(label, points, COLOURS[number % len(COLOURS)])
    return "\n".join([*parts, "</svg>"]) + "\n"


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


def _line(label: str, points: dict[int, float], colour: str) -> list[str]:
    places = [(_x(jobs), _y(seconds)) for jobs, seconds in sorted(points.items())]
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    x, y = places[-1]
    return [
        f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places),
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
