"""The sink that fills a ring's slots: pictures fitted into rows, and what is said of them.

A task is some steps of one taker, a slot for each; what is drawn for them is drawn together, as
a batch of a few dozen pictures takes four times as long, each, as one of two thousand.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from shmtext.corpus.ranges import Ints
from shmtext.corpus.shared import SegmentSpec, attach_bytes
from shmtext.dataset.plan import Shard
from shmtext.draw.batch import Batch, GlyphBoxes
from shmtext.draw.examples import Examples
from shmtext.draw.fit import Fit, Sizes, fit_into
from shmtext.draw.fitted_boxes import fitted_boxes
from shmtext.draw.ink import Ink
from shmtext.draw.labels import needs_boxes
from shmtext.draw.settings import RenderSettings
from shmtext.draw.texts import ShardTexts
from shmtext.engine.progress import NO_EXAMPLE, ShardDone
from shmtext.engine.shards import Watch
from shmtext.engine.task import Task
from shmtext.ring.layout import FIRST_POSITION, NUM_NOTE_BYTES, NUM_ROWS, WIDTH_PX, Missing, Slot
from shmtext.ring.order import OrderSpec, StreamOrder
from shmtext.ring.slots import RingSpec

WIDTH_STEP_PX = 8
"""Widths of arrays, where pictures come in runs of like width: a few of them, for those who compile
what they do for each."""


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """What decides a stream's batches beside texts and settings; can be sent to workers."""

    order: OrderSpec
    drawable: SegmentSpec | None
    """Numbers of the examples that can be drawn, int64; None: all of them."""
    fit: Fit
    pictures_at_once: int
    """About, of those that are drawn together: it is no part of what they look like."""

    def attach_order(self) -> StreamOrder:
        """The order, with the examples that can be drawn mapped."""
        if self.drawable is None:
            return StreamOrder(self.order, None)
        return StreamOrder(self.order, attach_bytes(self.drawable).view(np.int64))


@dataclass(frozen=True, slots=True)
class RingDestination:
    """A ring, as workers know it."""

    stream: StreamSpec
    ring: RingSpec

    def sink(self, settings: RenderSettings, worker: int) -> RingSink:  # noqa: ARG002
        """Map the ring. Raises ``SharedMemoryError`` where it is gone."""
        order = self.stream.attach_order()
        return RingSink(settings, order, self.stream.fit, self.ring.slots())


class RingSink:
    """Slots to be filled, and the order in which their texts come."""

    def __init__(
        self, settings: RenderSettings, order: StreamOrder, fit: Fit, slots: Sequence[Slot]
    ) -> None:
        self.slots = slots
        self.rows = [list(slot.images) for slot in slots]
        """Of each slot: views cost more to make than to fill."""
        self.stream_order = order
        self.fit = fit
        self.has_boxes = needs_boxes(settings)
        self.papers, _ = Ink(settings.color_pairs, settings.mode).ends
        self._examples = np.zeros(0, np.int64)

    @property
    def order(self) -> Self:
        """It is asked which examples come itself, and keeps them."""
        return self

    def examples(self, of_all: Examples, shard: Shard) -> tuple[Ints, Ints]:
        """Examples of some steps, and the numbers they are drawn by."""
        self._examples, numbers = self.stream_order.look_up(of_all, self.positions(shard))
        return self._examples, numbers

    def positions(self, shard: Shard) -> Ints:
        """In the stream, of some steps."""
        return self.stream_order.spec.turns.positions(shard.start, shard.num_examples)

    def shard(self, start: int, stop: int) -> Shard:
        """Steps have slots, which two numbers don't tell."""
        raise ValueError(f"{start} to {stop} are no steps of this stream")

    def open(self, task: Task, texts: ShardTexts, watch: Watch) -> Steps:
        """Begin steps."""
        return Steps(self, task, texts, watch, self._examples)

    def close(self) -> None:
        """The slots stay mapped: there is one ring as long as there is a worker."""


class Steps:
    """Some steps on their way into their slots."""

    def __init__(
        self, sink: RingSink, task: Task, texts: ShardTexts, watch: Watch, examples: Ints
    ) -> None:
        self._sink, self._task, self._texts, self._watch = sink, task, texts, watch
        self._examples = examples
        self._slots = [sink.slots[number] for number in task.slots]
        self._rows = [row for number in task.slots for row in sink.rows[number]]
        # Of each text; 0 where there is no picture.
        self._widths, self._heights = np.zeros((2, len(self._rows)), np.int32)
        self._boxes: list[tuple[Ints, GlyphBoxes]] = []
        self._num_images = self._num_alone = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """What lies in slots that nobody hears of is written over."""

    def take(self, batch: Batch) -> None:
        """Fit a batch's pictures into their rows."""
        self._watch.about_to_draw(NO_EXAMPLE)
        sink, positions = self._sink, batch.positions
        papers = sink.papers[self._texts.styles.pair_id[positions]]
        for row, (_, paper) in enumerate(batch.colors):
            if paper is not None:
                papers[row] = _levels(paper)[: papers.shape[1]]
        rows = [self._rows[position] for position in positions.tolist()]
        fitted = fit_into(rows, batch.pictures, papers, sink.fit)
        self._widths[positions], self._heights[positions] = fitted.width_px, fitted.height_px
        if batch.glyphs is not None:
            boxes = fitted_boxes(batch.glyphs, Sizes.of(batch.pictures), fitted)
            self._boxes.append((positions, boxes))
        self._num_images += len(positions)
        self._num_alone += batch.is_alone * len(positions)
        self._watch.batch_done(self._num_images)

    def commit(self) -> ShardDone:
        """Say in each slot what it has."""
        # Nothing is written that storage could hold up: who stops here is missed as soon as others.
        self._watch.about_to_draw(NO_EXAMPLE)
        positions = self._sink.positions(self._task.shard)
        failed = {skip.position: skip.reason for skip in self._texts.skips}
        size = self._sink.stream_order.spec.turns.batch_size
        for number, slot in enumerate(self._slots):
            row = np.arange(number * size, (number + 1) * size)
            there = row[self._widths[row] > 0]
            slot.says[FIRST_POSITION] = positions[row[0]]
            self._settle(slot, there - row[0], self._widths[there])
            for array, values in (
                (slot.widths, self._widths),
                (slot.heights, self._heights),
                (slot.indices, self._examples),
                (slot.positions, positions),
            ):
                array[: there.size] = values[there]
            if self._sink.has_boxes:
                _put_boxes(slot, GlyphBoxes.join(self._boxes, there))
            missing: list[Missing] = [
                (int(positions[each]), int(self._examples[each]), failed.get(each, ""))
                for each in row[self._widths[row] == 0].tolist()
            ]
            note = _note(missing, slot.note.size)
            slot.note[: len(note)] = np.frombuffer(note, np.uint8)
            slot.says[NUM_NOTE_BYTES] = len(note)
        num_failed = sum(skip.failed for skip in self._texts.skips)
        return ShardDone(
            shard=self._task.shard.index,
            num_images=self._num_images,
            num_skipped=len(self._rows) - self._num_images - num_failed,
            num_failed=num_failed,
            num_alone=self._num_alone,
            image_bytes=0,
        )

    def _settle(self, slot: Slot, rows: Ints, widths: NDArray[np.int32]) -> None:
        """Move rows together, where some are missing or all are narrower than they may be."""
        num, *size = slot.images.shape
        if rows.size < num:
            slot.images[: rows.size] = slot.images[rows]
        width_px = size[1]
        if self._sink.stream_order.spec.bucket is not None and rows.size:
            widest_px = int(widths.max())
            width_px = min(width_px, -(-widest_px // WIDTH_STEP_PX) * WIDTH_STEP_PX)
            narrow = np.ascontiguousarray(slot.images[: rows.size, :, :width_px])
            slot.images.reshape(-1)[: narrow.size] = narrow.reshape(-1)
        slot.says[NUM_ROWS], slot.says[WIDTH_PX] = rows.size, width_px


def _levels(color: str) -> NDArray[np.uint8]:
    """Red, green, blue of ``#rrggbb``."""
    return np.frombuffer(bytes.fromhex(color[1:]), np.uint8)


def _put_boxes(slot: Slot, boxes: GlyphBoxes) -> None:
    slot.box_seams[: boxes.seams.size] = boxes.seams
    slot.box_clusters[: boxes.cluster.size] = boxes.cluster
    slot.box_corners[: boxes.cluster.size] = boxes.corners


def _note(missing: list[Missing], most_bytes: int) -> bytes:
    """What is missing and why, as JSON; what has no room is left out."""
    while missing:
        note = json.dumps(missing).encode()
        if len(note) <= most_bytes:
            return note
        missing = missing[: len(missing) // 2]
    return b""
