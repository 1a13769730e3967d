"""One run, from its folder to its summary: what is there already, what is missing, the label table.

What the run renders with is ``held.py``'s, what of it is there already ``resume.py``'s.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from shmtext.config import Resume, RunConfig, fingerprint
from shmtext.corpus.ragged import RaggedTexts
from shmtext.dataset.folder import STAGE, OutputFolder
from shmtext.dataset.manifest import Manifest, committed_shards
from shmtext.dataset.merge import SUCCESS, merge_labels, read_success, remove_success
from shmtext.dataset.plan import Plan, Shard
from shmtext.dataset.record import RunRecord, refuse_difference, write_record
from shmtext.engine.held import FirstRun, Held, Holding
from shmtext.engine.identity import identity_of
from shmtext.engine.inprocess import InProcess
from shmtext.engine.messages import Target
from shmtext.engine.progress import ShardDone, Tally
from shmtext.engine.resume import OpenRun, existing_record, whole_shards
from shmtext.engine.stop import StopRequest, stop_on_signals
from shmtext.engine.supervisor import Workers
from shmtext.engine.to_dataset import DatasetSink
from shmtext.errors import StorageError

BLOCK_BYTES = 4_096
"""What the smallest file takes on most file systems."""

LABEL_BYTES = 200
"""Of a picture's row in fragment, label table and CSV; an estimate on the safe side."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """What a run came to."""

    folder: Path
    num_images: int
    """In the label table."""
    num_skipped: int
    """Examples that can't be drawn: rows of ``skipped.parquet``."""
    num_failed: int
    """Examples whose drawing went wrong: rows of ``skipped.parquet``, too."""
    num_rendered: int
    """Images rendered by this call; the others were there."""
    image_bytes: int
    elapsed_s: float
    digest: str
    """Over every picture and label row; equal runs have equal digests."""

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
    number: int
    """Of the run among those of its renderer."""


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
        folder.remove_tree(STAGE)
        folder.make_folder(STAGE)
        was_cut_short = record is not None and SUCCESS not in folder.list_names()
        stage = Path(os.path.abspath(order.out)) / STAGE
        held = holding.make_ready(FirstRun(stage, was_cut_short, stop))
        texts = held.texts
        if order.max_images is not None:
            texts = texts.slice(0, min(order.max_images, len(texts)))
        identity = _identity(config, held, texts)
        if record is not None:
            refuse_difference(record, identity)
        plan = Plan(len(texts), config.output.image_format)
        run = OpenRun(folder, plan, fingerprint(identity), observer)
        manifests = whole_shards(run, trusts_manifests=record is not None, stop=stop)
        if record is None:
            size = plan.examples_per_shard
            write_record(folder, RunRecord(identity, run.fingerprint, len(texts), size))
        success = read_success(folder)
        num_rendered = 0
        if success is None or len(manifests) < run.plan.num_shards:
            remove_success(folder)
            num_rendered = _render_missing(_Rendering(run, held, stop, order.number), manifests)
            with stop.raising():
                done, _ = committed_shards(folder, run.plan, run.fingerprint)
                success = merge_labels(folder, run.plan, done, config.output.csv)
        else:
            folder.remove_tree(STAGE)
        return RunSummary(
            folder=order.out,
            num_images=success.num_images,
            num_skipped=success.num_skipped,
            num_failed=success.num_failed,
            num_rendered=num_rendered,
            image_bytes=success.image_bytes,
            elapsed_s=time.monotonic() - begin_s,
            digest=success.digest,
        )


def _identity(config: RunConfig, held: Held, texts: RaggedTexts) -> Mapping[str, object]:
    fonts = {font.name: font.sha256 for font in held.settings.fonts}
    return identity_of(config, fonts, held.corpus_sha256(texts), len(texts))


@dataclass(frozen=True, slots=True, eq=False)
class _Rendering:
    run: OpenRun
    held: Held
    stop: StopRequest
    number: int

    def shards_done(self, todo: list[Shard]) -> Generator[ShardDone | None, None, None]:
        """Render shards; yield each report, and None now and then while there is none."""
        run, engine = self.run, self.held.engine
        match engine:
            case InProcess():
                sink = DatasetSink(
                    run.folder, run.plan, self.held.settings, run.fingerprint, worker=0
                )
                yield from engine.run(sink, todo, self.stop)
            case Workers():
                target = Target(
                    run=self.number,
                    path=os.path.abspath(run.folder.path),
                    identity=run.folder.identity,
                    num_examples=run.plan.num_examples,
                    image_format=run.plan.image_format,
                    fingerprint=run.fingerprint,
                )
                yield from engine.run(target, todo, run.plan.num_examples, self.stop)


def _render_missing(rendering: _Rendering, manifests: Mapping[int, Manifest]) -> int:
    """Render the shards that have no manifest; return how many images that were."""
    run = rendering.run
    todo = [shard for shard in run.plan.shards() if shard.index not in manifests]
    tally = Tally(run.plan.num_examples, begin_s=time.monotonic())
    for manifest in manifests.values():
        tally.add(ShardDone.of(manifest))
    tally.num_resumed = tally.num_done
    num_left = sum(shard.num_examples for shard in todo)
    _check_room(run, num_left, bytes_per_image=0)
    if not todo:
        return 0
    num_rendered = 0
    # Closed at once if the observer raises: workers would go on as long as its traceback lives.
    with closing(rendering.shards_done(todo)) as shards_done:
        for done in shards_done:
            if done is not None:
                if num_rendered == 0 and done.num_images:
                    _check_room(
                        run, num_left - done.num_images, done.image_bytes // done.num_images
                    )
                tally.add(done)
                num_rendered += done.num_images
            num_under_way = rendering.held.engine.num_images_under_way
            run.observer.progress(tally.at(time.monotonic(), num_under_way))
    rendering.stop.check()
    return num_rendered


def _check_room(run: OpenRun, num_images: int, bytes_per_image: int) -> None:
    """Raise ``StorageError`` if the device can't hold so many more images."""
    free = run.folder.free_space()
    if free.num_inodes < num_images:
        raise StorageError(
            f"{num_images:,} more files do not fit on the device that holds "
            f"{run.folder.path}: it has {free.num_inodes:,} inodes left; free some and run "
            "the same command again; everything committed is kept"
        )
    blocks = -(-bytes_per_image // BLOCK_BYTES) if bytes_per_image else 0
    needed = num_images * (blocks * BLOCK_BYTES + LABEL_BYTES)
    if free.num_bytes < needed:
        raise StorageError(
            f"about {needed / 1e6:,.0f} MB more are needed for {num_images:,} images, "
            f"{free.num_bytes / 1e6:,.0f} MB are free on the device that holds "
            f"{run.folder.path}: free some and run the same command again; everything "
            "committed is kept"
        )
