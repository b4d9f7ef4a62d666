"""Draws the import graph of the package for the manual, as an SVG."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IMAGE_PATH = "docs/internals/imports.svg"
_PACKAGE = "arc_lrms_oar"
# What stands for all modules below the options.
_HELPERS = "helpers"
_ROWS = (
    ("cli", "entrypoint"),
    ("admin",),
    ("commands", "scan", "info"),
    ("job", "oar", "arex"),
    ("settings",),
    (_HELPERS,),
)
_SAME_BOX = {
    "__main__": "cli",
    "cli_commands": "cli",
    "cli_job_commands": "cli",
    "options": "settings",
    "option_types": "settings",
}
_LABELS = {
    "cli": "cli, cli_commands, cli_job_commands",
    "settings": "settings, options",
    _HELPERS: "files, process, errors, log and other helpers",
}
_WIDTH, _ROW, _BOX = 720, 84, 34


def images() -> dict[str, str]:
    """The text of each image, by its path in the checkout."""
    return {IMAGE_PATH: _svg(edges())}


def edges() -> set[tuple[str, str]]:
    """Each box that imports another one, with the other one."""
    found = set()
    for path in (ROOT / _PACKAGE).rglob("*.py"):
        own = _box(path.relative_to(ROOT / _PACKAGE).with_suffix("").parts[0])
        for name in _imports(ast.parse(path.read_text())):
            other = _box(name)
            if own and other and own != other:
                found.add((own, other))
    return found


def _imports(tree: ast.Module) -> Iterator[str]:
    """The first part of the name of each module of the package that a module imports."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        if node.module == _PACKAGE:
            yield from (alias.name for alias in node.names)
        elif node.module.startswith(f"{_PACKAGE}."):
            yield node.module.split(".")[1]


def _box(name: str) -> str:
    if name in ("__init__", "share"):
        return ""
    name = _SAME_BOX.get(name, name)
    return name if any(name in row for row in _ROWS) else _HELPERS


def _svg(found: set[tuple[str, str]]) -> str:
    places = {}
    for number, row in enumerate(_ROWS):
        for position, name in enumerate(row):
            places[name] = ((position + 0.5) * _WIDTH / len(row), number * _ROW + _BOX)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {len(_ROWS) * _ROW}" '
        f'width="{_WIDTH}" font-family="sans-serif" font-size="14">',
        f'<rect width="{_WIDTH}" height="{len(_ROWS) * _ROW}" fill="#fff"/>',
        '<marker id="a" markerWidth="8" markerHeight="8" refX="7" refY="3" orient="auto">'
        '<path d="M0,0L7,3L0,6z" fill="#777"/></marker>',
    ]
    lines = defaultdict(list)
    for upper, lower in sorted(found):
        lines[upper].append(lower)
    for upper, lowers in sorted(lines.items()):
        drawn += [_line(places[upper], places[lower]) for lower in lowers if lower != _HELPERS]
    drawn += [_drawn_box(name, *place) for name, place in places.items()]
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _line(start: tuple[float, float], end: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = start, end
    shift = _BOX / 2
    if y1 == y2:
        # From side to side of two boxes in a row.
        x1, x2, shift = x1 + 80, x2 - 50, 0
    return (
        f'<line x1="{x1:.0f}" y1="{y1 + shift:.0f}" x2="{x2:.0f}" y2="{y2 - shift:.0f}" '
        'stroke="#777" marker-end="url(#a)"/>'
    )


def _drawn_box(name: str, x: float, y: float) -> str:
    label = _LABELS.get(name, name)
    width = max(90, 8.2 * len(label) + 16)
    return (
        f'<rect x="{x - width / 2:.0f}" y="{y - _BOX / 2:.0f}" width="{width:.0f}" '
        f'height="{_BOX}" rx="5" fill="#e8eef7" stroke="#345"/>'
        f'<text x="{x:.0f}" y="{y + 5:.0f}" text-anchor="middle" fill="#123">{label}</text>'
    )
