"""Pictures of answers, drawn by matplotlib (extra ``bench``) where it is installed.

matplotlib is imported when the first picture is drawn: questions can be asked without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.measure import Spread

Draw = Callable[[Any], None]
"""Told a matplotlib ``Figure``, draws on it."""

Line = Sequence[tuple[float, float]]

SIZE_INCHES = (10.0, 4.2)
DPI = 110


def save(draw: Draw, path: Path) -> bool:
    """Draw a picture and keep it as PNG; False where matplotlib is not installed."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - optional
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError:
        return False
    figure = Figure(figsize=SIZE_INCHES, dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure)
    figure.savefig(path, metadata={"Software": None})
    return True


def lines(axes: Any, of: Mapping[str, Line], labels: tuple[str, str], *, logs: str = "") -> None:
    """Draw one line a name, with ``(x, y)`` labels; ``logs`` names the logarithmic axes."""
    for name, points in of.items():
        ours = name.startswith("shmtext")
        xs, ys = zip(*points, strict=True) if points else ((), ())
        axes.plot(xs, ys, marker="o", markersize=4, linewidth=2.4 if ours else 1.3, label=name)
    if "x" in logs:
        axes.set_xscale("log")
    if "y" in logs:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.grid(visible=True, which="major", alpha=0.3)


def stacked_bars(axes: Any, of: Mapping[str, Mapping[str, float]], label: str) -> None:
    """Draw one horizontal bar a name, made of named parts."""
    parts = list(dict.fromkeys(part for bar in of.values() for part in bar))
    left = dict.fromkeys(of, 0.0)
    for number, part in enumerate(parts):
        widths = [bar.get(part, 0.0) for bar in of.values()]
        color = f"C{number % 10}"
        hatch = "//" if number >= 10 else None
        axes.barh(list(of), widths, left=list(left.values()), color=color, hatch=hatch, label=part)
        left = {name: left[name] + width for name, width in zip(of, widths, strict=True)}
    axes.invert_yaxis()
    axes.set_xlabel(label)


def bars(axes: Any, of: Mapping[str, float], label: str) -> None:
    """Draw one horizontal bar a name."""
    axes.barh(list(of), list(of.values()))
    axes.invert_yaxis()
    axes.set_xlabel(label)
    axes.grid(visible=True, axis="x", alpha=0.3)


def grouped_bars(axes: Any, of: Mapping[str, Mapping[str, Spread]], label: str) -> None:
    """Draw a group of vertical bars a name, one bar in each for what is compared, with spreads."""
    compared = list(dict.fromkeys(name for group in of.values() for name in group))
    width = 0.8 / len(compared)
    for number, name in enumerate(compared):
        spreads = [group[name] for group in of.values()]
        medians = [each.median for each in spreads]
        down = [each.median - each.low for each in spreads]
        up = [each.high - each.median for each in spreads]
        places = [group + (number - (len(compared) - 1) / 2) * width for group in range(len(of))]
        axes.bar(places, medians, width, yerr=[down, up], capsize=2, label=name)
    axes.set_xticks(range(len(of)), list(of))
    axes.set_ylabel(label)
    axes.grid(visible=True, axis="y", alpha=0.3)
