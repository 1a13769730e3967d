"""What do parts of a run cost, and joining them?

Two hundred parts are rendered over one folder, one after the other by one renderer, and joined in a
process of its own. Shards are small, so that what a shard costs shows, and there may be thousands.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click

from bench import asking, fresh, plots
from bench.asking import Answer, Setting
from bench.measure import Spread, number, spread
from bench.places import scratch
from bench.rows import table
from shmtext import Output, Renderer, RunConfig, Style, TextFile
from shmtext.dataset import plan as plans

NAME = "parts"
QUESTION = "What do parts of a run cost, and joining them?"

NUM_PARTS = 200
PER_SHARD = 16


@dataclass(frozen=True, slots=True)
class Row:
    """A run of so many shards in ``NUM_PARTS`` parts."""

    num_shards: int
    container: str
    part_s: Spread
    """Of a part that finds all of its shards: folder, locks, manifests, files."""
    join_s: Spread
    again_s: Spread
    """Of a join that finds the run joined."""
    peak_bytes: int
    """Memory that the process of a join has at its highest, its libraries included."""
    us_per_shard: float
    """Of a join, the label table included."""


def join_trial(out: str, num_repeats: int) -> dict[str, Any]:
    """Join a run as often, and look at memory. Runs in a process of its own."""
    from shmtext.dataset.merge import SUCCESS  # noqa: PLC0415
    from shmtext.engine.join import join  # noqa: PLC0415

    joined, again = [], []
    with patch.object(plans, "shard_size", lambda _num_examples: PER_SHARD):
        for _ in range(num_repeats):
            Path(out, SUCCESS).unlink(missing_ok=True)
            for seconds in (joined, again):
                begin_s = time.perf_counter()
                join(out)
                seconds.append(time.perf_counter() - begin_s)
    return {"peak_bytes": _peak_bytes(), "join_s": joined, "again_s": again}


def _peak_bytes() -> int:
    """Return the most that this process has had in memory.

    Not ``ru_maxrss``, which a process has from the one that started it.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


def _trial(home: Path, num_shards: int, container: str, num_repeats: int) -> Row:
    texts, out = home / "texts.txt", home / f"{container}{num_shards}"
    with patch.object(plans, "shard_size", lambda _num_examples: PER_SHARD):
        texts.write_text("".join(f"text {i}\n" for i in range(num_shards * PER_SHARD)))
        config = RunConfig(
            corpus=TextFile(texts),
            style=Style(font_sizes=(16,)),
            output=Output(image_format="png", container=container),
        )
        part_s = []
        with Renderer(config, engine="serial") as renderer:
            for index in range(NUM_PARTS):
                renderer.render_part(out, f"{index}/{NUM_PARTS}")
            for index in range(0, NUM_PARTS, NUM_PARTS // 10):
                begin_s = time.perf_counter()
                renderer.render_part(out, f"{index}/{NUM_PARTS}")
                part_s.append(time.perf_counter() - begin_s)
    found = fresh.call("bench.parts:join_trial", out=str(out), num_repeats=num_repeats)
    join_s = spread(found["join_s"])
    return Row(
        num_shards=num_shards,
        container=container,
        part_s=spread(part_s),
        join_s=join_s,
        again_s=spread(found["again_s"]),
        peak_bytes=found["peak_bytes"],
        us_per_shard=join_s.median / num_shards * 1e6,
    )


def ask(setting: Setting) -> Answer:
    """Render in parts, and join them."""
    sizes = (200, 400) if setting.quick else (200, 1_000, 5_000)
    rows = []
    for container in ("files", "tar"):
        for num_shards in sizes:
            with scratch() as home:
                rows.append(_trial(home, num_shards, container, setting.num(5, 1)))
    header = [
        *("container", "shards", "a part, s", "join, s", "joined, s"),
        *("join, us/shard", "memory, MB"),
    ]
    lines = [
        [
            *(row.container, row.num_shards, row.part_s, row.join_s, row.again_s),
            *(row.us_per_shard, number(row.peak_bytes / 1e6)),
        ]
        for row in rows
    ]
    text = (
        f"{NUM_PARTS} parts of shards of {PER_SHARD} pictures over one folder in memory. 'a part' "
        "finds all of its shards, and its renderer has fonts and texts; 'join' checks every shard "
        "and makes the label table; 'joined' finds that done. Memory is that of the process that "
        "joins, its libraries included."
    )
    return Answer(NAME, rows, [text, table(header, lines)], lambda figure: _draw(figure, rows))


def _draw(figure: Any, rows: list[Row]) -> None:
    axes = figure.subplots()
    of = {
        f"join, {container}": [
            (float(row.num_shards), row.join_s.median) for row in rows if row.container == container
        ]
        for container in ("files", "tar")
    }
    plots.lines(axes, of, (f"shards of {PER_SHARD} pictures", "seconds"), logs="xy")
    axes.legend()
    axes.set_title(QUESTION)


@click.command(NAME, help=QUESTION)
@asking.options
def command(out: Path, quick: bool) -> None:
    """Ask the question."""
    setting = Setting(quick, out)
    asking.deliver(ask(setting), setting)
