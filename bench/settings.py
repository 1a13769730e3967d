"""Which settings cost how much?

Format, quality, colour mode, font size and text length: images a second on one core, and bytes an
image, to choose by. Every cell of the grid is a whole run by the serial engine, files in memory.
Another setting is another axis.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count, product
from pathlib import Path
from typing import Any

import click

from bench import asking, work
from bench.asking import Answer, Setting
from bench.measure import Spread, Watching, interleave, spread
from bench.places import scratch
from bench.rows import table
from shmtext.config import config_from_options
from shmtext.engine.renderer import Renderer
from shmtext.engine.run import RunSummary

NAME = "settings"
QUESTION = "Which settings cost how much?"

Options = dict[str, Any]

AXES: tuple[tuple[Options, ...], ...] = (
    (
        {"image_format": "jpg", "jpeg_quality": 75},
        {"image_format": "jpg", "jpeg_quality": 95},
        {"image_format": "png"},
    ),
    ({"mode": "gray"}, {"mode": "rgb"}),
    ({"font_sizes": [32]}, {"font_sizes": [24]}, {"font_sizes": [64]}),
    (
        {"min_example_size": 5, "max_example_size": 20},
        {"min_example_size": 20, "max_example_size": 60},
    ),
)
"""A cell takes one of each; ``--quick`` only the first of the last two."""


@dataclass(frozen=True, slots=True)
class Row:
    """One cell of the grid."""

    image_format: str
    jpeg_quality: int | None
    mode: str
    font_size_px: int
    min_example_size: int
    max_example_size: int
    num_images: int
    images_per_s: Spread
    """Per second of CPU time: what one core gives."""
    cpu_us: Spread
    bytes_per_image: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    summary: RunSummary
    cpu_s: float


def ask(setting: Setting) -> Answer:
    """Measure every cell."""
    axes = (*AXES[:2], *(axis[:1] for axis in AXES[2:])) if setting.quick else AXES
    cells: list[Options] = []
    for choices in product(*axes):
        cells.append({name: value for choice in choices for name, value in choice.items()})
    num_images = setting.num(4_000, 1_000)
    folders = count()
    with scratch() as home, ExitStack() as stack:
        cases = {}
        for position, cell in enumerate(cells):
            # Longer texts are fewer: four times the characters are enough for any length.
            options = work.one_face(num_images * 4, max_images=num_images, **cell)
            renderer = Renderer(config_from_options(options), engine="serial")
            cases[str(position)] = _case(stack.enter_context(renderer), home, folders)
        results = interleave(cases, setting.num(3, 1))
    rows = [_row(cell, runs) for cell, runs in zip(cells, results.values(), strict=True)]
    return Answer(NAME, rows, [_table(rows)], lambda figure: _draw(figure, rows))


def _case(renderer: Renderer, home: Path, folders: count[int]) -> Callable[[], Measured]:
    def run() -> Measured:
        out = home / str(next(folders))
        watching = Watching()
        summary = renderer.render(out)
        cpu_s = watching.cost().cpu_s
        shutil.rmtree(out)
        return Measured(summary, cpu_s)

    return run


def _row(cell: Options, runs: list[Measured]) -> Row:
    summary = runs[0].summary
    return Row(
        image_format=cell["image_format"],
        jpeg_quality=cell.get("jpeg_quality"),
        mode=cell["mode"],
        font_size_px=cell["font_sizes"][0],
        min_example_size=cell["min_example_size"],
        max_example_size=cell["max_example_size"],
        num_images=summary.num_images,
        images_per_s=spread(run.summary.num_images / run.cpu_s for run in runs),
        cpu_us=spread(run.cpu_s / run.summary.num_images * 1e6 for run in runs),
        bytes_per_image=summary.image_bytes / summary.num_images,
    )


def _name(row: Row) -> str:
    quality = f" q{row.jpeg_quality}" if row.jpeg_quality else ""
    return f"{row.image_format}{quality} {row.mode}"


def _table(rows: list[Row]) -> str:
    header = ["format", "font px", "characters", "images/s a core", "CPU us/image", "bytes/image"]
    lines = [
        [
            *(_name(row), row.font_size_px, f"{row.min_example_size}-{row.max_example_size}"),
            *(row.images_per_s, row.cpu_us, row.bytes_per_image),
        ]
        for row in rows
    ]
    return table(header, lines)


def _draw(figure: Any, rows: list[Row]) -> None:
    axes = figure.subplots()
    for name in dict.fromkeys(map(_name, rows)):
        kept = [row for row in rows if _name(row) == name]
        axes.scatter(
            [row.bytes_per_image for row in kept],
            [row.images_per_s.median for row in kept],
            s=[row.font_size_px for row in kept],
            label=name,
        )
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("bytes per image")
    axes.set_ylabel("images/s on one core")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(title="larger dots, larger fonts")
    axes.set_title(QUESTION)


@click.command(NAME, help=QUESTION)
@asking.options
def command(out: Path, quick: bool) -> None:
    """Ask the question."""
    setting = Setting(quick, out)
    asking.deliver(ask(setting), setting)
