"""What do containers cost?

Three parts. Whole runs, by the loop that the serial engine goes through, files in memory: what
storing costs is the CPU time of a run less that of one that draws, encodes and makes label rows
all the same, and stores no picture. Storing alone, of pictures that were encoded before, over one
joined write: what is left where nothing is laid out, named or checked. And whole runs on an ext4
of its own, made in a file, before and after many files are deleted there.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

import click
import pyarrow as pa

from bench import asking, disks, plots, work
from bench.asking import Answer, Setting
from bench.measure import Cost, Spread, cost_of, interleave, ratios, spread
from bench.places import scratch
from bench.rows import table
from shmtext.config import RunConfig, config_from_options
from shmtext.corpus.ragged import RaggedTexts
from shmtext.dataset import plan as plans
from shmtext.dataset.containers import CONTAINERS, open_container
from shmtext.dataset.containers.base import IMAGES, Container
from shmtext.dataset.containers.files import Files
from shmtext.dataset.containers.names import PictureNames
from shmtext.dataset.folder import (
    FILE_MODE,
    NEW_FILE_FLAGS,
    STAGE,
    FileBytes,
    OutputFolder,
    write_all,
)
from shmtext.dataset.merge import merge_labels
from shmtext.dataset.plan import Shard
from shmtext.draw.pictures import PictureMaker
from shmtext.engine.shards import render_shard
from shmtext.engine.task import Task

NAME = "containers"
QUESTION = "What do containers cost?"

NOTHING, JOINED = "nothing stored", "one joined write"
ON_DISK = ("files", "tar", "parquet")
FULL_SHARD = 8_000
"""Examples: shards of a run of a million. Longer ones wait for longer in memory."""
US = 1e6


@dataclass(frozen=True, slots=True)
class Row:
    """One container in memory; CPU time, per picture."""

    container: str
    num_images: int
    bytes_per_image: float
    """As stored."""
    run_us: Spread
    """Of a whole run."""
    storing_us: Spread
    """The same less a run that stores nothing, round by round."""
    storing_over_files: Spread
    alone_us: Spread
    """Of storing pictures that were encoded before."""
    over_joined_us: Spread
    """The same less one joined write of each batch to a file a shard, round by round."""


@dataclass(frozen=True, slots=True)
class DiskRow:
    """One container on ext4."""

    has_journal: bool
    container: str
    num_deleted: int
    """Pictures in files of their own that were deleted there just before."""
    num_images: int
    images_per_s: Spread
    """By the clock, in one process."""
    over_files: Spread
    """Of the same round."""


# -- what stands beside containers ----------------------------------------------------------------


class _Stage:
    """A stage that does what it is told with batches and label rows, and publishes nothing."""

    def __init__(
        self,
        shard: Shard,
        take: Callable[[Sequence[bytes], Sequence[FileBytes]], None] = lambda _names, _data: None,
        publish: Callable[[pa.Table], None] = lambda _rows: None,
    ) -> None:
        self.shard, self.take, self.publish = shard, take, publish
        self.file_us = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


class _Nothing(Files):
    """Forgets pictures."""

    def stage(self, folder: OutputFolder, shard: Shard) -> Any:  # noqa: ARG002
        return _Stage(shard)


class _Joined(Files):
    """Each batch in one write, a file a shard, in the order of drawing."""

    @contextmanager
    def stage(self, folder: OutputFolder, shard: Shard) -> Iterator[Any]:  # type: ignore[override]
        folder.make_folder(IMAGES)
        fd = os.open(folder.path / IMAGES / shard.name, NEW_FILE_FLAGS, FILE_MODE)
        try:
            yield _Stage(shard, lambda _names, data: write_all(fd, b"".join(data)))
        finally:
            os.close(fd)


@dataclass(frozen=True, slots=True, eq=False)
class KeptShard:
    """What a container is given for a shard."""

    shard: Shard
    batches: list[tuple[Sequence[bytes], Sequence[FileBytes]]] = field(default_factory=list)
    rows: list[pa.Table] = field(default_factory=list)
    """One table, once the shard is published."""


@dataclass(frozen=True, slots=True)
class _Kept(Files):
    """Keeps what it is given."""

    shards: list[KeptShard] = field(default_factory=list)

    def stage(self, folder: OutputFolder, shard: Shard) -> Any:  # noqa: ARG002
        kept = KeptShard(shard)
        self.shards.append(kept)
        return _Stage(shard, lambda *batch: kept.batches.append(batch), kept.rows.append)


# -- in memory ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stored:
    """What one case of one round came to."""

    cost: Cost
    num_images: int
    num_bytes: int
    """Of all files with pictures."""
    path: Path
    """Where they are, or were."""

    @property
    def cpu_us(self) -> float:
        """Per image."""
        return self.cost.cpu_s / self.num_images * US

    @property
    def images_per_s(self) -> float:
        """By the clock."""
        return self.num_images / self.cost.wall_s


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """The standard run made ready, and ever new folders to store it in."""

    config: RunConfig
    texts: RaggedTexts
    maker: PictureMaker
    home: Path
    _numbers: count[int] = field(default_factory=count)

    @classmethod
    def of(cls, num_images: int, home: Path) -> Self:
        """Read fonts and make the corpus; work in ``home``."""
        config = config_from_options(work.twelve_faces(num_images * 2, max_images=num_images))
        return cls(config, work.texts_of(config), PictureMaker(work.settings_of(config)), home)

    @property
    def num_images(self) -> int:
        """Of every run."""
        return len(self.texts)

    def long_shards(self) -> AbstractContextManager[object]:
        """Have runs within the block divided as a run of a million is, not one of theirs."""
        per_shard = min(FULL_SHARD, self.num_images // 2)
        return patch.object(plans, "shard_size", lambda _num_examples: per_shard)

    def containers(self) -> dict[str, Container]:
        """Every container, and what stands beside them."""
        extension = self.config.output.image_format
        names = PictureNames(self.num_images, extension)
        ours = {name: open_container(name, self.num_images, extension) for name in CONTAINERS}
        return {NOTHING: _Nothing(names), JOINED: _Joined(names), **ours}

    def kept(self) -> list[KeptShard]:
        """Encode all pictures and keep them, as every container is given them."""
        container = _Kept(PictureNames(self.num_images, self.config.output.image_format))
        self.run(container)
        return container.shards

    def run(self, container: Container, *, keep: bool = False) -> Stored:
        """Render and merge all shards."""
        with self._folder(keep=keep) as folder:
            sink = work.sink_in(folder, self.num_images, self.maker.settings, container)

            def render() -> None:
                for shard in sink.record.plan.shards():
                    render_shard(self.maker, self.texts, Task(shard), sink)
                merge_labels(folder, sink.record, self.config.output.csv_header)

            return self._stored(cost_of(render), folder)

    def alone(self, container: Container, shards: Sequence[KeptShard]) -> Stored:
        """Store pictures that are there already."""
        with self._folder() as folder:

            def store() -> None:
                for kept in shards:
                    with container.stage(folder, kept.shard) as stage:
                        for names, data in kept.batches:
                            stage.take(names, data)
                        stage.publish(kept.rows[0])

            return self._stored(cost_of(store), folder)

    def _stored(self, cost: Cost, folder: OutputFolder) -> Stored:
        return Stored(cost, self.num_images, _num_bytes(folder), folder.path)

    @contextmanager
    def _folder(self, *, keep: bool = False) -> Iterator[OutputFolder]:
        path = self.home / str(next(self._numbers))
        with OutputFolder.open(path, create=True) as folder:
            folder.make_folder(STAGE)
            yield folder
        if not keep:
            shutil.rmtree(path)


def _num_bytes(folder: OutputFolder) -> int:
    files = (each for each in (folder.path / IMAGES).rglob("*") if each.is_file())
    return sum(each.stat().st_size for each in files)


def in_memory(setting: Setting, home: Path) -> list[Row]:
    """Measure every container, in whole runs and alone."""
    bench = Bench.of(setting.num(2 * FULL_SHARD, 400), home)
    containers = bench.containers()
    with bench.long_shards():
        runs = interleave(
            {name: partial(bench.run, each) for name, each in containers.items()},
            setting.num(15, 1),
        )
        kept = bench.kept()
    alone = interleave(
        {name: partial(bench.alone, each, kept) for name, each in containers.items()},
        setting.num(25, 1),
    )
    return _rows(runs, alone)


def _rows(runs: Mapping[str, list[Stored]], alone: Mapping[str, list[Stored]]) -> list[Row]:
    def less(of: Mapping[str, list[Stored]], name: str, other: str) -> list[float]:
        return [a.cpu_us - b.cpu_us for a, b in zip(of[name], of[other], strict=True)]

    of_files = less(runs, "files", NOTHING)
    return [
        Row(
            container=name,
            num_images=runs[name][0].num_images,
            bytes_per_image=runs[name][0].num_bytes / runs[name][0].num_images,
            run_us=spread(each.cpu_us for each in runs[name]),
            storing_us=spread(less(runs, name, NOTHING)),
            storing_over_files=ratios(less(runs, name, NOTHING), of_files),
            alone_us=spread(each.cpu_us for each in alone[name]),
            over_joined_us=spread(less(alone, name, JOINED)),
        )
        for name in runs
    ]


# -- on ext4 --------------------------------------------------------------------------------------


def on_ext4(setting: Setting, home: Path, *, has_journal: bool) -> list[DiskRow]:
    """Measure on an empty file system, then after many files were deleted there.

    Without a journal ext4 goes by inodes that were freed in the last minutes, one by one for each
    new file. What is measured is measured at once, and nothing else is deleted.
    """
    bench = Bench.of(setting.num(FULL_SHARD, 200), home)
    containers = bench.containers()
    cases = {name: partial(bench.run, containers[name], keep=True) for name in ON_DISK}
    num_rounds = setting.num(5, 1)
    with bench.long_shards():
        fresh = interleave(cases, num_rounds)
        large = [bench.run(containers["files"], keep=True) for _ in range(setting.num(12, 2))]
        for each in large:
            shutil.rmtree(each.path)
        after = interleave(cases, num_rounds, num_warm_ups=0)
    num_deleted = sum(each.num_images for each in large)
    return [
        DiskRow(
            has_journal=has_journal,
            container=name,
            num_deleted=deleted,
            num_images=bench.num_images,
            images_per_s=spread(each.images_per_s for each in runs[name]),
            over_files=ratios(
                [each.images_per_s for each in runs[name]],
                [each.images_per_s for each in runs["files"]],
            ),
        )
        for deleted, runs in ((0, fresh), (num_deleted, after))
        for name in ON_DISK
    ]


# -- the answer -----------------------------------------------------------------------------------


def ask(setting: Setting, disk: Path | None = None) -> Answer:
    """Measure in memory, and on ext4 where one can be mounted."""
    with scratch() as home:
        rows = in_memory(setting, home)
    text = [_of_memory(rows)]
    try:
        on_disk: list[DiskRow] = []
        for has_journal in (False,) if setting.quick else (True, False):
            with disks.fresh_ext4(disk or disks.disk(), has_journal=has_journal) as home:
                on_disk += on_ext4(setting, home, has_journal=has_journal)
    except disks.MountError as error:
        text.append(f"Left out, as no ext4 could be made and mounted here ({error}): the disk.")
    else:
        text.append(_of_disk(on_disk))
    more = {"-disk": on_disk} if on_disk else {}
    return Answer(NAME, rows, text, lambda figure: _draw(figure, rows, on_disk), more)


def _of_memory(rows: list[Row]) -> str:
    header = [
        *("container", "bytes/image", "run, CPU us", "storing, us", "over files"),
        *("alone, us", "over a joined write, us"),
    ]
    lines = [
        [
            *(row.container, row.bytes_per_image, row.run_us, row.storing_us),
            *(row.storing_over_files, row.alone_us, row.over_joined_us),
        ]
        for row in rows
    ]
    return (
        f"Twelve faces, gray JPEG of quality 95, in memory, CPU time per picture. 'storing' is a "
        f"whole run less one that stores nothing; 'alone' is what pictures take that were encoded "
        f"before.\n\n{table(header, lines)}"
    )


def _of_disk(rows: list[DiskRow]) -> str:
    header = ["ext4", "container", "deleted before", "images/s", "over files", "images"]
    lines = [
        [
            *(_kind(row), row.container, row.num_deleted),
            *(row.images_per_s, row.over_files, row.num_images),
        ]
        for row in rows
    ]
    return f"Whole runs in one process on ext4, by the clock.\n\n{table(header, lines)}"


def _kind(row: DiskRow) -> str:
    return "with a journal" if row.has_journal else "without"


def _draw(figure: Any, rows: list[Row], on_disk: list[DiskRow]) -> None:
    left, right = figure.subplots(1, 2)
    kept = [row for row in rows if row.container != NOTHING]
    of_parts = {
        row.container: {"in a whole run": row.storing_us, "alone": row.alone_us} for row in kept
    }
    plots.grouped_bars(left, of_parts, "storing a picture in memory, CPU us")
    left.tick_params(axis="x", rotation=20)
    left.legend()
    of_rates: dict[str, dict[str, Spread]] = {}
    for row in on_disk:
        state = f"{_kind(row)}, {'many files deleted' if row.num_deleted else 'fresh'}"
        of_rates.setdefault(row.container, {})[state] = row.images_per_s
    if of_rates:
        plots.grouped_bars(right, of_rates, "images/s on ext4")
        right.legend()
    else:
        right.set_axis_off()
    figure.suptitle(QUESTION)


@click.command(NAME, help=QUESTION)
@asking.options
@click.option(
    "--disk",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder on the disk to measure. [default: the temporary folder]",
)
def command(out: Path, quick: bool, disk: Path | None) -> None:
    """Ask the question."""
    setting = Setting(quick, out)
    asking.deliver(ask(setting, disk), setting)
