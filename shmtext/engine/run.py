"""One run, from its folder to its summary: what is there already, what is missing, the label table.

What the run renders with is ``held.py``'s, what of it is there already ``resume.py``'s.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from shmtext.config import Resume, RunConfig
from shmtext.dataset.characters import write_characters
from shmtext.dataset.columns import LabelSchema
from shmtext.dataset.containers import open_container
from shmtext.dataset.folder import STAGE, OutputFolder
from shmtext.dataset.manifest import Manifest
from shmtext.dataset.merge import SUCCESS, LabelMerge, csv_header, read_success, remove_success
from shmtext.dataset.plan import Plan, Shard
from shmtext.dataset.record import RunRecord, refuse_difference, write_record
from shmtext.dataset.room import check_room
from shmtext.draw.encode import FILE_FORMATS
from shmtext.draw.examples import Examples
from shmtext.draw.labels import labels_of
from shmtext.engine.characters import CharacterSummary, rows_of
from shmtext.engine.held import FirstRun, Held, Holding
from shmtext.engine.identity import beside_settings, identity_of, spelled_out
from shmtext.engine.progress import ShardDone, Tally
from shmtext.engine.resume import RunFolder, existing_record, whole_shards
from shmtext.engine.slow_files import slow_files_note
from shmtext.engine.stop import StopRequest, stop_on_signals
from shmtext.engine.supervisor import Workers
from shmtext.engine.task import ShardQueue
from shmtext.engine.to_dataset import DatasetDestination, DatasetSink

INSTEAD = "--container tar or parquet, in another folder, makes one a shard"


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run came to."""

    folder: Path
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

    @property
    def images_per_s(self) -> float:
        """Of this call."""
        return self.num_rendered / self.elapsed_s if self.elapsed_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class RunOrder:
    """What a caller wants of one run."""

    out: Path
    max_images: int | None
    """The first so many of what the config comes to."""
    resume: Resume


def render_into(order: RunOrder, holding: Holding) -> RunSummary:
    """Render into the order's folder, or finish what an interrupted run left there.

    What is rendered with is made once the folder is found to be this run's to use.
    """
    begin_s = time.monotonic()
    config, observer = holding.means.config, holding.means.observer
    with (
        stop_on_signals() as stop,
        OutputFolder.open(order.out, create=order.resume != "must") as folder,
    ):
        holding.settle()
        folder.lock()
        record = existing_record(folder, order.resume, observer)
        folder.begin_stage()
        was_cut_short = record is not None and SUCCESS not in folder.list_names()
        stage = Path(os.path.abspath(order.out)) / STAGE
        held = holding.make_ready(FirstRun(stage, was_cut_short, stop))
        examples = held.examples
        wanted = _record(config, held, examples.first(order.max_images or len(examples)))
        if record is not None:
            refuse_difference(record, wanted, spelled_out(type(config)()))
        run = RunFolder(folder, wanted, observer)
        manifests = whole_shards(run, held.engine, trusts_manifests=record is not None, stop=stop)
        if record is None:
            write_record(folder, wanted)
        characters = held.characters if wanted.plan.num_examples == len(examples) else None
        if characters is not None:
            write_characters(folder, rows_of(characters))
        success = read_success(folder)
        num_rendered, num_alone = 0, sum(each.num_alone for each in manifests.values())
        is_as_asked = csv_header(folder) == config.output.csv_header
        if success is None or not is_as_asked or len(manifests) < wanted.plan.num_shards:
            remove_success(folder)
            with LabelMerge(folder, wanted, config.output.csv_header) as merge:
                rendered = _render_missing(_Rendering(run, held, stop, merge), manifests)
                num_rendered = sum(done.num_images for done in rendered)
                num_alone += sum(done.num_alone for done in rendered)
                with stop.raising():
                    success = merge.finish()
        else:
            folder.remove_tree(STAGE)
        return RunSummary(
            folder=order.out,
            container=wanted.container.name,
            num_images=success.num_images,
            num_skipped=success.num_skipped,
            num_failed=success.num_failed,
            num_alone=num_alone,
            num_rendered=num_rendered,
            image_bytes=success.image_bytes,
            elapsed_s=time.monotonic() - begin_s,
            digest=success.digest,
            characters=None if characters is None else CharacterSummary.of(characters),
        )


def _record(config: RunConfig, held: Held, examples: Examples) -> RunRecord:
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


@dataclass(frozen=True, slots=True, eq=False)
class _Rendering:
    run: RunFolder
    held: Held
    stop: StopRequest
    merge: LabelMerge


def _shards_done(
    rendering: _Rendering, todo: list[Shard]
) -> Generator[ShardDone | None, None, None]:
    run, held = rendering.run, rendering.held
    more = rendering.stop, rendering.merge.advance
    if isinstance(held.engine, Workers):
        work = ShardQueue(todo, run.record.plan.num_examples)
        return held.engine.run(DatasetDestination.of(run.folder, run.record), work, *more)
    sink = DatasetSink(run.folder, run.record, held.settings, worker=0)
    return held.engine.run(sink, todo, *more)


def _render_missing(rendering: _Rendering, manifests: Mapping[int, Manifest]) -> list[ShardDone]:
    """Render the shards that have no manifest; say of each what it came to.

    Shards are merged in the engine's spare time, those that were there already as well.
    """
    run, engine, merge = rendering.run, rendering.held.engine, rendering.merge
    plan, container = run.record.plan, run.record.container
    todo = [shard for shard in plan.shards() if shard.index not in manifests]
    tally = Tally(plan.num_examples, begin_s=time.monotonic())
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
    with closing(_shards_done(rendering, todo)) as shards_done:
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
    rendering.stop.check()
    return rendered
