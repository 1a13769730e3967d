"""What does a bigger corpus cost in memory?

For each size of corpus and number of workers a process of its own renders the same 5,000 images,
and looks at itself and its workers while they live. A worker's own memory (USS) shows whether it
holds a corpus; the shared segment is counted once beside it, whether or not its pages were touched.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from bench import asking, fresh, plots
from bench.asking import Answer, Setting
from bench.measure import number, spread, tree_memory
from bench.places import ONE_FONT, scratch
from bench.rows import table

NAME = "memory"
QUESTION = "What does a bigger corpus cost?"

SEGMENTS = Path("/dev/shm")
NUM_IMAGES = 5_000
"""What the smallest corpus has, the same work whatever the size: some for each worker."""


@dataclass(frozen=True, slots=True)
class Row:
    """One size of corpus with one number of workers; bytes."""

    character_frequency: int
    num_examples: int
    num_workers: int
    corpus_bytes: int
    """Texts and seams."""
    segment_bytes: int
    """What this run holds of shared memory."""
    main_uss_bytes: int
    main_pss_bytes: int
    main_peak_rss_bytes: int
    """Pages in common counted whole; at its highest, which is while the corpus is made."""
    worker_uss_bytes: int
    """Median of all workers."""
    worker_pss_bytes: int
    all_bytes: int
    """Own memory of all processes, and the segment once."""


def trial(frequency: int, num_workers: int, num_images: int) -> dict[str, int]:
    """Render with a corpus of some size; look at memory. Runs in a process of its own."""
    import resource  # noqa: PLC0415 - this process' own

    from shmtext.config import BalancedText, RunConfig, Style  # noqa: PLC0415 - see the first line
    from shmtext.engine.renderer import Renderer  # noqa: PLC0415

    config = RunConfig(
        corpus=BalancedText(character_frequency=frequency), style=Style(fonts=(ONE_FONT,))
    )
    before = set(_segments())
    with scratch() as home, Renderer(config, num_workers, "processes") as renderer:
        renderer.render(home / "out", max_images=num_images)
        peak_rss_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        processes = tree_memory()
        segments = [os.stat(path).st_blocks * 512 for path in set(_segments()) - before]
        largest = max(os.stat(path).st_size for path in set(_segments()) - before)
    main = next(each for each in processes if each.role == "main")
    workers = [each for each in processes if each.role == "worker"]
    return {
        "corpus_bytes": largest,
        "segment_bytes": sum(segments),
        "main_uss_bytes": main.uss_bytes,
        "main_pss_bytes": main.pss_bytes,
        "main_peak_rss_bytes": peak_rss_bytes,
        "worker_uss_bytes": int(spread(each.uss_bytes for each in workers).median),
        "worker_pss_bytes": int(spread(each.pss_bytes for each in workers).median),
        "all_bytes": sum(each.uss_bytes for each in processes) + sum(segments),
    }


def _segments() -> list[Path]:
    """List what this process has in shared memory. Others' runs have theirs beside it."""
    held = []
    for file in Path("/proc/self/fd").iterdir():
        try:
            target = Path(os.readlink(file))
        except OSError:
            continue
        if target.parent == SEGMENTS and target.is_file():
            held.append(target)
    return held


def ask(setting: Setting) -> Answer:
    """Look at every size of corpus with every number of workers."""
    cores = len(os.sched_getaffinity(0))
    frequencies = (1_000, 50_000) if setting.quick else (1_000, 10_000, 100_000, 1_000_000)
    numbers = sorted({1, cores} if setting.quick else {1, 2, 4, cores})
    rows = []
    for frequency in frequencies:
        for num_workers in numbers:
            found = fresh.call(
                "bench.memory:trial",
                frequency=frequency,
                num_workers=num_workers,
                num_images=NUM_IMAGES,
            )
            num_examples = 64 * frequency * 2 // 25
            rows.append(Row(frequency, num_examples, num_workers, **found))
    text = [
        f"Memory while {rows[0].num_workers} to {rows[-1].num_workers} workers live; MB. USS is a "
        "process' own, PSS has its share of what it has in common. 'all' is the own memory of all "
        "processes with the shared segment once.",
        _table(rows),
        _growth(rows, max(numbers)),
    ]
    return Answer(NAME, rows, text, lambda figure: _draw(figure, rows))


def _growth(rows: list[Row], num_workers: int) -> str:
    """Say how often a larger corpus is counted."""
    first, *_, last = [row for row in rows if row.num_workers == num_workers]
    corpus_mb = (last.corpus_bytes - first.corpus_bytes) / 1e6
    all_mb = (last.all_bytes - first.all_bytes) / 1e6
    worker_mb = (last.worker_uss_bytes - first.worker_uss_bytes) / 1e6
    return (
        f"With {num_workers} workers, {number(corpus_mb)} MB more of corpus cost "
        f"{number(all_mb)} MB more in all ({number(all_mb / corpus_mb)} times), and "
        f"{number(worker_mb)} MB more of a worker's own."
    )


def _table(rows: list[Row]) -> str:
    header = [
        *("frequency", "examples", "workers", "corpus", "worker USS", "worker PSS", "main USS"),
        *("main PSS", "main peak RSS", "all"),
    ]
    lines = [
        [
            *(row.character_frequency, row.num_examples, row.num_workers),
            *(
                number(num_bytes / 1e6)
                for num_bytes in (
                    *(row.corpus_bytes, row.worker_uss_bytes, row.worker_pss_bytes),
                    *(row.main_uss_bytes, row.main_pss_bytes, row.main_peak_rss_bytes),
                    row.all_bytes,
                )
            ),
        ]
        for row in rows
    ]
    return table(header, lines)


def _draw(figure: Any, rows: list[Row]) -> None:
    most = max(row.num_workers for row in rows)
    kept = [row for row in rows if row.num_workers == most]
    xs = [float(row.num_examples) for row in kept]
    of = {
        f"all, {most} workers": [row.all_bytes / 1e6 for row in kept],
        "main process (USS)": [row.main_uss_bytes / 1e6 for row in kept],
        "a worker (USS)": [row.worker_uss_bytes / 1e6 for row in kept],
        "the corpus": [row.corpus_bytes / 1e6 for row in kept],
    }
    axes = figure.subplots()
    lines = {name: list(zip(xs, ys, strict=True)) for name, ys in of.items()}
    plots.lines(axes, lines, ("examples in the corpus", "MB"), logs="x")
    axes.legend()
    axes.set_title(QUESTION)


@click.command(NAME, help=QUESTION)
@asking.options
def command(out: Path, quick: bool) -> None:
    """Ask the question."""
    setting = Setting(quick, out)
    asking.deliver(ask(setting), setting)
