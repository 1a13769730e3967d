"""How many workers pay?

The standard run by one worker, two, and so on up to all cores, to files in memory and on disk.
Workers are started and corpus and fonts read before the clock starts. Every output gets a fresh
folder, and on disk nothing is deleted until the end: creating files is slower where many were
just deleted.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import click

from bench import asking, disks, plots, work
from bench.asking import Answer, Setting
from bench.measure import (
    Cost,
    Spread,
    Watching,
    busy_now,
    interleave,
    number,
    others_cpu_share,
    ratios,
    spread,
    tree_memory,
)
from bench.places import scratch
from bench.rows import table
from shmtext.config import config_from_options
from shmtext.engine.renderer import Renderer

NAME = "scaling"
QUESTION = "How many workers pay?"

WORKERS_BUSY = 0.9
"""Share of the workers' time spent on a core, above which they wait for nothing else."""
CPU_GROWS = 1.15
"""CPU time an image over that with one worker, above which workers slow each other down."""
OTHERS_BUSY = 0.1
"""Share of all cores taken by others, above which it is they who decide."""


@dataclass(frozen=True, slots=True)
class Row:
    """One number of workers on one kind of storage."""

    storage: str
    """``memory`` or ``disk``."""
    file_system: str
    num_workers: int
    num_images: int
    images_per_s: Spread
    over_one_worker: Spread
    """Rate over that of one worker, round by round."""
    efficiency: float
    """The same divided by the number of workers."""
    cpu_us: Spread
    """Per image, of all processes."""
    workers_busy: float
    """CPU time over the workers' wall time; the main process' part makes it a little high."""
    others_share: float
    """Of all cores, taken by processes that are not ours."""
    main_uss_bytes: int
    main_pss_bytes: int
    worker_uss_bytes: int
    """Median of all workers."""
    worker_pss_bytes: int
    saturated: str


@dataclass(frozen=True, slots=True)
class Measured:
    """One run."""

    cost: Cost
    num_images: int
    others_share: float


def ask(setting: Setting, disk: Path | None = None, workers: int | None = None) -> Answer:
    """Measure every number of workers on both kinds of storage."""
    cores = len(os.sched_getaffinity(0))
    numbers = numbers_of_workers(workers or cores)
    rows: list[Row] = []
    with scratch() as memory, tempfile.TemporaryDirectory(dir=disk or disks.disk()) as on_disk:
        for storage, home in (("memory", memory), ("disk", Path(on_disk))):
            rows += _measure(setting, storage, home, numbers)
    text = [
        "Twelve faces, 5 to 20 characters, gray JPEG; workers, fonts and corpus there already. "
        "Memory is that of one worker and of the main process while both are alive.",
        _table(rows),
        *(f"{row.storage}, {row.num_workers} workers: {row.saturated}." for row in rows),
    ]
    return Answer(NAME, rows, text, lambda figure: _draw(figure, rows))


def numbers_of_workers(most: int) -> list[int]:
    """Try all numbers up to eight, then powers of two: all are alive at the same time.

    >>> numbers_of_workers(3), numbers_of_workers(24)[8:]
    ([1, 2, 3], [16, 24])
    """
    return sorted({*range(1, min(most, 8) + 1), *(2**n for n in range(most.bit_length())), most})


def _measure(setting: Setting, storage: str, home: Path, numbers: list[int]) -> list[Row]:
    # Files on a disk stay until the end: fewer of them.
    full = 50_000 if storage == "memory" else 20_000
    config = config_from_options(work.twelve_faces(setting.num(full, 5_000)))
    folders = count()
    with ExitStack() as stack:
        renderers = {
            each: stack.enter_context(Renderer(config, each, "processes")) for each in numbers
        }

        def case(renderer: Renderer) -> Callable[[], Measured]:
            def run() -> Measured:
                before, watching = busy_now(), Watching()
                out = home / str(next(folders))
                summary = renderer.render(out)
                cost = watching.cost()
                others_share = others_cpu_share(before, busy_now())
                if storage == "memory":
                    shutil.rmtree(out)
                return Measured(cost, summary.num_images, others_share)

            return run

        cases = {str(each): case(renderer) for each, renderer in renderers.items()}
        results = interleave(cases, setting.num(5, 2))
    memory = {each: _memory(config, each, home / f"memory{each}") for each in numbers}
    rates = {
        num_workers: [each.num_images / each.cost.wall_s for each in results[str(num_workers)]]
        for num_workers in numbers
    }
    rows: list[Row] = []
    for num_workers in numbers:
        found = results[str(num_workers)]
        cpu_us = spread(each.cost.cpu_s / each.num_images * 1e6 for each in found)
        busy = spread(each.cost.cpu_s / each.cost.wall_s / num_workers for each in found).median
        others = spread(each.others_share for each in found).median
        growth = cpu_us.median / (rows[0].cpu_us.median if rows else cpu_us.median)
        over_one = ratios(rates[num_workers], rates[1])
        rows.append(
            Row(
                storage=storage,
                file_system=disks.file_system(home),
                num_workers=num_workers,
                num_images=found[0].num_images,
                images_per_s=spread(rates[num_workers]),
                over_one_worker=over_one,
                efficiency=over_one.median / num_workers,
                cpu_us=cpu_us,
                workers_busy=busy,
                others_share=others,
                **memory[num_workers],
                saturated=saturated(busy, growth, others),
            )
        )
    return rows


def saturated(workers_busy: float, cpu_growth: float, others_share: float) -> str:
    """Name what holds a run back, from what was seen.

    >>> saturated(workers_busy=0.98, cpu_growth=1.02, others_share=0.0)
    "the workers' cores are saturated (98% busy with this run)"
    """
    if others_share > OTHERS_BUSY:
        return f"other processes take {others_share:.0%} of all cores: what saturates can't be told"
    if workers_busy < WORKERS_BUSY:
        return (
            f"storage saturates, or the run is too short: workers wait {1 - workers_busy:.0%} of it"
        )
    if cpu_growth > CPU_GROWS:
        return (
            f"what cores share (memory, caches, the kernel's locks) saturates: an image takes "
            f"{cpu_growth - 1:.0%} more CPU time than with one worker"
        )
    return f"the workers' cores are saturated ({min(workers_busy, 1):.0%} busy with this run)"


def _memory(config: Any, num_workers: int, out: Path) -> dict[str, int]:
    """Look at a main process and its workers after a run, while they live."""
    with Renderer(config, num_workers, "processes") as renderer:
        renderer.render(out)
        processes = tree_memory()
    main = next(each for each in processes if each.role == "main")
    workers = [each for each in processes if each.role == "worker"]
    return {
        "main_uss_bytes": main.uss_bytes,
        "main_pss_bytes": main.pss_bytes,
        "worker_uss_bytes": int(spread(each.uss_bytes for each in workers).median),
        "worker_pss_bytes": int(spread(each.pss_bytes for each in workers).median),
    }


def _table(rows: list[Row]) -> str:
    header = [
        *("storage", "workers", "images/s", "over one", "efficiency", "CPU us/image", "busy"),
        *("worker USS MB", "worker PSS MB", "main USS MB", "main PSS MB"),
    ]
    lines = [
        [
            f"{row.storage} ({row.file_system})",
            *(row.num_workers, row.images_per_s, row.over_one_worker, f"{row.efficiency:.0%}"),
            *(row.cpu_us, f"{row.workers_busy:.0%}"),
            *(number(row.worker_uss_bytes / 1e6), number(row.worker_pss_bytes / 1e6)),
            *(number(row.main_uss_bytes / 1e6), number(row.main_pss_bytes / 1e6)),
        ]
        for row in rows
    ]
    return table(header, lines)


def _draw(figure: Any, rows: list[Row]) -> None:
    left, right = figure.subplots(1, 2)
    storages = list(dict.fromkeys(row.storage for row in rows))
    rates = {
        f"files in {name}" if name == "memory" else f"files on {name}": [
            (float(row.num_workers), row.images_per_s.median) for row in rows if row.storage == name
        ]
        for name in storages
    }
    plots.lines(left, rates, ("workers", "images/s"))
    left.legend()
    in_memory = [row for row in rows if row.storage == storages[0]]
    memory = {
        "a worker": [(float(r.num_workers), r.worker_uss_bytes / 1e6) for r in in_memory],
        "main process": [(float(r.num_workers), r.main_uss_bytes / 1e6) for r in in_memory],
    }
    plots.lines(right, memory, ("workers", "memory of its own, MB (USS)"))
    right.legend()
    for axes in (left, right):
        axes.set_xticks([row.num_workers for row in in_memory])
    figure.suptitle(QUESTION)


@click.command(NAME, help=QUESTION)
@asking.options
@click.option(
    "--disk",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder on the disk to measure. [default: the temporary folder]",
)
@click.option("--workers", type=click.IntRange(min=1), help="Up to so many. [default: all cores]")
def command(out: Path, quick: bool, disk: Path | None, workers: int | None) -> None:
    """Ask the question."""
    setting = Setting(quick, out)
    asking.deliver(ask(setting, disk, workers), setting)
