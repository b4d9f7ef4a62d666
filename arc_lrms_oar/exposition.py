"""Prometheus' text format 0.0.4: families, samples and histograms as lines.

The names follow its conventions (base units, `_total`, `_seconds`). What is measured does not
belong here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

_PREFIX = "arc_oar_"
_LAST_BUCKET = "+Inf"


def family(name: str, kind: str, text: str) -> str:
    """The two lines that come before the samples of a family; `kind` is "gauge" and the like."""
    return f"# HELP {_PREFIX}{name} {text}\n# TYPE {_PREFIX}{name} {kind}\n"


def sample(name: str, value: float, **labels: str) -> str:
    """One sample."""
    inside = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
    shown = f"{value:.6f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"
    return f"{_PREFIX}{name}{{{inside}}} {shown}\n" if inside else f"{_PREFIX}{name} {shown}\n"


def gauge(name: str, text: str, value: float) -> str:
    """A gauge without labels."""
    return family(name, "gauge", text) + sample(name, value)


def histogram(
    name: str, text: str, bounds: Sequence[float], counters: Mapping[str, float]
) -> Iterator[str]:
    """A histogram whose numbers `observe` has added to the counters; `bounds` are its buckets."""
    yield family(name, "histogram", text)
    total = 0.0
    for bound in [*(f"{bound:g}" for bound in bounds), _LAST_BUCKET]:
        total += counters.get(f"{name} {bound}", 0)
        yield sample(f"{name}_bucket", total, le=bound)
    yield sample(f"{name}_sum", counters.get(f"{name} sum", 0))
    yield sample(f"{name}_count", total)


def observe(counters: dict[str, float], name: str, bounds: Sequence[float], value: float) -> None:
    """Add one value to the counters of a histogram, in which each value is in one bucket."""
    bucket = next((f"{bound:g}" for bound in bounds if value <= bound), _LAST_BUCKET)
    for key, number in ((f"{name} {bucket}", 1.0), (f"{name} sum", value)):
        counters[key] = counters.get(key, 0) + number


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
