"""The picture of the dashboard: every panel, with the texts and units that Grafana would show."""

from __future__ import annotations

import json
import math
from xml.etree import ElementTree

import dashboard
import picture
import pytest
from picture import POINTS, Panel, Series


class Fixed(picture.Prometheus):
    """Answers each query with one series of this value, or with none."""

    def __init__(self, value: float | None) -> None:
        self.value = value

    def series(self, panel: Panel) -> list[Series]:
        if self.value is None:
            return [Series("a & b", [math.nan] * (POINTS + 1))]
        return [Series("a & b", [self.value] * (POINTS + 1))]


def texts(value: float | None) -> list[str]:
    panels = json.loads(dashboard.PATH.read_text())["panels"]
    root = ElementTree.fromstring(picture.svg(panels, Fixed(value), 20))
    return [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("value", [0.0, 1.0, 1e9, -1.0, None])
def test_every_panel_is_drawn(value: float | None) -> None:
    shown = texts(value)
    for panel in json.loads(dashboard.PATH.read_text())["panels"]:
        assert panel["title"] in shown
    assert "a & b" in shown


def test_texts_in_place_of_values() -> None:
    assert texts(1).count("yes") == 2
    assert texts(-1).count("not known") == 3
    assert texts(0).count("not at all") == 2


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.25, "percentunit", "25 %"),
        (0.0, "s", "0 s"),
        (0.25, "s", "250 ms"),
        (42.0, "s", "42 s"),
        (90.0, "s", "1.5 min"),
        (12.0, "short", "12"),
    ],
)
def test_number_with_its_unit(value: float, unit: str, shown: str) -> None:
    assert picture.number(value, unit) == shown
