"""What does a training loop cost without files?

A loop takes one batch of 256 pictures after the other, touches a byte of each batch and does
nothing else: what is left is what it takes to have them. Every way to have them is opened anew in
each round and runs for a while before it is watched, alone. CPU time is that of the loop's process
and that of its workers, apart. The yardstick is drawing the same texts, and no more than that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

import shmtext
from bench import asking, plots, work
from bench.asking import Answer, Setting
from bench.looked import Drawing, with_look
from bench.measure import (
    Spread,
    WatchingApart,
    busy_now,
    interleave,
    number,
    others_cpu_share,
    ratios,
    spread,
)
from bench.places import scratch
from bench.rows import table
from bench.stream_beside import (
    BATCH,
    PILLOW,
    SIZE_PX,
    Batches,
    batches_of,
    loaders,
)
from shmtext.config import config_from_options

NAME = "stream"
QUESTION = "What does a training loop cost without files?"

ALONE = "drawn alone"
ONE, TWO = "stream, 1 worker", "stream, 2 workers"
WITH_TEXTS = "stream, 1 worker, texts asked for"
NO_WORKER = "stream, no worker"
FITTED = "stream, 1 worker, fitted to 32 x 128"

KEPT: dict[str, Any] = {"fit": "keep", "size": SIZE_PX}
STREAMS: dict[str, dict[str, Any]] = {
    ONE: {"workers": 1, **KEPT},
    TWO: {"workers": 2, **KEPT},
    WITH_TEXTS: {"workers": 1, **KEPT},
    NO_WORKER: {"workers": 0, **KEPT},
    FITTED: {"workers": 1, "fit": "pad", "size": (32, 128)},
}
"""What ``shmtext.stream`` is told."""

LOOK = "mixed"
ONE_FACE, TWELVE, LOOKED = "plain, one face", "plain, twelve faces", f"look {LOOK}"
US = 1e6


@dataclass(frozen=True, slots=True)
class Row:
    """One way to have one kind of pictures."""

    pictures: str
    way: str
    images_per_s: Spread
    """By the clock."""
    workers_us: Spread
    """CPU time per picture, as all below."""
    loop_us: Spread
    """Of the loop's own process; where there is no worker, all of it."""
    over_alone: Spread
    """Of workers and loop over drawing alone, round by round."""
    over_one: Spread
    """The same over the stream with one worker."""
    rate_over_one: Spread
    """Pictures by the clock, over the stream with one worker."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What was to be reached for plain pictures, and what was found."""

    what: str
    pictures: str
    to_reach: str
    found: Spread
    is_reached: bool
    """By the median."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One way in one round."""

    num_images: int
    wall_s: float
    workers_cpu_s: float
    loop_cpu_s: float

    @property
    def images_per_s(self) -> float:
        """By the clock."""
        return self.num_images / self.wall_s

    @property
    def cpu_us(self) -> float:
        """Of workers and loop, per picture."""
        return (self.workers_cpu_s + self.loop_cpu_s) / self.num_images * US


Found = Mapping[str, Sequence[Measured]]
"""Rounds of each way."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long each way is looked at, in every round."""

    before_s: float
    """Until its worker is warm."""
    watched_s: float


def ask(setting: Setting) -> Answer:
    """Measure every way to have every kind of pictures."""
    effort = Effort(0.05, 0.1) if setting.quick else Effort(0.5, 2.5)
    missing = _missing()
    found: dict[str, Found] = {}
    before = busy_now()
    for pictures in (ONE_FACE,) if setting.quick else (ONE_FACE, TWELVE, LOOKED):
        with scratch() as home:
            options = _options(pictures, setting.num(10_000, 512), home)
            cases = _cases(options, effort, home, with_others=not missing)
            found[pictures] = interleave(cases, setting.num(5, 1), setting.num(1, 0))
    others = others_cpu_share(before, busy_now())
    rows = [_row(pictures, way, each) for pictures, each in found.items() for way in each]
    aims = [aim for pictures in found if pictures != LOOKED for aim in _aims(pictures, found)]
    text = [
        f"Batches of {BATCH} gray pictures of 5 to 20 characters at about 32 px, kept as drawn in "
        f"{SIZE_PX[0]} x {SIZE_PX[1]} px where nothing else is said; CPU time per picture. Other "
        f"processes took {others:.0%} of this machine meanwhile.",
        _table(rows),
        _table_of_aims(aims),
        *([f"Left out, what others load with: {missing}"] if missing else []),
    ]
    return Answer(NAME, rows, text, lambda figure: _draw(figure, rows), {"-aims": aims})


def _missing() -> str:
    """Say which libraries of others are not there."""
    try:
        asking.need("loaders", ("torch", "webdataset"))
    except asking.LibraryMissing as error:
        return error.message
    return ""


def _options(pictures: str, num_images: int, home: Path) -> dict[str, Any]:
    options_of = work.one_face if pictures == ONE_FACE else work.twelve_faces
    options = options_of(num_images * 2, max_images=num_images)
    return with_look(options, [LOOK], home) if pictures == LOOKED else options


def _cases(
    options: Mapping[str, Any], effort: Effort, home: Path, *, with_others: bool
) -> dict[str, Callable[[], Measured]]:
    config = config_from_options(options)
    opened: dict[str, Callable[[], AbstractContextManager[Batches]]] = {
        way: partial(_streamed, config, told, with_texts=way == WITH_TEXTS)
        for way, told in STREAMS.items()
    }
    if with_others:
        for way, make in loaders(config, home).items():
            opened[way] = partial(batches_of, make)
    return {
        ALONE: partial(_alone, Drawing(options)),
        **{way: partial(_looped, each, effort) for way, each in opened.items()},
    }


@contextmanager
def _streamed(config: Any, told: Mapping[str, Any], *, with_texts: bool) -> Iterator[Batches]:
    with shmtext.stream(config, batch_size=BATCH, channels=1, **told) as stream:

        def images() -> Batches:
            for batch in stream:
                if with_texts:
                    _ = batch.texts
                yield batch.images

        yield images()


def _alone(drawing: Drawing) -> Measured:
    watching = WatchingApart()
    num_images = drawing.run().num_images
    cost = watching.cost()
    return Measured(num_images, cost.wall_s, cost.children_cpu_s, cost.own_cpu_s)


def _looped(
    open_batches: Callable[[], AbstractContextManager[Batches]], effort: Effort
) -> Measured:
    with open_batches() as batches:
        _loop(batches, effort.before_s)
        watching = WatchingApart()
        num_images = _loop(batches, effort.watched_s)
        cost = watching.cost()
    return Measured(num_images, cost.wall_s, cost.children_cpu_s, cost.own_cpu_s)


def _loop(batches: Batches, least_s: float) -> int:
    """Take batches for so long, until one had to be waited for; tell how many pictures they had.

    Workers draw several batches together: between two that had to be waited for lies all the work
    for those that came, and for no others.
    """
    num_images = 0
    begin_s = last_s = time.perf_counter()
    for num_batches, images in enumerate(batches, 1):
        _ = int(images[0, 0, 0])
        num_images += len(images)
        now_s = time.perf_counter()
        has_waited = (now_s - last_s) * num_batches >= now_s - begin_s
        if has_waited and now_s - begin_s >= least_s:
            break
        last_s = now_s
    return num_images


def _row(pictures: str, way: str, found: Found) -> Row:
    measured = found[way]
    return Row(
        pictures=pictures,
        way=way,
        images_per_s=spread(each.images_per_s for each in measured),
        workers_us=spread(each.workers_cpu_s / each.num_images * US for each in measured),
        loop_us=spread(each.loop_cpu_s / each.num_images * US for each in measured),
        over_alone=ratios(_cpu_us(measured), _cpu_us(found[ALONE])),
        over_one=ratios(_cpu_us(measured), _cpu_us(found[ONE])),
        rate_over_one=ratios(_rates(measured), _rates(found[ONE])),
    )


def _cpu_us(measured: Sequence[Measured]) -> list[float]:
    return [each.cpu_us for each in measured]


def _rates(measured: Sequence[Measured]) -> list[float]:
    return [each.images_per_s for each in measured]


def _aims(pictures: str, of: Mapping[str, Found]) -> Iterator[Aim]:
    found = of[pictures]
    rows = {way: _row(pictures, way, found) for way in found}

    def at_least(what: str, value: Spread, aim: float) -> Aim:
        to_reach = f"at least {number(aim)}"
        return Aim(what, pictures, to_reach, value, is_reached=value.median >= aim)

    def at_most(what: str, value: Spread, aim: float) -> Aim:
        return Aim(what, pictures, f"at most {number(aim)}", value, is_reached=value.median <= aim)

    yield at_least("images/s, one worker", rows[ONE].images_per_s, 60_000)
    yield at_most("CPU time over drawing alone, one worker", rows[ONE].over_alone, 2)
    yield at_most("the loop's own CPU us a picture, one worker", rows[ONE].loop_us, 1)
    yield at_least("images/s of two workers over one", rows[TWO].rate_over_one, 1.8)
    if PILLOW in rows:
        yield at_least("images per CPU-second over Pillow's", rows[PILLOW].over_one, 50)


def _table(rows: Sequence[Row]) -> str:
    header = [
        *("pictures", "way", "images/s", "workers, us", "loop, us", "over drawn alone"),
        *("over one worker's stream", "images/s over its"),
    ]
    lines = [
        [
            *(row.pictures, row.way, row.images_per_s, row.workers_us, row.loop_us),
            *(row.over_alone, row.over_one, row.rate_over_one),
        ]
        for row in rows
    ]
    return table(header, lines)


def _table_of_aims(aims: Sequence[Aim]) -> str:
    header = ["pictures", "aim", "to reach", "found", "reached"]
    lines = [[aim.pictures, aim.what, aim.to_reach, aim.found, aim.is_reached] for aim in aims]
    return table(header, lines)


def _draw(figure: Any, rows: Sequence[Row]) -> None:
    kinds = list(dict.fromkeys(row.pictures for row in rows))
    for axes, pictures in zip(figure.subplots(len(kinds), squeeze=False)[:, 0], kinds, strict=True):
        of = {row.way: row.images_per_s.median for row in rows if row.pictures == pictures}
        plots.bars(axes, of, "images/s")
        axes.set_xscale("log")
        axes.set_title(pictures)
    figure.set_size_inches(10.0, 1.5 + 0.25 * len(rows))
    figure.suptitle(QUESTION)


@click.command(NAME, help=QUESTION)
@asking.options
def command(out: Path, quick: bool) -> None:
    """Ask the question."""
    setting = Setting(quick, out)
    asking.deliver(ask(setting), setting)
