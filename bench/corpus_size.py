"""Does rendering slow down as the corpus grows?

The experiment the project began with: a few images are rendered from an ever larger text, by the
program of the question, by what was advised, and by shmtext. The text is made before the clock
starts. Every measurement runs in a process of its own, and pools are opened within the time.
"""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench import asking, fresh, plots
from bench.asking import Answer, Setting
from bench.measure import Spread, interleave, number, spread
from bench.rows import table
from bench.systems import SYSTEMS

NAME = "corpus-size"
QUESTION = "Does rendering slow down as the corpus grows?"

FREQUENCIES = (100, 1_000, 100_000, 1_000_000)
QUICK_FREQUENCIES = (100, 10_000)
NUM_IMAGES = (15, 2_000)
QUICK_NUM_IMAGES = (15,)

PICKLED_TEXTS = 100_000_000
"""What ``processes`` may pickle in one measurement, in texts: half a minute or so."""

MEMORY_IMAGES = 500
"""Rendered while memory is looked at: fifteen would be done before the first look."""


@dataclass(frozen=True, slots=True)
class Row:
    """One system at one size of corpus."""

    system: str
    character_frequency: int
    num_examples: int
    """In the corpus, about."""
    num_images: int
    """Rendered; fewer than were asked for where that would take hours."""
    num_workers: int
    wall_s: Spread
    cpu_s: Spread
    task_bytes: int
    """Pickled for each task."""
    worker_bytes: int
    """Pickled for each worker at its start."""
    peak_pss_bytes: int
    """Of all processes together while images are rendered."""
    note: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Which systems are tried on what."""

    systems: tuple[str, ...]
    frequencies: tuple[int, ...]
    num_images: tuple[int, ...]
    num_workers: int


def images_for(system: str, frequency: int, num_images: int) -> int:
    """Return how many images a system is given: no more than it has texts and time for.

    >>> images_for("threads", 1_000_000, 2_000), images_for("processes", 1_000_000, 2_000)
    (2000, 19)
    >>> images_for("threads", 100, 2_000)
    170
    """
    # The question's program uses its texts up, and is measured several times.
    most = max(1, num_examples(frequency) // 3)
    if system == "processes":
        most = min(most, max(1, PICKLED_TEXTS // num_examples(frequency)))
    return min(num_images, most)


def num_examples(frequency: int) -> int:
    """Examples that the balanced text comes to, about.

    >>> num_examples(1_000_000)
    5120000
    """
    return 64 * frequency * 2 // 25


def ask(setting: Setting, of: Ask | None = None) -> Answer:
    """Measure every system at every size."""
    of = of or Ask(
        systems=tuple(SYSTEMS),
        frequencies=QUICK_FREQUENCIES if setting.quick else FREQUENCIES,
        num_images=QUICK_NUM_IMAGES if setting.quick else NUM_IMAGES,
        num_workers=len(os.sched_getaffinity(0)),
    )
    rows = []
    for frequency in of.frequencies:
        rows += _measure(setting, of, frequency)
    text = [
        "Images of 5 to 20 letters and digits, DejaVu Sans at 32 px, black on white, JPEG files in "
        f"memory, {of.num_workers} workers; pools of processes are forked except where it says "
        "spawn. The text is made before the clock starts. 'processes' is given fewer images where "
        "it would take hours, and all are where there are fewer texts: see the column.",
        _table(rows),
    ]
    return Answer(NAME, rows, text, lambda figure: _draw(figure, rows))


def _measure(setting: Setting, of: Ask, frequency: int) -> list[Row]:
    def case(system: str) -> Any:
        return lambda: fresh.call(
            "bench.systems:trial",
            system=system,
            frequency=frequency,
            images=[images_for(system, frequency, each) for each in of.num_images],
            num_memory_images=images_for(system, frequency, MEMORY_IMAGES),
            num_workers=of.num_workers,
        )

    # A fresh process has nothing to warm up; its libraries' files are in the page cache.
    num_rounds = setting.num(3, 1)
    results = interleave({name: case(name) for name in of.systems}, num_rounds, num_warm_ups=0)
    return [
        Row(
            system=name,
            character_frequency=frequency,
            num_examples=num_examples(frequency),
            num_images=found[0]["timed"][position]["num_images"],
            num_workers=of.num_workers,
            wall_s=spread(each["timed"][position]["wall_s"] for each in found),
            cpu_s=spread(each["timed"][position]["cpu_s"] for each in found),
            task_bytes=found[0]["task_bytes"],
            worker_bytes=found[0]["worker_bytes"],
            peak_pss_bytes=max(each["peak_pss_bytes"] for each in found),
            note=SYSTEMS[name].note,
        )
        for position in range(len(of.num_images))
        for name, found in results.items()
    ]


def _table(rows: list[Row]) -> str:
    header = [
        *("system", "frequency", "images", "seconds", "CPU s", "bytes/task", "bytes/worker"),
        *("memory MB", "note"),
    ]
    lines = [
        [
            *(row.system, row.character_frequency, row.num_images, row.wall_s, row.cpu_s),
            *(row.task_bytes, row.worker_bytes, number(row.peak_pss_bytes / 1e6), row.note),
        ]
        for row in rows
    ]
    return table(header, lines)


def _draw(figure: Any, rows: list[Row]) -> None:
    fewest = min(row.num_images for row in rows if row.system != "processes")
    kept = [row for row in rows if row.num_images <= fewest]
    times: dict[str, list[tuple[float, float]]] = defaultdict(list)
    pickled: dict[str, list[tuple[float, float]]] = defaultdict(list)
    memory: dict[str, list[tuple[float, float]]] = defaultdict(list)
    seen = set()
    for row in kept:
        if (row.system, row.num_examples) in seen:
            continue
        seen.add((row.system, row.num_examples))
        times[row.system].append((row.num_examples, row.wall_s.median))
        memory[row.system].append((row.num_examples, row.peak_pss_bytes / 1e6))
        num_bytes = row.task_bytes + row.worker_bytes * row.num_workers / row.num_images
        pickled[row.system].append((row.num_examples, max(num_bytes, 1)))
    left, middle, right = figure.subplots(1, 3)
    x = "examples in the corpus"
    plots.lines(left, times, (x, f"seconds to render {fewest} images"), logs="xy")
    plots.lines(middle, pickled, (x, "bytes pickled per image"), logs="xy")
    plots.lines(right, memory, (x, "memory of all processes, MB (PSS)"), logs="xy")
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize="small")
    figure.suptitle(QUESTION)


@click.command(NAME, help=QUESTION)
@asking.options
@click.option("--system", multiple=True, type=click.Choice(list(SYSTEMS)), help="Only these.")
@click.option("--frequency", multiple=True, type=click.IntRange(min=1), help="Only these.")
@click.option("--images", multiple=True, type=click.IntRange(min=1), help="Only these numbers.")
@click.option("--workers", type=click.IntRange(min=1), help="[default: all cores]")
def command(out: Path, quick: bool, workers: int | None, **only: tuple[Any, ...]) -> None:
    """Ask the question."""
    setting = Setting(quick, out)
    of = Ask(
        systems=only["system"] or tuple(SYSTEMS),
        frequencies=only["frequency"] or (QUICK_FREQUENCIES if quick else FREQUENCIES),
        num_images=only["images"] or (QUICK_NUM_IMAGES if quick else NUM_IMAGES),
        num_workers=workers or len(os.sched_getaffinity(0)),
    )
    asking.deliver(ask(setting, of), setting)
