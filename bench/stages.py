"""Where does a run's time go?

Each stage is timed by wrapping its function, called a few times for each batch of pictures: what
that costs is measured by the same loop without. Beside the stages stands the floor: the encoding
of the same pictures and the writing of the same files, with nothing around them. The project's
measure of speed is the CPU time of a whole run over that floor.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import fmean
from typing import Any, Self

import click
import cv2

from bench import asking, plots, side_stages, timed, work
from bench.asking import Answer, Setting
from bench.measure import Cost, Spread, Watching, cost_of, interleave, number, ratios, spread
from bench.places import ONE_FONT, environment, scratch
from bench.rows import table
from shmtext.config import Engine, RunConfig, config_from_options, load_toml
from shmtext.corpus.ragged import RaggedTexts
from shmtext.dataset import merge
from shmtext.dataset.folder import NEW_FILE_FLAGS, STAGE, OutputFolder
from shmtext.dataset.plan import Plan
from shmtext.draw import pictures
from shmtext.draw.compose import Composer
from shmtext.draw.encode import Encoder, encoder
from shmtext.draw.ink import Ink
from shmtext.draw.pictures import PictureMaker
from shmtext.draw.plain import PlainDrawer
from shmtext.engine import to_dataset
from shmtext.engine.gathered import Gathering
from shmtext.engine.inspect import run_status
from shmtext.engine.renderer import Renderer
from shmtext.engine.shards import render_shard
from shmtext.engine.task import Task
from shmtext.engine.to_dataset import DatasetShard

NAME = "stages"
QUESTION = "Where does a run's time go?"

FLOOR = "floor: encode + write"
LOOP, UNTIMED_LOOP = "sum of the stages", "the same loop, stages not timed"
SERIAL, WORKER = "run, serial", "run, one worker"
COMMAND = "command, one worker, start-up included"
PILLOW, PILLOW_ALL = "plain Pillow loop, one font", "plain Pillow loop, all faces"
US = 1e6


@dataclass(frozen=True, slots=True)
class Row:
    """One part of a run, or a whole of some kind."""

    mode: str
    what: str
    num_images: int
    cpu_us: Spread
    """Per image."""
    wall_us: Spread
    over_floor: Spread
    """CPU time over that of the floor, round by round."""


STAGES: dict[str, timed.Place] = {
    "slice": (pictures, "decode_texts"),
    "style": (pictures, "style_texts"),
    "layout": (Composer, "lay_out"),
    "raster": (Composer, "strips"),
    "alone": (PlainDrawer, "strip_of_glyphs"),
    "color": (Ink, "pictures"),
    "encode": (Gathering, "encoded"),
    "write": (DatasetShard, "_write"),
    "checksum": (to_dataset, "_checksums"),
    "label": (DatasetShard, "_fragment"),
    "commit": (to_dataset, "commit_shard"),
    "merge": (merge, "merge_labels"),
}
"""Where each stage of a run is, in the order that a picture passes them."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one case of one round came to."""

    cost: Cost
    num_images: int
    stopwatch: timed.Stopwatch | None = None

    @property
    def cpu_us(self) -> float:
        """CPU time per image."""
        return self.cost.cpu_s / self.num_images * US

    @property
    def wall_us(self) -> float:
        """Wall time per image."""
        return self.cost.wall_s / self.num_images * US


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """One config made ready, and ever new folders to render it into."""

    options: Mapping[str, Any]
    config: RunConfig
    texts: RaggedTexts
    maker: PictureMaker
    home: Path
    _numbers: count[int]

    @classmethod
    def of(cls, options: Mapping[str, Any], home: Path) -> Self:
        """Read fonts and make the corpus; work in ``home``, which is made."""
        config = config_from_options(options)
        maker = PictureMaker(work.settings_of(config))
        home.mkdir()
        return cls(options, config, work.texts_of(config), maker, home, count())

    def fresh_folder(self) -> Path:
        """Name a folder that is not there yet."""
        return self.home / f"{next(self._numbers):05d}"

    def loop(self, *, is_timed: bool) -> Measured:
        """Render and merge all shards as the serial engine does, in this process."""
        out = self.fresh_folder()
        with OutputFolder.open(out, create=True) as folder, ExitStack() as block:
            folder.make_folder(STAGE)
            sink = work.sink_in(folder, len(self.texts), self.maker.settings)
            watching = Watching()
            stopwatch = block.enter_context(timed.timing(STAGES)) if is_timed else None
            for shard in sink.record.plan.shards():
                render_shard(self.maker, self.texts, Task(shard), sink)
            merged = merge.merge_labels(folder, sink.record, self.config.output.csv_header)
            block.close()
            cost = watching.cost()
        shutil.rmtree(out)
        return Measured(cost, merged.num_images, stopwatch)

    def floor(self) -> Measured:
        """Draw all pictures untimed; time their encoding, and the writing of their files."""
        out = self.fresh_folder()
        out.mkdir()
        plan = Plan(len(self.texts))
        encode = self._plain_encoder()
        cpu_s = wall_s = 0.0
        num_images = 0
        for shard in plan.shards():
            folder = out / shard.name
            folder.mkdir()
            folder_fd = os.open(folder, os.O_RDONLY)
            slice_ = self.texts.slice(shard.start, shard.stop)
            texts = self.maker.prepare(slice_, shard.start, self.texts)
            for batch in self.maker.draw(texts, _no_mark):
                names = [f"{shard.start + position:09d}.x" for position in batch.positions]
                begin_cpu_s, begin_wall_s = time.thread_time(), time.perf_counter()
                encoded = [encode(picture) for picture in batch.pictures]
                for name, data in zip(names, encoded, strict=True):
                    fd = os.open(name, NEW_FILE_FLAGS, 0o644, dir_fd=folder_fd)
                    os.write(fd, data)
                    os.close(fd)
                cpu_s += time.thread_time() - begin_cpu_s
                wall_s += time.perf_counter() - begin_wall_s
                num_images += len(names)
            os.close(folder_fd)
        shutil.rmtree(out)
        return Measured(Cost(wall_s, cpu_s), num_images)

    def _plain_encoder(self) -> Encoder:
        output = self.config.output
        if output.image_format == "png":
            return encoder(output)  # OpenCV's is slower: it would be no floor
        parameters = [cv2.IMWRITE_JPEG_QUALITY, output.jpeg_quality]
        return lambda picture: cv2.imencode(".jpg", picture, parameters)[1]

    def run(self, renderer: Renderer) -> Measured:
        """Render with workers, fonts and corpus that are there already."""
        out = self.fresh_folder()
        watching = Watching()
        summary = renderer.render(out)
        cost = watching.cost()
        shutil.rmtree(out)
        return Measured(cost, summary.num_images)

    def command(self) -> Measured:
        """Render by the command line, from the start of its process to its end."""
        out, config = self.fresh_folder(), self.fresh_folder()
        config.write_text(work.toml(self.options), encoding="utf-8")
        arguments = ["--config", str(config), "--engine", "processes", "--workers", "1"]
        cost = cost_of(
            lambda: subprocess.run(
                [sys.executable, "-m", "shmtext", "render", str(out), *arguments],
                env=environment(),
                capture_output=True,
                check=True,
            )
        )
        num_images = run_status(out).num_images
        shutil.rmtree(out)
        return Measured(cost, num_images)

    def pillow(self, num_images: int, *, all_faces: bool) -> Measured:
        """Draw the first texts with Pillow alone, in the same faces by turns, or in one."""
        out = self.fresh_folder()
        out.mkdir()
        settings = self.maker.settings
        faces = [(Path(f.path), s) for f in settings.fonts for s in settings.style.font_sizes]
        if not all_faces:
            fonts = [font for font, _ in faces if font.name == ONE_FONT.name]
            size_px = round(fmean(settings.style.font_sizes))
            faces = [(fonts[0] if fonts else faces[0][0], size_px)]
        texts = [self.texts[index] for index in range(min(num_images, len(self.texts)))]
        job = work.PillowJob(
            texts=[" ".join(text.split()) for text in texts],
            faces=faces,
            output=self.config.output,
            mode=self.config.picture_mode,
            folder=out,
        )
        cost = cost_of(lambda: work.pillow_loop(job))
        shutil.rmtree(out)
        return Measured(cost, len(texts))


def _no_mark(_position: int | None) -> None:
    pass


def ask(setting: Setting, config: Path | None = None, images: int | None = None) -> Answer:
    """Measure the stages of the standard run in gray and RGB, or those of one config."""
    num_images = images or setting.num(50_000, 2_000)
    if config is None:
        cases = [work.twelve_faces(num_images, mode=mode) for mode in ("gray", "rgb")]
    else:
        cases = [_limited(load_toml(config.resolve()), num_images)]
    rows: list[Row] = []
    text: list[str] = [_what_is_measured(config)]
    with scratch() as home:
        for position, options in enumerate(cases):
            bench = Bench.of(options, home / str(position))
            results = measure(bench, setting.num(5, 1))
            rows += rows_of(bench.config.picture_mode, results)
            text += summary(bench.config.picture_mode, results)
        sides = [] if config else side_stages.ask(setting, home)
    text.append(_table(rows))
    text += side_stages.text_of(sides)
    more = {"-beside": sides} if sides else {}
    return Answer(NAME, rows, text, lambda figure: _draw(figure, rows), more)


def measure(bench: Bench, num_rounds: int) -> dict[str, list[Measured]]:
    """Measure every case of one config, interleaved."""

    num_drawn = max(1, len(bench.texts) // 10)

    def warm(engine: Engine) -> Renderer:
        return Renderer(bench.config, workers=1, engine=engine)

    with warm("serial") as serial, warm("processes") as worker:
        return interleave(
            {
                FLOOR: bench.floor,
                LOOP: lambda: bench.loop(is_timed=True),
                UNTIMED_LOOP: lambda: bench.loop(is_timed=False),
                SERIAL: lambda: bench.run(serial),
                WORKER: lambda: bench.run(worker),
                COMMAND: bench.command,
                PILLOW: lambda: bench.pillow(num_drawn, all_faces=False),
                PILLOW_ALL: lambda: bench.pillow(num_drawn, all_faces=True),
            },
            num_rounds,
        )


def rows_of(mode: str, results: Mapping[str, list[Measured]]) -> list[Row]:
    """One row a stage, then one a case."""
    floor_us = [each.cpu_us for each in results[FLOOR]]

    def row(what: str, num_images: int, cpu_us: list[float], wall_us: list[float]) -> Row:
        over = ratios(cpu_us, floor_us)
        return Row(mode, what, num_images, spread(cpu_us), spread(wall_us), over)

    loops = results[LOOP]
    num_images = loops[0].num_images
    rows = []
    for stage in dict.fromkeys(stage for each in loops for stage in _stopwatch(each).cpu_s):
        cpu_us = [_stopwatch(each).cpu_s[stage] / num_images * US for each in loops]
        wall_us = [_stopwatch(each).wall_s[stage] / num_images * US for each in loops]
        rows.append(row(stage, num_images, cpu_us, wall_us))
    for what, measured in results.items():
        cpu_us, wall_us = [m.cpu_us for m in measured], [m.wall_us for m in measured]
        rows.append(row(what, measured[0].num_images, cpu_us, wall_us))
    return rows


def summary(mode: str, results: Mapping[str, list[Measured]]) -> list[str]:
    """Say the few figures that the table is read for."""
    cpu = {what: [each.cpu_us for each in measured] for what, measured in results.items()}
    accounted = spread(
        sum(_stopwatch(each).wall_s.values()) / each.cost.wall_s for each in results[LOOP]
    )
    overhead = ratios(cpu[LOOP], cpu[UNTIMED_LOOP])
    first = results[LOOP][0]
    turns = _stopwatch(first).num_turns
    turns_us = turns * timed.turn_us() / first.num_images
    return [
        f"{mode}: whole-run CPU over the floor: serial {ratios(cpu[SERIAL], cpu[FLOOR])}, "
        f"one worker {ratios(cpu[WORKER], cpu[FLOOR])}, the command with its start-up "
        f"{ratios(cpu[COMMAND], cpu[FLOOR])}; a Pillow loop in one font takes "
        f"{ratios(cpu[PILLOW], cpu[WORKER])} times the CPU of a run with one worker, "
        f"{ratios(cpu[PILLOW], cpu[COMMAND])} times that of the command.",
        f"{mode}: the stages sum to {accounted} of the whole they are parts of. Measuring them "
        f"takes {number(turns_us)} us an image ({turns:,} turns from one to another); the loop "
        f"with them timed takes {overhead} times the CPU of the same without.",
    ]


def _stopwatch(measured: Measured) -> timed.Stopwatch:
    assert measured.stopwatch is not None
    return measured.stopwatch


def _limited(options: dict[str, Any], num_images: int) -> dict[str, Any]:
    return {**options, "max_images": min(options.get("max_images", num_images), num_images)}


def _what_is_measured(config: Path | None) -> str:
    if config is not None:
        return f"The config {config.name}, files in memory."
    return (
        "Balanced text, 5 to 20 characters, six bundled fonts at 31 and 33 px (twelve faces), JPEG "
        "of quality 95, files in memory. CPU time is that of all processes, labels, manifests, "
        "checksums and merge included; where start-up is included, that is interpreters, imports, "
        "fonts and the corpus."
    )


def _table(rows: list[Row]) -> str:
    lines = [[r.mode, r.what, r.cpu_us, r.wall_us, r.over_floor, r.num_images] for r in rows]
    header = ["mode", "stage", "CPU us/image", "wall us/image", "CPU / floor", "images"]
    return table(header, lines)


def _draw(figure: Any, rows: list[Row]) -> None:
    bars: dict[str, dict[str, float]] = {}
    wholes = {FLOOR, LOOP, UNTIMED_LOOP, SERIAL, WORKER, COMMAND, PILLOW, PILLOW_ALL}
    for row in rows:
        if row.what not in wholes:
            bars.setdefault(f"{row.mode}: run", {})[row.what] = row.cpu_us.median
        elif row.what == FLOOR:
            bars.setdefault(f"{row.mode}: floor", {})["encode + write alone"] = row.cpu_us.median
    axes = figure.subplots()
    plots.stacked_bars(axes, bars, "CPU time per image, us")
    axes.set_title(QUESTION)
    figure.legend(loc="outside lower center", ncols=6, fontsize="small")


@click.command(NAME, help=QUESTION)
@asking.options
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Measure this TOML config in place of the standard run.",
)
@click.option("--images", type=click.IntRange(min=100), help="How many at most.")
def command(out: Path, quick: bool, config: Path | None, images: int | None) -> None:
    """Ask the question."""
    setting = Setting(quick, out)
    asking.deliver(ask(setting, config, images), setting)
