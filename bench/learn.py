"""Does it learn? A small recogniser is trained on pictures, and reads real ones.

The same recogniser for every set, the same number of pictures and steps, and the same start: it
first learns to read plain text, which is what takes longest and tells sets apart least. What it is
made of, and where its pictures come from, is ``learning/``'s.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

import click

from bench import asking, plots
from bench.asking import Answer, Setting
from bench.learning.scores import Score, misread, score
from bench.learning.sets import Made, Pictures, make_set, read_set, without
from bench.learning.sheet import misread_sheet
from bench.learning.texts import texts
from bench.learning.trainings import Job, Reading, Training, train_all
from bench.measure import Spread, number, spread
from bench.places import scratch
from bench.rows import table
from shmtext.config import RunConfig, config_from_options, load_toml
from shmtext.config.looks import CLEAN
from shmtext.errors import ShmtextError

NAME = "learn"
QUESTION = "Does it learn?"

OWN = "own"
"""The first pictures that it was trained on, to be read again."""
NUM_OWN = 1_000

LOOKS = ("mixed",)
RECIPE = "both"
NUM_STARTING = 20_000
"""Plain pictures that the common start is made of."""
US = 1e6


@dataclass(frozen=True, slots=True)
class Given:
    """What is compared, and on what."""

    reals: Mapping[str, Path] = field(default_factory=dict)
    """Folders with labels, or Parquet files, by name."""
    sets: Mapping[str, Path] = field(default_factory=dict)
    """Likewise, to be trained on."""
    configs: Sequence[Path] = ()
    """TOML of runs, to be drawn and trained on."""
    looks: Sequence[str] = ()
    """The same, of texts of a recipe; what is asked where nothing else is."""
    minus: Sequence[str] = ()
    """Effects, or kinds of them, each left out of a further set of every run's."""
    start: Path | None = None
    """A file with the start's weights, made where it is not there."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is trained."""

    num_pictures: int = 20_000
    """Of each set, the first ones."""
    num_steps: int = 1_250
    start_steps: int = 800
    """0: from random weights."""
    num_seeds: int = 2
    workers: int = 1
    """Trainings at a time."""


USUAL = Effort()


@dataclass(frozen=True, slots=True)
class Row:
    """What a recogniser trained on one set reads of another."""

    trained_on: str
    num_pictures: int
    num_steps: int
    start_steps: int
    read: str
    num_read: int
    word: Spread
    """Over seeds, in percent, as ``Score`` has it."""
    full: Spread
    cer: Spread
    loss: Spread
    """At the training's end."""
    making_us: float
    """CPU time per picture of the stream that drew the set; 0 for one that was given."""
    training_s: Spread
    """CPU time."""


@dataclass(frozen=True, slots=True)
class Misread:
    """One text that a recogniser read wrong."""

    trained_on: str
    seed: int
    read: str
    number: int
    """Of the picture in its set."""
    text: str
    said: str


@dataclass(frozen=True, slots=True, eq=False)
class _Set:
    """Pictures to be trained on, as files for trainings."""

    pictures: Path
    own: Path
    own_texts: tuple[str, ...]
    num: int
    making_us: float

    @classmethod
    def of(cls, made: Made, pictures: Path) -> _Set:
        """Write its files: ``pictures``, and one beside it."""
        own, first = pictures.with_suffix(".own.npz"), made.pictures.first(NUM_OWN)
        made.pictures.save(pictures)
        first.save(own)
        return cls(pictures, own, first.texts, len(made.pictures), made.cpu_us)


@dataclass(frozen=True, slots=True, eq=False)
class _Outcome:
    """All that was read."""

    sets: Mapping[str, _Set]
    reals: Mapping[str, Pictures]
    readings: Mapping[tuple[str, int], Reading]
    """By set and seed."""
    effort: Effort

    def texts(self, trained_on: str) -> dict[str, tuple[str, ...]]:
        """What should have been read after one set, by what it stands in."""
        reals = {real: pictures.texts for real, pictures in self.reals.items()}
        return {**reals, OWN: self.sets[trained_on].own_texts}


def ask(setting: Setting, given: Given | None = None, effort: Effort | None = None) -> Answer:
    """Train on every set, and read every real one."""
    asking.need("learn", ("torch", "wordfreq", "rapidfuzz"))
    given, effort = given or Given(), effort or Effort(workers=_cores())
    if setting.quick:
        effort = replace(effort, num_pictures=200, num_steps=4, start_steps=2)
    with scratch() as home:
        reals = {name: read_set(path) for name, path in given.reals.items()}
        to_read = {real: home / f"real-{number}.npz" for number, real in enumerate(reals)}
        for real, path in to_read.items():
            reals[real].save(path)
        sets = {
            name: _Set.of(made, home / f"set-{number}.npz")
            for number, (name, made) in enumerate(_made(given, effort, home))
        }
        start = _start(given.start, effort, home) if effort.start_steps else None
        keys = list(product(sets, range(effort.num_seeds)))
        jobs = [
            Job(
                Training(sets[name].pictures, effort.num_steps, seed, start),
                {**to_read, OWN: sets[name].own},
            )
            for name, seed in keys
        ]
        readings = train_all(jobs, effort.workers, "training")
    return _answer(_Outcome(sets, reals, dict(zip(keys, readings, strict=True)), effort))


def _made(given: Given, effort: Effort, home: Path) -> Iterator[tuple[str, Made]]:
    """Every set by name; of runs, each as it is, then what it is without something."""
    for name, path in given.sets.items():
        yield name, Made(read_set(path, effort.num_pictures), 0.0)
    looks = given.looks or (() if given.sets or given.configs else LOOKS)
    runs = {path.stem: _config(load_toml(path), effort) for path in given.configs}
    runs |= {look: _recipe_run(look, effort, home) for look in looks}
    for name, config in runs.items():
        yield name, make_set(config)
        for effects in given.minus:
            less = without(config, effects.split(","))
            yield f"{name} - {effects}", make_set(less)


def _config(options: Mapping[str, Any], effort: Effort) -> RunConfig:
    config = config_from_options(options)
    return replace(config, max_images=min(config.max_images or sys.maxsize, effort.num_pictures))


def _recipe_run(look: str, effort: Effort, home: Path) -> RunConfig:
    """A look's run over texts of the recipe."""
    path = home / "texts.txt"
    if not path.exists():
        lines = texts(RECIPE, max(effort.num_pictures, NUM_STARTING))
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return _config({"texts": str(path), "look": [look]}, effort)


def _start(kept: Path | None, effort: Effort, home: Path) -> Path:
    """Weights that can read plain text."""
    weights = kept or home / "start.pt"
    if kept is None or not kept.exists():
        effort = replace(effort, num_pictures=min(effort.num_pictures, NUM_STARTING))
        plain = _Set.of(make_set(_recipe_run(CLEAN, effort, home)), home / "start.npz")
        training = Training(plain.pictures, effort.start_steps, seed=0)
        train_all([Job(training, {}, save=weights)], 1, "start")
    return weights


def _answer(outcome: _Outcome) -> Answer:
    rows = [
        _row(outcome, trained_on, read)
        for trained_on in outcome.sets
        for read in (*outcome.reals, OWN)
    ]
    wrong = [
        Misread(trained_on, seed, read, number, pictures.texts[number], reading.said[read][number])
        for (trained_on, seed), reading in outcome.readings.items()
        for read, pictures in outcome.reals.items()
        for number in misread(reading.said[read], pictures.texts)
    ]
    effort = outcome.effort
    start = f"after {effort.start_steps:,} on plain text" if effort.start_steps else "from nothing"
    text = [
        f"{effort.num_steps:,} steps {start}, {effort.num_seeds} seeds; texts read right, in "
        "percent: letters and digits alone.",
        _table(outcome, rows, "word"),
        "With all their marks, and wrong characters of a hundred:",
        _table(outcome, rows, "full"),
        _table(outcome, rows, "cer"),
    ]
    first = next(iter(outcome.sets))
    sheets = {
        f"-misread-{read}": misread_sheet(
            pictures, outcome.readings[first, 0].said[read], f"{first} reads {read}"
        )
        for read, pictures in outcome.reals.items()
    }
    more = {"-misread": wrong} if wrong else {}
    return Answer(NAME, rows, text, lambda figure: _draw(figure, rows), more, sheets)


def _row(outcome: _Outcome, trained_on: str, read: str) -> Row:
    readings = [reading for (name, _), reading in outcome.readings.items() if name == trained_on]
    true = outcome.texts(trained_on)[read]
    scores = [score(reading.said[read], true) for reading in readings]
    its = outcome.sets[trained_on]
    return Row(
        trained_on=trained_on,
        num_pictures=its.num,
        num_steps=outcome.effort.num_steps,
        start_steps=outcome.effort.start_steps,
        read=read,
        num_read=len(true),
        **{each.name: spread(getattr(got, each.name) for got in scores) for each in fields(Score)},
        loss=spread(reading.loss for reading in readings),
        making_us=its.making_us,
        training_s=spread(reading.cpu_s for reading in readings),
    )


def _table(outcome: _Outcome, rows: Sequence[Row], what: str) -> str:
    reads = (*outcome.reals, OWN)
    found = {(row.trained_on, row.read): row for row in rows}
    lines = [
        [
            name,
            its.num,
            number(US / its.making_us) if its.making_us else "-",
            *(getattr(found[name, read], what) for read in reads),
        ]
        for name, its in outcome.sets.items()
    ]
    return table(["trained on", "pictures", "made per CPU-s", *reads], lines)


def _draw(figure: Any, rows: Sequence[Row]) -> None:
    axes = figure.subplots()
    of: dict[str, dict[str, Spread]] = {}
    for row in rows:
        of.setdefault(row.read, {})[row.trained_on] = row.word
    figure.set_size_inches(10.0, max(4.2, 1 + 0.2 * len(rows)))
    plots.grouped_bars(axes, of, "texts read right (letters and digits), %")
    axes.legend()
    figure.suptitle(QUESTION)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _named(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> Any:
    """``NAME=PATH`` as names and paths."""
    found: dict[str, Path] = {}
    for value in values:
        name, equals, path = value.partition("=")
        if not (name and equals and path):
            raise click.BadParameter(f"expected NAME=PATH, found {value!r}")
        if name in found or name == OWN:
            raise click.BadParameter(f"the name {name!r} is taken: give another")
        if not Path(path).exists():
            raise click.BadParameter(f"{path} is not there")
        found[name] = Path(path)
    return found


def _many(name: str, help_text: str, **more: Any) -> Callable[[Any], Any]:
    return click.option(name, multiple=True, help=help_text, **more)


def _num(name: str, default: int, help_text: str, least: int = 1) -> Callable[[Any], Any]:
    kind = click.IntRange(min=least)
    return click.option(name, type=kind, default=default, show_default=True, help=help_text)


@click.command(NAME, help=QUESTION)
@asking.options
@_many(
    "--real", "NAME=PATH: real pictures to read, a folder with labels or Parquet.", callback=_named
)
@_many("--set", "NAME=PATH: pictures to train on, of anyone's.", callback=_named)
@_many(
    "--config",
    "TOML of a run whose pictures are trained on.",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@_many("--look", "Presets to train on, of texts of a recipe. [default: mixed]")
@_many("--minus", "EFFECT[,EFFECT]: each run without these, too; kinds such as geometry as well.")
@_num("--pictures", USUAL.num_pictures, "Of each set, at most.")
@_num("--steps", USUAL.num_steps, "Of each training.")
@_num("--start-steps", USUAL.start_steps, "On plain text, before; 0: none.", least=0)
@click.option(
    "--start",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File of the start's weights: used where it is there, else made.",
)
@_num("--seeds", USUAL.num_seeds, "Trainings of each set.")
@_num("--workers", _cores(), "Trainings at a time, a core and thread each.")
def command(out: Path, quick: bool, **options: Any) -> None:
    """Ask the question."""
    setting = Setting(quick, out)
    given = Given(
        options["real"],
        options["set"],
        options["config"],
        options["look"],
        options["minus"],
        options["start"],
    )
    effort = Effort(
        options["pictures"],
        options["steps"],
        options["start_steps"],
        options["seeds"],
        options["workers"],
    )
    try:
        answer = ask(setting, given, effort)
    except ShmtextError as error:
        raise click.ClickException(str(error)) from error
    asking.deliver(answer, setting)
