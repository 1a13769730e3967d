"""One run, from its folder to its summary: what is there already, what is missing, the label table;
or one part of a run, which ends before that.

What the run renders with is ``held.py``'s, what of it is there already ``resume.py``'s.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from shmtext.config import Resume, RunConfig
from shmtext.corpus.balance import CharacterCounts
from shmtext.dataset.characters import write_characters
from shmtext.dataset.columns import LabelSchema
from shmtext.dataset.containers import open_container
from shmtext.dataset.locks import lock, lock_note, share_worker_lock
from shmtext.dataset.manifest import Manifest
from shmtext.dataset.merge import CSV, SUCCESS, LabelMerge, csv_header, read_success, remove_success
from shmtext.dataset.opening import open_folder
from shmtext.dataset.places import RunPlace, run_place
from shmtext.dataset.plan import Plan, Shard
from shmtext.dataset.record import (
    RunRecord,
    refuse_difference,
    refuse_files_in_bucket,
    require_record,
)
from shmtext.dataset.room import check_room
from shmtext.draw.encode import FILE_FORMATS
from shmtext.draw.examples import Examples
from shmtext.draw.labels import labels_of
from shmtext.engine.characters import CharacterSummary, rows_of
from shmtext.engine.held import FirstRun, Held, Holding
from shmtext.engine.identity import beside_settings, identity_of, spelled_out
from shmtext.engine.progress import ShardDone, Tally
from shmtext.engine.ray_nodes import RayNodes
from shmtext.engine.resume import RunFolder, claim, existing_record, whole_shards
from shmtext.engine.slow_files import slow_files_note
from shmtext.engine.stop import StopRequest, stop_on_signals
from shmtext.engine.supervisor import Workers
from shmtext.engine.task import ShardQueue, ShardsOrder, SpareTime
from shmtext.engine.to_dataset import DatasetDestination, DatasetSink
from shmtext.errors import ConfigError
from shmtext.parts import Part

INSTEAD = "--container tar or parquet, in another folder, makes one a shard"


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run came to."""

    folder: RunPlace
    container: str
    """How pictures are stored."""
    num_images: int
    """In the label table."""
    num_skipped: int
    """Examples that can't be drawn: rows of ``skipped.parquet``."""
    num_failed: int
    """Examples whose drawing went wrong: rows of ``skipped.parquet``, too."""
    num_alone: int
    """Images drawn one at a time, as no batch could be sure of them: slower, not other."""
    num_rendered: int
    """Images rendered by this call; the others were there."""
    image_bytes: int
    elapsed_s: float
    digest: str
    """Over every picture and label row; equal runs have equal digests."""
    characters: CharacterSummary | None = None
    """How often they occur, where texts were taken again for rare ones (and all were drawn)."""
    has_csv: bool = False
    """There is a ``labels.csv`` beside the label table."""

    @property
    def images_per_s(self) -> float:
        """Of this call."""
        return self.num_rendered / self.elapsed_s if self.elapsed_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class PartSummary:
    """What a part of a run came to. There is no label table before all parts are joined."""

    folder: RunPlace
    part: Part
    num_shards: int
    """Of the part; of the whole run there are ``num_run_shards``."""
    num_run_shards: int
    num_images: int
    """In the part's shards; likewise all that follows."""
    num_skipped: int
    num_failed: int
    num_alone: int
    """See ``RunSummary``."""
    num_rendered: int
    """Images rendered by this call; the others were there."""
    image_bytes: int
    elapsed_s: float

    @property
    def images_per_s(self) -> float:
        """Of this call."""
        return self.num_rendered / self.elapsed_s if self.elapsed_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class RunOrder:
    """What a caller wants of one run."""

    out: RunPlace
    max_images: int | None
    """The first so many of what the config comes to."""
    resume: Resume
    part: Part | None = None
    """Whose shards alone are rendered; None: all, and then the label table."""

    def __post_init__(self) -> None:
        if self.part is not None and self.resume == "never":
            raise ConfigError(
                "part and resume 'never' exclude each other: parts share a folder, in which others "
                "may have begun"
            )


def render_into(order: RunOrder, holding: Holding) -> RunSummary:
    """Render into the order's folder, or finish what an interrupted run left there.

    What is rendered with is made once the folder is found to be this run's to use.
    """
    begin_s = time.monotonic()
    output = holding.means.config.output
    with _begun(order, holding) as begun:
        run, manifests = begun.run, begun.manifests
        folder, record = run.folder, run.record
        success = read_success(folder)
        num_rendered, num_alone = 0, sum(each.num_alone for each in manifests.values())
        is_as_asked = csv_header(folder) == output.csv_header
        if success is None or not is_as_asked or len(manifests) < record.plan.num_shards:
            remove_success(folder)
            with LabelMerge(folder, record, output.csv_header) as merge:
                rendered = _render_missing(begun, merge)
                num_rendered = sum(done.num_images for done in rendered)
                num_alone += sum(done.num_alone for done in rendered)
                with begun.stop.raising():
                    success = merge.finish()
        else:
            folder.end_stage()
        return RunSummary(
            folder=order.out,
            container=record.container.name,
            num_images=success.num_images,
            num_skipped=success.num_skipped,
            num_failed=success.num_failed,
            num_alone=num_alone,
            num_rendered=num_rendered,
            image_bytes=success.image_bytes,
            elapsed_s=time.monotonic() - begin_s,
            digest=success.digest,
            characters=None if begun.characters is None else CharacterSummary.of(begun.characters),
            has_csv=CSV in success.files,
        )


def render_part_into(order: RunOrder, holding: Holding) -> PartSummary:
    """Likewise the shards of the order's part, and no label table."""
    begin_s = time.monotonic()
    with _begun(order, holding) as begun:
        folder, record = begun.run.folder, begun.run.record
        assert folder.part is not None
        num_shards = len(folder.part.shards(record.plan.num_shards))
        if len(begun.manifests) < num_shards:
            remove_success(folder)
        rendered = _render_missing(begun, _NoMerge())
        folder.end_stage()
        done = [*map(ShardDone.of, begun.manifests.values()), *rendered]
        return PartSummary(
            folder=order.out,
            part=folder.part,
            num_shards=num_shards,
            num_run_shards=record.plan.num_shards,
            num_images=sum(each.num_images for each in done),
            num_skipped=sum(each.num_skipped for each in done),
            num_failed=sum(each.num_failed for each in done),
            num_alone=sum(each.num_alone for each in done),
            num_rendered=sum(each.num_images for each in rendered),
            image_bytes=sum(each.image_bytes for each in done),
            elapsed_s=time.monotonic() - begin_s,
        )


def render_shards_into(order: ShardsOrder, holding: Holding) -> Generator[ShardDone, None, None]:
    """Render shards of a run that another process has begun, and merges; yield each committed one.

    Raises ``FolderError`` where the folder is not the run's, or where what is here (fonts, texts,
    versions) would come to other bytes.
    """
    config, stop = holding.means.config, StopRequest()
    with open_folder(run_place(order.out), create=False) as folder:
        share_worker_lock(folder)
        record = require_record(folder)
        held = holding.make_ready(FirstRun(folder.absolute_path / folder.stage, False, stop))
        wanted = record_of(config, held, held.examples.first(order.num_examples))
        run = RunFolder(folder, wanted, holding.means.observer)
        refuse_difference(record, wanted, spelled_out(type(config)()))
        begun = _Begun(run, held, stop, {}, None)
        todo = [record.plan.shard(index) for index in order.shards]
        with closing(_shards_done(begun, todo, lambda: False)) as shards_done:
            for done in shards_done:
                if done is not None:
                    yield done


@dataclass(frozen=True, slots=True, eq=False)
class _Begun:
    """A run whose folder is taken, and what of it is there."""

    run: RunFolder
    held: Held
    stop: StopRequest
    manifests: Mapping[int, Manifest]
    """Of the shards that are committed and whole; of a part, its own."""
    characters: CharacterCounts | None
    """How often they occur, where texts were taken again for rare ones (and all are drawn)."""


@contextmanager
def _begun(order: RunOrder, holding: Holding) -> Iterator[_Begun]:
    config, observer, part = holding.means.config, holding.means.observer, order.part
    with (
        stop_on_signals() as stop,
        open_folder(order.out, create=order.resume != "must", part=part) as folder,
    ):
        holding.settle()
        folder.heed(stop.check_overdue)
        lock(folder)
        if note := lock_note(folder):
            observer.note(note)
        # Before fonts and texts are read for nothing.
        refuse_files_in_bucket(folder, config.output.container)
        record = existing_record(folder, order.resume, observer)
        had_stage = folder.begin_stage()
        is_unfinished = record is not None and SUCCESS not in folder.list_names()
        # The record says nothing of a part: others may have begun, and do well.
        was_cut_short = is_unfinished if part is None else had_stage
        stage = folder.absolute_path / folder.stage
        num_parts = part.num_parts if part else 1
        held = holding.make_ready(FirstRun(stage, was_cut_short, stop, num_parts))
        examples = held.examples
        wanted = record_of(config, held, examples.first(order.max_images or len(examples)))
        run = RunFolder(folder, wanted, observer)
        claim(run, spelled_out(type(config)()))
        workers = held.engine if isinstance(held.engine, Workers) else None
        manifests = whole_shards(run, stop, workers)
        characters = held.characters if wanted.plan.num_examples == len(examples) else None
        if characters is not None:
            write_characters(folder, rows_of(characters))
        yield _Begun(run, held, stop, manifests, characters)


def record_of(config: RunConfig, held: Held, examples: Examples) -> RunRecord:
    """What ``run.json`` says of a run of these examples."""
    asked = sorted(held.settings.fonts, key=attrgetter("rank"))
    fonts = {font.name: font.digest for font in asked}
    beside = beside_settings(held.settings)
    output = config.output
    extension = FILE_FORMATS[output.image_format].extension
    corpus_sha256, num = held.corpus_sha256(examples.texts), len(examples)
    return RunRecord(
        identity=identity_of(config, fonts, corpus_sha256, num, beside),
        plan=Plan(num),
        container=open_container(output.container, num, extension),
        schema=LabelSchema.of([label.spec for label in labels_of(held.settings)]),
    )


class _Merge(Protocol):
    """What is told of the shards that are committed."""

    def committed(self, shard: int) -> None: ...

    def advance(self) -> bool: ...


class _NoMerge:
    """A part's: there is nothing to merge before all are done."""

    def committed(self, shard: int) -> None:
        """Do nothing."""

    def advance(self) -> bool:
        """Do nothing."""
        return False


def _shards_done(
    begun: _Begun, todo: list[Shard], spare: SpareTime
) -> Generator[ShardDone | None, None, None]:
    run, held = begun.run, begun.held
    if isinstance(held.engine, RayNodes):
        return held.engine.run(run, todo, begun.stop, spare)
    if isinstance(held.engine, Workers):
        work = ShardQueue(todo, run.num_examples)
        destination = DatasetDestination.of(run.folder, run.record)
        return held.engine.run(destination, work, begun.stop, spare)
    sink = DatasetSink(run.folder, run.record, held.settings, worker=0)
    return held.engine.run(sink, todo, begun.stop, spare)


def _render_missing(begun: _Begun, merge: _Merge) -> list[ShardDone]:
    """Render the shards that have no manifest; say of each what it came to.

    Shards are merged in the engine's spare time, those that were there already as well.
    """
    run, engine, manifests = begun.run, begun.held.engine, begun.manifests
    container = run.record.container
    todo = [shard for shard in run.shards() if shard.index not in manifests]
    tally = Tally(run.num_examples, begin_s=time.monotonic())
    for manifest in manifests.values():
        tally.add(ShardDone.of(manifest))
        merge.committed(manifest.shard)
    tally.num_resumed = tally.num_done
    num_left = sum(shard.num_examples for shard in todo)
    check_room(run.folder, container, num_left, bytes_per_image=0)
    rendered: list[ShardDone] = []
    if not todo:
        return rendered
    # Closed at once if the observer raises: workers would go on as long as its traceback lives.
    with closing(_shards_done(begun, todo, merge.advance)) as shards_done:
        for done in shards_done:
            if done is not None:
                if done.num_images and not any(each.num_images for each in rendered):
                    mean_bytes = done.image_bytes // done.num_images
                    check_room(run.folder, container, num_left - done.num_images, mean_bytes)
                    note = slow_files_note(done.file_us, num_left - done.num_images, INSTEAD)
                    if note:
                        run.observer.note(note)
                tally.add(done)
                merge.committed(done.shard)
                rendered.append(done)
            run.observer.progress(tally.at(time.monotonic(), engine.num_images_under_way))
    begun.stop.check()
    return rendered
